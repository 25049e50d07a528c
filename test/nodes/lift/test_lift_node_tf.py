# Copyright 2026 diffupose_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The lift node's frames on /tf, over real topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from support.nodes import Operator, connected, node_process, positions
from tf2_msgs.msg import TFMessage

FRAMES = 27  # of each person: the body, and 26 links


class Listener(Operator):
    """An operator that also listens to /tf."""

    def __init__(self, outputs: tuple[str, ...] = ("skeletons_3d",)) -> None:
        super().__init__(outputs)
        self.frames: list[Any] = []
        self.node.create_subscription(
            TFMessage, "/tf", lambda message: self.frames.extend(message.transforms), QoSProfile(depth=100)
        )

    def frames_of(self, message: Any) -> dict[str, Any]:
        """Return the frames received that belong to a message, by name."""
        return {f.child_frame_id: f for f in self.frames if f.header.stamp == message.header.stamp}


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """One lift node for all tests, which leave it without frames."""
    with node_process("lift_node", "-p", "device:=cpu"):
        yield


@pytest.fixture
def listener() -> Iterator[Listener]:
    with connected(Listener) as listener:
        yield listener


def test_frames_are_off_until_asked_for_and_live(listener: Listener) -> None:
    listener.see()
    listener.answer(listener.good())
    listener.answer(listener.good())
    assert not listener.frames

    assert listener.set("publish_tf", True).successful
    message = listener.good(people=2)
    answer = listener.answer(message)
    listener.spin_until(lambda: len(listener.frames_of(message)) == 2 * FRAMES)
    frames = listener.frames_of(message)
    for skeleton in answer.skeletons:
        body = frames[f"body_{skeleton.id}"]
        assert body.header == message.header
        p, v = skeleton.root.pose.position, body.transform.translation
        assert (v.x, v.y, v.z) == pytest.approx((p.x, p.y, p.z))
        assert body.transform.rotation == skeleton.root.pose.orientation
        ankle = frames[f"l_ankle_{skeleton.id}"]
        assert ankle.header.frame_id == f"body_{skeleton.id}"
        v = ankle.transform.translation
        joints = positions(skeleton)
        assert np.linalg.norm([v.x, v.y, v.z]) == pytest.approx(np.linalg.norm(joints[6] - joints[0]))

    assert listener.set("publish_tf", False).successful
    listener.answer(listener.good())
    received = len(listener.frames)
    listener.answer(listener.good())
    assert len(listener.frames) == received


def test_what_tf_would_refuse_is_not_broadcast_and_breaks_nothing(listener: Listener) -> None:
    assert listener.set("publish_tf", True).successful
    listener.see()
    zero, nowhere, odd = listener.good(), listener.good(), listener.good(people=3)
    zero.header.stamp.sec = 0
    nowhere.header.frame_id = ""
    odd.skeletons[0].id, odd.skeletons[1].id = "", "/x"
    assert listener.answer(zero).skeletons
    assert listener.answer(nowhere).skeletons
    listener.spin_until(lambda: listener.count("zero stamp") and listener.count("no frame"))
    listener.answer(odd)
    listener.spin_until(lambda: len(listener.frames_of(odd)) == 3 * FRAMES)
    assert {"body_p0", "body_/x", "body_person_2"} <= set(listener.frames_of(odd))
    assert not listener.frames_of(zero)
    assert not listener.frames_of(nowhere)
    assert listener.set("publish_tf", False).successful


def test_nothing_is_lifted_for_nobody_and_people_for_who_listens_to_tf_alone(listener: Listener) -> None:
    listener.node.destroy_node()
    alone = listener.__class__(outputs=())

    def told(event: str) -> int:
        return int(alone.values().get(event, 0))

    def idle() -> None:
        before = told("not lifted (nobody subscribes)")
        alone.spin_until(lambda: told("not lifted (nobody subscribes)") > before or alone.publish(alone.good()))

    alone.see()
    idle()
    lifted = told("messages out")
    idle()
    assert told("messages out") == lifted
    assert alone.set("publish_tf", True).successful
    alone.spin_until(lambda: alone.frames or alone.publish(alone.good()))
    assert alone.set("publish_tf", False).successful
    alone.node.destroy_node()
