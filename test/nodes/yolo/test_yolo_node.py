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

"""yolo_ros' detections as our 2D skeletons: single messages, and the node over real topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from diffupose_ros.msg import Skeleton2DArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from support.nodes import PATIENCE, SCENE, TRUTH, said_without
from support.yolo import add_yolo_msgs

from diffupose_ros.data.detectors import detector_joints
from diffupose_ros.nodes.common.conversions import camera_to_info, keypoints_of, stamp_ns
from diffupose_ros.nodes.yolo.node import YoloNode
from diffupose_ros.nodes.yolo.people import read_people

HERE = add_yolo_msgs()
if HERE:
    from yolo_msgs.msg import Detection, DetectionArray, KeyPoint2D, Point2D
needs_yolo = pytest.mark.skipif(not HERE, reason="needs yolo_msgs, which this ROS 2 has not")
NAN = float("nan")


def pose_2d(person: int) -> np.ndarray:
    """Return one of the scene's people (17, 2), in pixels, in the order of COCO."""
    return SCENE.camera.project(detector_joints(TRUTH[person], "coco17"))


def detection(pose: np.ndarray, name: str = "", left_out: tuple[int, ...] = (), score: float = 0.8) -> Any:
    """Return a person as yolo_ros has one, without some of the joints."""
    made = Detection(class_name="person", id=name, score=0.9)
    points = [(i + 1, *xy) for i, xy in enumerate(pose.tolist()) if i not in left_out]
    made.keypoints.data = [KeyPoint2D(id=i, point=Point2D(x=x, y=y), score=score) for i, x, y in points]
    return made


@needs_yolo
def test_keypoints_go_where_their_ids_say_and_absent_ones_are_not_seen() -> None:
    pose = pose_2d(0)
    one = detection(pose, "7", left_out=(9, 10))
    one.keypoints.data.reverse()
    one.keypoints.data[0].point = Point2D()  # an ankle, which YOLO did not find
    people = read_people(DetectionArray(detections=[one, detection(pose_2d(1), "8")]))
    assert people.ids == ["7", "8"]
    assert (people.bare, people.problems) == (0, [])
    found = people.detections
    assert (found.layout, found.profile, found.keypoints.shape) == ("coco17", "yolo-pose", (2, 17, 2))
    assert np.flatnonzero(found.scores[0] == 0).tolist() == [9, 10, 16]
    assert (np.delete(found.scores[0], [9, 10, 16]) == 0.8).all()
    assert found.keypoints[0, :9] == pytest.approx(pose[:9])
    assert found.keypoints[1] == pytest.approx(pose_2d(1))


@needs_yolo
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": 0}, "id 0: expected 1 to 17"),
        ({"id": 18}, "id 18: expected 1 to 17"),
        ({"score": NAN}, "score nan"),
        ({"point": (NAN, 3.0)}, "x nan"),
    ],
)
def test_a_bad_person_costs_no_other(change: dict[str, Any], reason: str) -> None:
    bad = detection(pose_2d(0), "bad")
    for key, value in change.items():
        setattr(bad.keypoints.data[3], key, Point2D(x=value[0], y=value[1]) if key == "point" else value)
    people = read_people(DetectionArray(detections=[bad, detection(pose_2d(1), "good")]))
    assert people.ids == ["good"]
    assert people.detections.keypoints.shape == (1, 17, 2)
    (problem,) = people.problems
    assert "'bad'" in problem and reason in problem


@needs_yolo
def test_things_without_keypoints_are_nobody() -> None:
    people = read_people(DetectionArray(detections=[Detection(class_name="chair", id="3")]))
    assert (people.ids, people.bare, people.problems) == ([], 1, [])
    assert people.detections.scores.shape == (0, 17)
    assert read_people(DetectionArray()).detections.keypoints.shape == (0, 17, 2)


def test_without_yolo_msgs_the_node_ends_with_what_to_do() -> None:
    line = said_without("yolo_msgs", "yolo")
    assert "yolo_msgs" in line and "git clone" in line


