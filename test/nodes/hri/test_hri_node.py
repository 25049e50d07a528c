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

"""REP-155's bodies as our 2D skeletons: single joints, and the node in its own process over real topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from diffupose_ros.msg import Skeleton2DArray
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from support.nodes import PATIENCE, SCENE, TRUTH, connected, node_process, said_without

from diffupose_ros.data.detectors import detector_joints
from diffupose_ros.nodes.common.conversions import (
    camera_to_info,
    hri_keypoints,
    keypoints_of,
    skeletons_2d_message,
    stamp_ns,
)
from diffupose_ros.skeleton import H36M17, LAYOUTS, Status, to_h36m

NAN, INF = float("nan"), float("inf")


def body(changes: dict[int, tuple[float, float, float]] | None = None) -> SimpleNamespace:
    """A body in the middle of the image, as hri_msgs/Skeleton2D has it, but for some joints."""
    points = [SimpleNamespace(x=0.5, y=0.02 * i + 0.1, c=0.9) for i in range(18)]
    for i, (x, y, c) in (changes or {}).items():
        points[i] = SimpleNamespace(x=x, y=y, c=c)
    return SimpleNamespace(skeleton=points)


def test_joints_are_scaled_to_the_image_and_keep_their_order() -> None:
    pixels, scores, outside, bad = hri_keypoints(body({4: (1.0, 0.0, 0.25)}), 1280, 720)
    assert len(pixels) == len(LAYOUTS["openpose18"])
    assert pixels[0].tolist() == [640, 72]
    assert pixels[4].tolist() == [1280, 0]
    assert scores[4] == 0.25
    assert (outside, bad) == (0, 0)
    message = skeletons_2d_message(
        Header(), CameraInfo(width=1280, height=720), ["b1"], "openpose18", pixels[None], scores[None]
    )
    assert (message.image_width, message.image_height) == (1280, 720)
    values = keypoints_of(message.skeletons)
    joints = to_h36m(values[..., :2], values[..., 2], message.skeletons[0].layout, 0.1)
    assert joints.keypoints[0, H36M17.index("right_wrist")] == pytest.approx([1280, 0])
    assert joints.status[0, H36M17.index("thorax")] == Status.MEASURED  # hri_msgs' neck


@pytest.mark.parametrize(
    ("point", "outside", "bad"),
    [
        ((0.0, 0.0, 0.0), 0, 0),
        ((0.0, 0.0, 0.9), 0, 0),
        ((0.3, 0.3, 0.0), 0, 0),
        ((0.3, 0.3, NAN), 0, 0),
        ((NAN, NAN, NAN), 0, 0),
        ((NAN, NAN, 0.0), 0, 0),
        ((0.3, 0.3, -1.0), 0, 0),
        ((NAN, 0.3, 0.9), 0, 1),
        ((0.3, INF, 0.9), 0, 1),
        ((-0.01, 0.3, 0.9), 1, 0),
        ((0.3, 1.01, 0.9), 1, 0),
    ],
)
def test_joints_that_are_not_seen_or_nowhere_are_missing(
    point: tuple[float, float, float], outside: int, bad: int
) -> None:
    pixels, scores, *counts = hri_keypoints(body({3: point}), 640, 480)
    assert scores[3] == 0
    assert np.isfinite(pixels).all()
    assert (np.delete(scores, 3) == 0.9).all()
    assert counts == [outside, bad]


@pytest.mark.parametrize("confidence", [1.5, INF])
def test_a_confidence_above_1_counts_as_1_and_is_said(confidence: float) -> None:
    _, scores, outside, bad = hri_keypoints(body({3: (0.3, 0.3, confidence)}), 640, 480)
    assert scores[3] == 1
    assert (outside, bad) == (0, 1)


def test_without_hri_msgs_the_node_ends_with_what_to_install() -> None:
    line = said_without("hri_msgs", "hri")
    assert "hri_msgs" in line and "-hri-msgs" in line


def pose_2d(person: int) -> list[tuple[float, float, float]]:
    """One of the scene's people, as x, y and c of the 18 points."""
    joints = detector_joints(TRUTH[person], "openpose18")
    x_y = SCENE.camera.project(joints) / (SCENE.camera.width, SCENE.camera.height)
    return [(x, y, 0.8) for x, y in x_y.tolist()]


