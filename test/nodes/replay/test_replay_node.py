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

"""The replay node in its own process: recorded people over real topics."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import Skeleton2DArray, Skeleton3DArray
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from support.nodes import connected, node_process, positions

from diffupose_ros.nodes.common.conversions import camera_from_info
from diffupose_ros.nodes.replay.node import ReplayNode
from diffupose_ros.resources import resource_path


class Listener:
    """Collects what the replay node publishes."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("listener")
        self.skeletons: list[Any] = []
        self.truth: list[Any] = []
        self.info: list[Any] = []
        self.node.create_subscription(Skeleton2DArray, "skeletons_2d", self.skeletons.append, qos_profile_sensor_data)
        self.node.create_subscription(Skeleton3DArray, "ground_truth", self.truth.append, QoSProfile(depth=50))
        self.node.create_subscription(CameraInfo, "camera_info", self.info.append, QoSProfile(depth=50))

    def pairs(self, number: int) -> list[tuple[Any, Any]]:
        """Receive until there are ``number`` messages whose truth has come too; return them."""
        for _ in range(2000):
            truth = {str(t.header.stamp): t for t in self.truth}
            pairs = [(s, truth[str(s.header.stamp)]) for s in self.skeletons if str(s.header.stamp) in truth]
            if len(pairs) >= number and self.info:
                return pairs
            rclpy.spin_once(self.node, timeout_sec=0.05)
        raise AssertionError("the replay node was not heard")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with connected(Listener) as listener:
        yield listener


def test_without_noise_the_2d_is_the_projection_of_the_truth(listener: Listener) -> None:
    options = ("-p", "layout:=h36m17", "-p", "noise:=0.0", "-p", "occlusion:=0.0", "-p", "people:=4")
    with node_process("replay_node", *options):
        pairs = listener.pairs(20)
    camera = camera_from_info(listener.info[0])
    for skeletons, truth in pairs:
        assert skeletons.header.frame_id == "camera_optical_frame" and skeletons.detector == "simulated"
        assert [s.id for s in skeletons.skeletons] == [t.id for t in truth.skeletons]
        assert len(skeletons.skeletons) == 4
        for seen, true in zip(skeletons.skeletons, truth.skeletons, strict=True):
            pixels = np.array([(k.x, k.y) for k in seen.keypoints])
            visible = np.array([k.score for k in seen.keypoints]) > 0
            assert np.abs(pixels - camera.project(positions(true)))[visible].max(initial=0) < 0.01
    assert len({str(s.header.stamp) for s, _ in pairs}) == len(pairs)


def test_occlusion_hides_limbs_and_noise_moves_joints(listener: Listener) -> None:
    with node_process("replay_node", "-p", "occlusion:=1.0", "-p", "rate:=60.0", "-p", "people:=1"):
        pairs = listener.pairs(20)
    hidden = [sum(k.score == 0 for k in s.skeletons[0].keypoints) for s, _ in pairs]
    assert min(hidden) >= 1
    assert {k.score for k in pairs[0][0].skeletons[0].keypoints} - {0.0, 1.0}


def test_without_loop_it_falls_silent_but_lives(listener: Listener, tmp_path: Path) -> None:
    with np.load(resource_path("resource/clips/people.npz")) as arrays:
        short = {name: arrays[name][:31] for name in arrays.files}
    np.savez(tmp_path / "short.npz", **short)
    with node_process("replay_node", "-p", "loop:=false", "-p", f"clip:={tmp_path / 'short.npz'}"):
        listener.pairs(5)
        silent_since = time.monotonic()
        while time.monotonic() - silent_since < 1.0:
            heard = len(listener.truth)
            rclpy.spin_once(listener.node, timeout_sec=0.05)
            assert len(listener.truth) <= 60  # 31 frames forth and 29 back
            if len(listener.truth) > heard:
                silent_since = time.monotonic()


def test_a_clip_that_is_not_there_ends_the_node_with_the_reason() -> None:
    command = [sys.executable, "-m", "diffupose_ros.nodes.replay.node", "--ros-args", "-p", "clip:=nowhere.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "no clips at nowhere.npz" in ended.stderr


def test_at_the_clips_own_rate_no_frame_is_skipped_or_shown_twice() -> None:
    rclpy.init(args=[])
    node, shown = ReplayNode(), []
    node._scene.poses = lambda frame, poses=node._scene.poses: shown.append(frame) or poses(frame)
    for _ in range(500):
        node._publish()
    assert shown == list(range(500))
    node.destroy_node()
    rclpy.try_shutdown()