class Yolo:
    """Publishes detections as yolo_ros does, to a node in this process, and receives what that makes of them."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("yolo")
        self.adapter = YoloNode(cli_args=["--ros-args", "-r", "__ns:=/robot", "-p", "detections_topic:=/yolo/people"])
        self.received: list[Any] = []
        self.diagnostics: list[Any] = []
        self._stamp = 1000
        self._detections = self.node.create_publisher(DetectionArray, "/yolo/people", 10)
        self._info = self.node.create_publisher(CameraInfo, "/robot/camera_info", 1)
        self.node.create_subscription(
            Skeleton2DArray, "/robot/skeletons_2d", self.received.append, qos_profile_sensor_data
        )
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, QoSProfile(depth=5))
        self._executor = SingleThreadedExecutor()
        for node in (self.node, self.adapter):
            self._executor.add_node(node)

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.node, self.adapter):
            node.destroy_node()

    def spin_until(self, done: Callable[[], Any]) -> Any:
        """Run both nodes until the condition holds, and return what it returned; fail where it never does."""
        end = time.monotonic() + PATIENCE
        while not (found := done()):
            assert time.monotonic() < end, "it did not happen"
            self._executor.spin_once(timeout_sec=0.02)
        return found

    def answer(self, *detections: Any) -> Any:
        """Publish the detections, of image after image, until one is answered, and return the answer."""
        self.received.clear()
        sent = set()

        def answered() -> Any:
            self._stamp += 1
            message = DetectionArray(header=Header(frame_id="camera"), detections=list(detections))
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(self._stamp * 50_000_000, 10**9)
            sent.add(stamp_ns(message.header))
            self._detections.publish(message)
            return next((m for m in self.received if stamp_ns(m.header) in sent), None)

        return self.spin_until(answered)

    def publish_camera(self) -> None:
        self._info.publish(camera_to_info(SCENE.camera, Header(frame_id="camera")))

    def message(self) -> str:
        """Return the line for people of the node's latest diagnostics."""
        found = [s.message for m in self.diagnostics for s in m.status if s.name == "robot/yolo_node"]
        return found[-1] if found else ""


@pytest.fixture
def yolo() -> Iterator[Yolo]:
    rclpy.init(args=[])
    made = Yolo()
    try:
        yield made
    finally:
        made.close()
        rclpy.try_shutdown()


@needs_yolo
def test_people_come_with_ids_profile_frame_and_size(yolo: Yolo) -> None:
    assert yolo.answer(detection(pose_2d(0), "7")).image_width == 0  # not known yet
    yolo.spin_until(lambda: yolo.adapter._info.width or yolo.publish_camera())
    answer = yolo.answer(detection(pose_2d(0), "7"), Detection(class_name="dog", id="4"), detection(pose_2d(1), "9"))
    assert (answer.image_width, answer.image_height, answer.header.frame_id) == (1280, 720, "camera")
    assert (answer.detector, [s.id for s in answer.skeletons]) == ("yolo-pose", ["7", "9"])
    assert {s.layout for s in answer.skeletons} == {"coco17"}
    values = keypoints_of(answer.skeletons)
    assert values[1, :, :2] == pytest.approx(pose_2d(1), abs=0.01)
    assert values[..., 2] == pytest.approx(np.full((2, 17), 0.8))


@needs_yolo
def test_people_without_ids_get_ones_that_last(yolo: Yolo) -> None:
    first = yolo.answer(detection(pose_2d(0)), detection(pose_2d(1)))
    names = [s.id for s in first.skeletons]
    assert len(set(names)) == 2 and all(names)
    places = dict(zip(names, keypoints_of(first.skeletons)[:, 5, 0], strict=True))
    again = yolo.answer(detection(pose_2d(1) + 2), detection(pose_2d(0) + 2))
    for skeleton in again.skeletons:
        assert skeleton.keypoints[5].x == pytest.approx(places[skeleton.id] + 2, abs=0.01)


@needs_yolo
def test_where_nobody_is_the_node_says_so_and_detections_without_keypoints_are_explained(yolo: Yolo) -> None:
    assert yolo.answer().skeletons == []
    assert yolo.answer(Detection(class_name="person", id="1")).skeletons == []
    yolo.spin_until(lambda: yolo.answer(Detection(class_name="person", id="1")) and "pose model" in yolo.message())