class BodyTracker:
    """Publishes bodies as REP-155 has them, and receives what hri_node makes of them."""

    def __init__(self) -> None:
        from hri_msgs import msg

        self.msg = msg
        self.node = rclpy.create_node("body_tracker")
        self.received: list[Any] = []
        self.diagnostics: list[Any] = []
        self._bodies: dict[str, Any] = {}
        self._stamp = 1000
        self._tracked = self.node.create_publisher(msg.IdsList, "/humans/bodies/tracked", 1)
        self._info = self.node.create_publisher(CameraInfo, "/camera/camera_info", 1)
        self.node.create_subscription(Skeleton2DArray, "/robot/people", self.received.append, qos_profile_sensor_data)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, QoSProfile(depth=5))

    def publish_camera(self) -> None:
        self._info.publish(camera_to_info(SCENE.camera, Header(frame_id="camera")))

    def image(self, bodies: dict[str, list[tuple[float, float, float]]], *refused: str) -> int:
        """Publish the bodies of a new image, the list of them first; return the image's stamp in nanoseconds."""
        self._stamp += 1
        header = Header(frame_id="camera")
        stamp = self._stamp * 100_000_000  # 10 images a second
        header.stamp.sec, header.stamp.nanosec = divmod(stamp, 10**9)
        self._tracked.publish(self.msg.IdsList(header=header, ids=[*bodies, *refused]))
        for name, points in bodies.items():
            if name not in self._bodies:
                topic = f"/humans/bodies/{name}/skeleton2d"
                self._bodies[name] = self.node.create_publisher(self.msg.Skeleton2D, topic, 1)
            skeleton = [self.msg.NormalizedPointOfInterest2D(x=x, y=y, c=c) for x, y, c in points]
            self._bodies[name].publish(self.msg.Skeleton2D(header=header, skeleton=skeleton))
        return stamp

    def spin_until(self, done: Callable[[], Any]) -> Any:
        """Receive until the condition holds, and return what it returned; fail where it never does."""
        end = time.monotonic() + PATIENCE
        while not (found := done()):
            assert time.monotonic() < end, f"it did not happen; diagnostics: {self.values()}"
            rclpy.spin_once(self.node, timeout_sec=0.05)
        return found

    def answer(self, bodies: dict[str, list[tuple[float, float, float]]], *refused: str) -> Any:
        """Publish image after image until a frame has all of the bodies, and return that frame."""

        def answered() -> Any:
            return next((m for m in self.received if {s.id for s in m.skeletons} == set(bodies)), None)

        self.received.clear()

        def try_again() -> Any:
            self.image(bodies, *refused)
            for _ in range(4):  # an image period, so that one image is answered before the next
                rclpy.spin_once(self.node, timeout_sec=0.02)
            return answered()

        return self.spin_until(try_again)

    def subscribers(self, name: str) -> int:
        return int(self.node.count_subscribers(f"/humans/bodies/{name}/skeleton2d"))

    def status(self) -> Any:
        found = [s for m in self.diagnostics for s in m.status if s.name == "robot/hri_node"]
        return found[-1] if found else None

    def values(self) -> dict[str, str]:
        status = self.status()
        return {v.key: v.value for v in status.values} if status else {}

    def count(self, event: str) -> int:
        return int(self.values().get(event, 0))


@pytest.fixture(scope="module")
def tracker() -> Iterator[BodyTracker]:
    """Return a tracker that an hri_node hears: in a namespace, its topics remapped."""
    pytest.importorskip("hri_msgs", reason="needs a ROS 2 with hri_msgs")
    remapped = ("-r", "__ns:=/robot", "-r", "skeletons_2d:=people", "-r", "camera_info:=/camera/camera_info")
    with node_process("hri_node", *remapped), connected(BodyTracker) as tracker:
        tracker.spin_until(lambda: tracker.node.count_subscribers("/humans/bodies/tracked"))
        yield tracker


@pytest.fixture
def seeing(tracker: BodyTracker) -> BodyTracker:
    """Return the tracker once the node knows the size of the image."""
    tracker.spin_until(lambda: tracker.values().get("image") == "1280x720" or tracker.publish_camera())
    return tracker


