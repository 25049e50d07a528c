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

"""The people node, over real topics, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import People, Skeleton3DArray
from geometry_msgs.msg import Point, TransformStamped
from lifecycle_msgs.msg import Transition
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from support.nodes import Client, connected, node_process
from support.walkers import CAMERAS, SCENE, WORLD, seen
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.camera import Camera
from diffupose_ros.nodes.common.conversions import camera_to_info, quaternions

RATE = 30
PARAMETERS = ("-p", "input_topics:=[skeletons_3d, other_skeletons]", "-p", "depth_topic:=depth/image")


class Robot(Client):
    """Somebody who publishes what cameras see, with tf and depth, and receives people."""

    def __init__(self) -> None:
        super().__init__("robot", "people_node")
        self.people: list[Any] = []
        self.predicted: list[Any] = []
        self.markers: list[Any] = []
        self._frame = 0
        deep = QoSProfile(depth=100)
        for kind, topic, received in (
            (People, "people", self.people),
            (People, "people_predicted", self.predicted),
            (MarkerArray, "people_markers", self.markers),
        ):
            self.node.create_subscription(kind, topic, received.append, deep)
        self._skeletons = {
            topic: self.node.create_publisher(Skeleton3DArray, topic, deep)
            for topic in ("skeletons_3d", "other_skeletons")
        }
        self._depth = self.node.create_publisher(Image, "depth/image", QoSProfile(depth=5))
        self._depth_info = self.node.create_publisher(CameraInfo, "depth/camera_info", QoSProfile(depth=5))
        self.fixed = StaticTransformBroadcaster(self.node)
        self.moving = TransformBroadcaster(self.node)

    def header(self, stamp: float, frame: str = "camera") -> Header:
        return Header(frame_id=frame, stamp=Time(nanoseconds=round(stamp * 1e9)).to_msg())

    def see(self, start: float, seconds: float, topic: str = "skeletons_3d", frame: str = "camera") -> Any:
        """Publish a person who walks, from a time of stamps on; return the last message."""
        for i in range(round(seconds * RATE)):
            message = seen(self.header(start + i / RATE, frame), i)
            self.publish(message, topic)
        return message

    def publish(self, message: Skeleton3DArray, topic: str = "skeletons_3d") -> None:
        self._skeletons[topic].publish(message)
        rclpy.spin_once(self.node, timeout_sec=0.01)

    def publish_depth(self, image: np.ndarray, header: Header, of: tuple[int, int]) -> None:
        """Publish a depth image and the CameraInfo of one of some width and height."""
        height, width = image.shape
        camera = SCENE.camera
        small = Camera(np.diag([of[0] / camera.width, of[1] / camera.height, 1]) @ camera.K, (), "plumb_bob", *of)
        encoding = {"uint16": "16UC1", "float32": "32FC1"}[str(image.dtype)]
        message = Image(header=header, width=width, height=height, encoding=encoding, step=width * image.itemsize)
        message.data.frombytes(image.tobytes())
        self._depth_info.publish(camera_to_info(small, header))
        self._depth.publish(message)
        rclpy.spin_once(self.node, timeout_sec=0.05)

    def until(self, stamp: float) -> Any:
        """Return the first message of people at a time or later."""

        def found() -> list[Any]:
            return [m for m in self.people if seconds(m.header) >= stamp - 1e-6]

        self.spin_until(found)
        return found()[0]


def seconds(header: Header) -> float:
    return header.stamp.sec + header.stamp.nanosec * 1e-9


def transform(child: str, stamp: float = 0.0, parent: str = "odom") -> TransformStamped:
    """Return where a camera stands."""
    rotation, place = CAMERAS[child]
    message = TransformStamped(child_frame_id=child)
    message.header = Header(frame_id=parent, stamp=Time(nanoseconds=round(stamp * 1e9)).to_msg())
    message.transform.rotation = quaternions(rotation[None])[0]
    t = message.transform.translation
    t.x, t.y, t.z = map(float, place)
    return message


def joint_positions(person: Any) -> np.ndarray:
    return np.array([(j.position.x, j.position.y, j.position.z) for j in person.joints])


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """One node for all tests, which begin with a time of their own: everybody before is forgotten."""
    with node_process("people_node", *PARAMETERS):
        yield


@pytest.fixture
def robot() -> Iterator[Robot]:
    with connected(Robot) as robot:
        robot.spin_until(lambda: robot.status() is not None)
        robot.spin_until(lambda: all(p.get_subscription_count() for p in robot._skeletons.values()))
        yield robot


@pytest.fixture
def in_odom(robot: Robot) -> Iterator[None]:
    """People are estimated in odom for the length of a test."""
    _restart(robot, "odom")
    yield
    _restart(robot, "")


def _restart(robot: Robot, target_frame: str) -> None:
    assert robot.change(Transition.TRANSITION_DEACTIVATE)
    assert robot.set("target_frame", target_frame).successful
    assert robot.change(Transition.TRANSITION_ACTIVATE)
    robot.spin_until(lambda: all(p.get_subscription_count() for p in robot._skeletons.values()))


def test_a_walking_person_is_followed_drawn_and_predicted(robot: Robot) -> None:
    last = robot.see(1000.0, 1.5)
    message = robot.until(seconds(last.header))
    assert message.header == last.header
    assert {p.id for m in robot.people for p in m.people} == {"person_0"}
    (person,) = message.people
    step = 2
    before, truth = SCENE.poses(44 - step)[0], SCENE.poses(44)[0]
    np.testing.assert_allclose(joint_positions(person), truth, atol=0.1)
    velocity = person.root_velocity.twist.linear
    np.testing.assert_allclose([velocity.x, velocity.y, velocity.z], (truth - before)[0] * RATE / step, atol=0.3)
    assert 1.4 < person.stature < 2.1 and 0 < person.stature_deviation < 0.3
    assert 1.0 < person.age < 1.5
    assert not (person.coasting or person.novel or person.depth_used or person.sides_uncertain)
    for covariance in (person.root.covariance, person.root_velocity.covariance):
        assert (np.linalg.eigvalsh(np.reshape(covariance, (6, 6))) > 0).all()
    robot.spin_until(lambda: seconds(robot.predicted[-1].header) >= seconds(last.header) + 0.499)
    ahead = robot.predicted[-1].people[0]
    assert np.trace(np.reshape(ahead.joints[16].position_covariance, (3, 3))) > np.trace(
        np.reshape(person.joints[16].position_covariance, (3, 3))
    )
    kinds = {m.ns for array in robot.markers for m in array.markers if m.action == Marker.ADD}
    assert kinds == {"people/bones", "people/predicted", "people/covariance", "people/velocity"}


def test_in_silence_people_coast_until_they_are_forgotten(robot: Robot) -> None:
    assert robot.set("forget_after", 0.6).successful
    assert robot.set("prediction_horizon", 0.0).successful
    last = robot.see(2000.0, 0.5)
    robot.until(seconds(last.header))
    robot.predicted.clear()
    robot.spin_until(lambda: not robot.people[-1].people)
    coasting = [m for m in robot.people if seconds(m.header) > seconds(last.header)]
    assert [len(m.people) for m in coasting] == [1] * (len(coasting) - 1) + [0]
    assert all(p.coasting for m in coasting for p in m.people)
    assert not robot.predicted
    robot.spin_until(lambda: {m.action for m in robot.markers[-1].markers} == {Marker.DELETE})
    again = robot.see(2000.6, 0.2)  # as a bag that was stopped for a moment: not late
    robot.until(seconds(again.header))
    assert not robot.count("late")
    assert robot.set("forget_after", 2.0).successful
    assert robot.set("prediction_horizon", 0.5).successful


def test_two_cameras_see_one_person(robot: Robot, in_odom: None) -> None:
    robot.fixed.sendTransform([transform("camera"), transform("other")])
    for i in range(30):
        robot.publish(seen(robot.header(3000 + i / RATE), i))
        message = seen(robot.header(3000 + (i + 0.5) / RATE, "other"), i)
        message.skeletons[0].id = "somebody"  # each camera names people as it likes
        robot.publish(message, "other_skeletons")
    message = robot.until(seconds(message.header))
    assert message.header.frame_id == "odom"
    assert len(message.people) == 1
    np.testing.assert_allclose(joint_positions(message.people[0]), SCENE.poses(29)[0] @ WORLD[0].T + WORLD[1], atol=0.1)
    place = np.reshape(message.people[0].root.covariance, (6, 6))[:3, :3]
    assert np.sqrt(np.linalg.eigvalsh(place)[-1]) < 0.15  # either camera alone: more than 0.2 m along its ray


def test_without_a_transform_people_are_left_out_and_come_back_with_it(robot: Robot) -> None:
    _restart(robot, "map")
    robot.see(4000.0, 0.3)
    robot.spin_until(lambda: robot.count("no transform"))
    assert not robot.people
    message = seen(robot.header(4001.0), 0)
    robot.publish(message)  # held until the camera's pose is known
    robot.moving.sendTransform([transform("camera", stamp, "map") for stamp in (4000.99, 4001.2)])
    again = robot.until(4001.0)
    assert again.header.stamp == message.header.stamp
    assert again.people[0].root.pose.position.z == pytest.approx(SCENE.HEIGHT - SCENE.poses(0)[0, 0, 1], abs=0.05)
    _restart(robot, "")


def test_a_floor_and_its_absence(robot: Robot, in_odom: None) -> None:
    robot.fixed.sendTransform([transform("camera")])
    assert robot.set("floor_frame", "nowhere").successful
    robot.see(5000.0, 0.2)
    robot.spin_until(lambda: robot.count("no floor"))
    assert robot.people[-1].people
    assert robot.set("floor_frame", "odom").successful
    before = robot.people[-1].people[0].root.covariance[0]
    last = robot.see(5005.0, 0.5)
    after = robot.until(seconds(last.header)).people[0].root.covariance[0]
    assert after < 0.75 * before  # the distance is known better
    assert robot.set("floor_frame", "").successful


def test_bad_people_are_left_out_and_the_others_go_on(robot: Robot) -> None:
    def bad(message: Skeleton3DArray) -> Skeleton3DArray:
        message.skeletons[0].joints[3].position = Point(x=float("nan"))
        message.skeletons[1].joints[3].covariance = np.zeros(9)
        return message

    for i in range(10):
        message = bad(seen(robot.header(6000 + i / RATE), i, people=3))
        robot.publish(message)
    assert [p.id for p in robot.until(seconds(message.header)).people] == ["person_2"]
    robot.publish(seen(robot.header(0.0), 0))
    robot.publish(seen(robot.header(6001.0, ""), 0))
    robot.spin_until(lambda: robot.count("zero stamp") and robot.count("no frame"))
    assert robot.count("bad person") >= 10


def test_a_bag_that_starts_again(robot: Robot) -> None:
    robot.until(seconds(robot.see(7010.0, 0.3).header))
    robot.people.clear()
    message = robot.until(seconds(robot.see(7000.0, 0.3).header))
    robot.spin_until(lambda: robot.count("time went back"))
    assert message.people[0].age < 0.3
    # Again and again: inputs are best effort.
    robot.spin_until(lambda: robot.count("repeated") or robot.publish(seen(message.header, 0)))


def test_depth_is_used_or_refused(robot: Robot) -> None:
    header = robot.header(8000.0)
    behind = SCENE.poses(0)[0, 0, 2] - 0.11
    robot.publish_depth(np.full((90, 160), behind, np.float32), header, of=(320, 180))
    robot.publish(seen(header, 0))
    robot.spin_until(lambda: robot.count("depth"))  # of another size than its camera
    other = robot.header(8000.1)
    robot.publish_depth(np.full((90, 160), behind, np.float32), robot.header(8000.1, "depth_camera"), of=(160, 90))
    robot.publish(seen(other, 0))
    robot.spin_until(lambda: robot.count("depth") > 1)
    assert not robot.people[-1].people[0].depth_used
    for i in range(2, 8):
        header = robot.header(8010 + i / 10)
        robot.publish_depth(np.full((90, 160), round(1000 * behind), np.uint16), header, of=(160, 90))
        robot.publish(seen(header, 0))
    person = robot.until(seconds(header)).people[0]
    assert person.depth_used
    assert person.root.covariance[14] < 0.1**2


def test_parameters_out_of_range_are_refused(robot: Robot) -> None:
    for name, value in (("forget_after", -1.0), ("prediction_horizon", 9.0), ("camera_rotation_deviation", 2.0)):
        result = robot.set(name, value)
        assert not result.successful and name in result.reason


def test_every_transition(robot: Robot) -> None:
    robot.until(seconds(robot.see(9000.0, 0.2).header))
    assert robot.change(Transition.TRANSITION_DEACTIVATE)
    robot.spin_until(lambda: robot.status().message == "not active")
    assert robot.values()["people"] == "0"
    received = len(robot.people)
    robot.see(9001.0, 0.2)
    assert robot.change(Transition.TRANSITION_CLEANUP)
    assert robot.state() == "unconfigured"
    assert robot.change(Transition.TRANSITION_CONFIGURE)
    assert robot.change(Transition.TRANSITION_ACTIVATE)
    assert len(robot.people) == received
    robot.spin_until(lambda: robot._skeletons["skeletons_3d"].get_subscription_count())
    robot.until(seconds(robot.see(9002.0, 0.3).header))