def test_without_camera_info_nothing_is_published_and_diagnostics_say_why(tracker: BodyTracker) -> None:
    tracker.spin_until(lambda: tracker.count("problem: no camera") or tracker.image({"a": pose_2d(0)}) < 0)
    assert "camera_info" in tracker.status().message
    assert not tracker.received


def test_all_bodies_of_an_image_come_together_in_pixels(seeing: BodyTracker) -> None:
    answer = seeing.answer({"a": pose_2d(0), "b": pose_2d(1), "c": pose_2d(2)})
    assert answer.header.frame_id == "camera"
    assert (answer.image_width, answer.image_height) == (1280, 720)
    assert [s.id for s in answer.skeletons] == ["a", "b", "c"]
    for skeleton, truth in zip(answer.skeletons, TRUTH, strict=True):
        assert skeleton.layout == "openpose18"
        wrist = skeleton.keypoints[4]
        expected = SCENE.camera.project(truth[H36M17.index("right_wrist")][None])[0]
        assert [wrist.x, wrist.y] == pytest.approx(expected.tolist(), abs=0.01)
        assert wrist.score == pytest.approx(0.8)
    seeing.received.clear()
    stamps = [seeing.image({"a": pose_2d(0), "b": pose_2d(1), "c": pose_2d(2)}) for _ in range(3)]
    seeing.spin_until(lambda: [m for m in seeing.received if stamp_ns(m.header) == stamps[-1]])
    assert len({stamp_ns(m.header) for m in seeing.received}) == len(seeing.received)


def test_bodies_that_leave_are_unsubscribed_and_nobody_is_told_too(seeing: BodyTracker) -> None:
    seeing.answer({"a": pose_2d(0), "b": pose_2d(1)})
    seeing.spin_until(lambda: seeing.subscribers("b") == 1)
    seeing.answer({"a": pose_2d(0)})
    seeing.spin_until(lambda: seeing.subscribers("b") == 0)
    assert seeing.subscribers("a") == 1
    assert seeing.answer({}).skeletons == []
    seeing.spin_until(lambda: seeing.subscribers("a") == 0 and seeing.values()["bodies"] == "0")
    assert len(seeing.answer({"b": pose_2d(1)}).skeletons) == 1


@pytest.mark.parametrize("bad", ["67dd1", "", "a b", "größe", "{x}", "~", "a/"])
def test_an_id_that_can_have_no_topic_costs_no_other(seeing: BodyTracker, bad: str) -> None:
    before = seeing.count("problem: bad id")
    assert len(seeing.answer({"a": pose_2d(0), "b": pose_2d(1)}, bad).skeletons) == 2
    seeing.spin_until(lambda: seeing.count("problem: bad id") > before)
    assert len(seeing.answer({"a": pose_2d(0)}).skeletons) == 1


def test_bad_joints_cost_no_others_and_are_counted(seeing: BodyTracker) -> None:
    points = pose_2d(0)
    points[4], points[7], points[10], points[13] = (NAN, NAN, 0.0), (0.5, INF, 0.9), (0.5, 1.2, 0.9), (0.5, 0.5, 3.0)
    bad, outside = seeing.count("problem: bad joint"), seeing.count("joints outside the image")
    keypoints = seeing.answer({"a": points, "b": pose_2d(1)}).skeletons[0].keypoints
    assert [keypoints[i].score for i in (4, 7, 10, 13)] == [0, 0, 0, 1]
    seeing.spin_until(lambda: seeing.count("problem: bad joint") > bad)
    seeing.spin_until(lambda: seeing.count("joints outside the image") > outside)


def test_bodies_without_a_stamp_are_refused_and_counted(seeing: BodyTracker) -> None:
    seeing._stamp, later = -1, seeing._stamp  # the next image's is zero
    before = seeing.count("problem: zero stamp")
    seeing.spin_until(lambda: seeing.count("problem: zero stamp") > before or again(seeing))
    seeing._stamp = later
    assert len(seeing.answer({"a": pose_2d(0)}).skeletons) == 1


def again(tracker: BodyTracker) -> None:
    tracker._stamp = -1
    tracker.image({"a": pose_2d(0)})
