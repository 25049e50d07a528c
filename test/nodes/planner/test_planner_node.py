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

"""The planner node over real topics."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import People, Skeleton3DArray
from geometry_msgs.msg import PoseArray, TransformStamped
from rclpy.exceptions import InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Float32, Header, String
from support.humans import add_ros4hri
from support.nodes import PATIENCE, Observer, node_process
from support.people import STANDING
from support.planning import add_planning_messages, standing
from support.walkers import seen
from tf2_ros import Buffer, StaticTransformBroadcaster, TransformListener
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.nodes.common.qos import LATCHED
from diffupose_ros.nodes.planner.node import PlannerNode
from diffupose_ros.nodes.planner.outputs import OUTPUTS
from diffupose_ros.planning.joint_angles import ANGLES, joint_angles
from diffupose_ros.skeleton import H36M17

KINDS = {"obstacles": PointCloud2, "capsules": MarkerArray, "body_points": PoseArray, "speed_scale": Float32}


class Robot(Observer):
    """Somebody who publishes people, and takes what the planner node makes of them; runs both nodes."""

    def __init__(self) -> None:
        super().__init__("robot", "planner_node")
        self.planner = PlannerNode()
        self.planner.autostart()
        self._executor = SingleThreadedExecutor()
        for node in (self.node, self.planner):
            self._executor.add_node(node)
        self.received: dict[str, list[Any]] = {}
        self._people = self.node.create_publisher(People, "people", 5)
        self._skeletons = self.node.create_publisher(Skeleton3DArray, "skeletons_3d", 5)
        self._fixed = StaticTransformBroadcaster(self.node)

    def close(self) -> None:
        self._executor.shutdown()
        self.planner.destroy_node()
        self.node.destroy_node()

    def listen(self, topic: str, kind: Any) -> list[Any]:
        """Return the list of all that comes from now on."""
        self.received[topic] = []
        self.node.create_subscription(kind, topic, self.received[topic].append, QoSProfile(depth=50))
        self.spin_until(lambda: self.planner.count_subscribers(topic))
        return self.received[topic]

    def spin(self, seconds: float = 0.0) -> None:
        """Run both nodes for a while."""
        end = time.monotonic() + seconds
        while True:
            self._executor.spin_once(timeout_sec=0.01)
            if time.monotonic() >= end:
                return

    def spin_until(self, done: Callable[[], Any], patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"it did not happen; diagnostics: {self.values()}"
            self.spin()

    def header(self, frame: str = "odom") -> Header:
        return Header(frame_id=frame, stamp=self.node.get_clock().now().to_msg())

    def see(self, *places: tuple[float, float], frame: str = "odom") -> bool:
        """Publish people who stand in a frame; return false, for use after ``or``."""
        return self.publish(standing(self.header(frame), *places))

    def publish(self, message: Any) -> bool:
        (self._people if isinstance(message, People) else self._skeletons).publish(message)
        self.spin(0.02)
        return False

    def until(self, done: Callable[[], Any], *places: tuple[float, float], frame: str = "odom") -> None:
        """Publish people who stand until a condition holds."""
        self.spin_until(lambda: done() or self.see(*places, frame=frame))

    def said(self) -> str:
        """Return what the latest diagnostics say in one line."""
        status = self.status()
        return str(status.message) if status else ""

    def place(self, child: str, x: float, parent: str = "odom") -> None:
        """Say by tf that a frame stands at (x, 0, 1) of another."""
        message = TransformStamped(header=self.header(parent), child_frame_id=child)
        message.transform.translation.x, message.transform.translation.z = x, 1.0
        self._fixed.sendTransform(message)


@pytest.fixture
def start() -> Iterator[Callable[..., Robot]]:
    """A function that starts the node with parameters, and returns somebody who uses it."""
    robots: list[Robot] = []

    def make(*parameters: str) -> Robot:
        rclpy.init(args=["--ros-args", *(word for parameter in parameters for word in ("-p", parameter))])
        robots.append(Robot())
        return robots[0]

    yield make
    for robot in robots:
        robot.close()
    rclpy.try_shutdown()


def test_who_subscribes_gets_people_and_that_they_have_left(start: Callable[..., Robot]) -> None:
    robot = start("outputs:=[obstacles, capsules, body_points]")
    clouds = robot.listen("obstacles", PointCloud2)
    robot.until(lambda: clouds, (2, 0), (4, 1))
    assert clouds[-1].header.frame_id == "odom" and clouds[-1].width > 100
    points = np.frombuffer(bytes(clouds[-1].data), "<f4").reshape(-1, 3)
    assert points[:, 2].max() == pytest.approx(1.7, abs=0.2) and points[:, 0].min() > 1.5
    markers, poses = robot.listen("capsules", MarkerArray), robot.listen("body_points", PoseArray)
    robot.until(lambda: markers and poses, (2, 0), (4, 1))
    assert {m.action for m in markers[-1].markers} == {Marker.ADD}
    robot.until(lambda: not clouds[-1].width and not poses[-1].poses)
    assert {m.action for array in markers for m in array.markers} == {Marker.ADD, Marker.DELETE}
    robot.spin_until(lambda: robot.said() == "nobody in sight" or robot.see())


def test_collision_objects_are_removed_when_the_node_is_deactivated(start: Callable[..., Robot]) -> None:
    if not add_planning_messages():
        pytest.skip("needs a ROS 2 with the messages of MoveIt, Nav2 and people")
    from moveit_msgs.msg import CollisionObject

    robot = start("outputs:=[planning_scene, obstacle_array, social_people]")
    received = {name: robot.listen(name, robot.planner._builders[name].message) for name in robot.planner._builders}
    robot.until(lambda: all(received.values()), (2, 0))
    assert received["obstacle_array"][-1].obstacles[0].size.z == pytest.approx(2.0, abs=0.3)
    assert received["social_people"][-1].people[0].name == "p0"
    robot.planner.trigger_deactivate()
    scenes = received["planning_scene"]
    robot.spin_until(lambda: [o.operation for o in scenes[-1].world.collision_objects] == [CollisionObject.REMOVE])
    robot.planner.trigger_activate()
    robot.until(lambda: scenes[-1].world.collision_objects[-1].operation == CollisionObject.ADD, (2, 0))
    assert robot.planner.trigger_cleanup() != robot.planner.trigger_deactivate()


@pytest.fixture
def humans(start: Callable[..., Robot], monkeypatch: pytest.MonkeyPatch) -> Robot:
    """Somebody who uses the node with the output of REP-155."""
    if not add_ros4hri(monkeypatch):
        pytest.skip("needs a ROS 2 with hri_msgs and human_description")
    return start("outputs:=[humans]")


def test_people_have_the_topics_and_frames_of_rep_155_while_they_are_there(humans: Robot) -> None:
    tracked = humans.listen("/humans/bodies/tracked", humans.planner._humans._ids)
    places = Buffer(node=humans.node)
    listener = TransformListener(places, humans.node)
    humans.until(lambda: tracked, (2, 0), (4, 1))
    assert tracked[-1].ids == ["p0", "p1"] and tracked[-1].header.frame_id == "odom"
    states, urdfs = humans.listen("/humans/bodies/p1/joint_states", JointState), []
    humans.node.create_subscription(String, "/humans/bodies/p1/urdf", urdfs.append, LATCHED)
    humans.until(lambda: states and urdfs, (2, 0), (4, 1))
    assert "body_p1" in urdfs[0].data
    assert states[-1].name == [f"{angle}_p1" for angle in ANGLES] and not states[-1].velocity
    assert list(states[-1].position) == pytest.approx(joint_angles(STANDING[None])[0])
    humans.until(lambda: places.can_transform("odom", "l_elbow_p1", Time()), (2, 0), (4, 1))
    elbow = places.lookup_transform("odom", "l_elbow_p1", Time()).transform.translation
    assert [elbow.x, elbow.y, elbow.z] == pytest.approx(STANDING[H36M17.index("left_elbow")] + (4, 1, 0))
    humans.until(lambda: tracked[-1].ids == ["p0"], (2, 0))
    humans.spin_until(lambda: not humans.node.count_publishers("/humans/bodies/p1/joint_states"))
    assert humans.node.count_publishers("/humans/bodies/p0/urdf")
    humans.planner.trigger_deactivate()
    humans.spin_until(lambda: not tracked[-1].ids)
    humans.spin_until(lambda: not humans.node.count_publishers("/humans/bodies/p0/urdf"))
    humans.planner.trigger_activate()
    humans.until(lambda: tracked[-1].ids == ["p0"], (2, 0))
    humans.planner.trigger_deactivate()
    humans.planner.trigger_cleanup()
    humans.spin_until(lambda: not humans.node.count_publishers("/humans/bodies/tracked"))
    del listener


def test_ids_that_can_have_no_topic_cost_no_other_and_are_told(humans: Robot) -> None:
    tracked = humans.listen("/humans/bodies/tracked", humans.planner._humans._ids)
    names = ["67dd1", "", "a/b", "person 1", "größe", "x" * 101]

    def see() -> bool:
        message = standing(humans.header(), *[(i, 0) for i in range(len(names) + 1)])
        for person, name in zip(message.people, names, strict=False):
            person.id = name
        return humans.publish(message)

    humans.spin_until(lambda: tracked or see())
    assert tracked[-1].ids == [f"p{len(names)}"]
    humans.spin_until(lambda: humans.count("bad id") >= len(names) or see())


def test_what_nobody_subscribes_to_is_not_built(start: Callable[..., Robot]) -> None:
    robot = start("outputs:=[obstacles, planning_scene]" if add_planning_messages() else "outputs:=[obstacles]")
    robot.until(lambda: robot.values().get("messages in", "0") > "0", (2, 0))
    assert robot.values().get("messages out", "0") == "0"


def test_the_robot_slows_down_and_stops_and_says_why(start: Callable[..., Robot]) -> None:
    robot = start("outputs:=[speed_scale]", "robot_links:=[tool0]", "robot_radii:=[0]", "max_age:=1.5")
    scales = robot.listen("speed_scale", Float32)
    robot.spin_until(lambda: len(scales) > 3)  # without any message, by the clock
    assert {s.data for s in scales} == {0.0}
    robot.until(lambda: robot.count("no transform"), (9, 0))
    robot.spin_until(lambda: "'tool0'" in robot.values().get("because", "") or robot.see((9, 0)))
    robot.place("tool0", 0.0)
    robot.until(lambda: scales[-1].data == 1, (9, 0))
    robot.until(lambda: 0 < scales[-1].data < 1, (0.5, 0))
    robot.spin_until(lambda: "full speed needs" in robot.values().get("because", "") or robot.see((0.5, 0)))
    assert " of p0 at " in robot.values().get("because", "") and "m of tool0" in robot.values().get("because", "")
    robot.until(lambda: scales[-1].data == 1)
    robot.spin_until(lambda: robot.values().get("because", "") == "nobody in sight" or robot.see())
    robot.spin_until(lambda: scales[-1].data == 0)  # silence
    robot.spin_until(lambda: "no people younger than" in robot.values().get("because", ""))
    robot.until(lambda: scales[-1].data == 1)
    robot.planner.trigger_deactivate()
    robot.spin_until(lambda: scales[-1].data == 0)


def test_bad_people_cost_no_others_but_stop_the_robot(start: Callable[..., Robot]) -> None:
    robot = start("outputs:=[capsules, speed_scale]", "robot_links:=[odom]")
    markers, scales = robot.listen("capsules", MarkerArray), robot.listen("speed_scale", Float32)
    robot.until(lambda: scales and scales[-1].data == 1 and markers, (9, 0), (9, 1))
    each = len(markers[-1].markers) // 2

    def bad() -> bool:
        message = standing(robot.header(), (9, 0), (9, 1))
        message.people[0].joints[3].position.x = float("nan")
        return robot.publish(message)

    robot.spin_until(lambda: scales[-1].data == 0 or bad())
    robot.spin_until(lambda: sum(m.action == Marker.ADD for m in markers[-1].markers) == each or bad())
    robot.spin_until(lambda: robot.count("bad person") or bad())
    robot.publish(standing(Header(frame_id="odom"), (9, 0)))
    robot.publish(standing(robot.header(""), (9, 0)))
    robot.spin_until(lambda: robot.count("zero stamp") and robot.count("no frame"))


def test_people_in_another_frame_wait_for_their_transform_or_are_left_out(start: Callable[..., Robot]) -> None:
    robot = start("target_frame:=map", "outputs:=[body_points]")
    poses = robot.listen("body_points", PoseArray)
    robot.until(lambda: robot.count("no transform"), (2, 0))
    assert not poses
    robot.place("odom", 5.0, "map")
    robot.until(lambda: poses, (2, 0))
    assert poses[-1].header.frame_id == "map"
    assert np.mean([p.position.x for p in poses[-1].poses]) == pytest.approx(7, abs=0.2)


def test_skeletons_of_single_images_do(start: Callable[..., Robot]) -> None:
    robot = start("input:=skeletons_3d", "outputs:=[obstacles, speed_scale]", "robot_links:=[camera]")
    clouds, scales = robot.listen("obstacles", PointCloud2), robot.listen("speed_scale", Float32)
    robot.spin_until(lambda: clouds or robot.publish(seen(robot.header("camera"), 0, people=2)))
    robot.spin_until(lambda: "of camera" in robot.values().get("because", "") or robot.publish(
        seen(robot.header("camera"), 0, people=2)
    ))  # fmt: skip
    assert scales


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("outputs:=[obstacles, clouds]", "outputs: expected one of obstacles, capsules, .*, speed_scale, got 'clouds'"),
        ("probability:=1.5", "probability"),
        ("resolution:=0.001", "resolution"),
        ("input:=markers", "input: expected one of people, skeletons_3d, got 'markers'"),
        ("robot_radii:=[-1.0]", "robot_radii: expected 0 to 10, got -1"),
    ],
)
def test_parameters_that_are_refused_at_the_start(parameter: str, reason: str) -> None:
    rclpy.init(args=["--ros-args", "-p", parameter])
    try:
        with pytest.raises((ValueError, InvalidParameterValueException), match=reason):
            PlannerNode()
    finally:
        rclpy.try_shutdown()


def test_radii_that_are_not_those_of_the_links_keep_it_from_starting(start: Callable[..., Robot]) -> None:
    robot = start("outputs:=[speed_scale]", "robot_links:=[base, tool0]")
    robot.spin_until(lambda: "cannot activate: robot_radii: expected one for each" in robot.said())


def test_without_a_package_it_is_not_configured_and_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['moveit_msgs'] = None\n"
        "from diffupose_ros.nodes.planner.node import PlannerNode; import rclpy\n"
        "rclpy.init(args=['--ros-args', '-p', 'outputs:=[obstacles, planning_scene]'])\n"
        "node = PlannerNode(); node.autostart(); node.destroy_node(); rclpy.shutdown()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0
    assert "cannot configure: the output planning_scene needs a ROS 2 with the package moveit_msgs" in ended.stderr


def test_it_ends_when_it_is_told_to() -> None:
    rclpy.init(args=[])
    node = rclpy.create_node("observer")
    with node_process("planner_node", "-p", "outputs:=[obstacles, speed_scale]"):
        end = time.monotonic() + PATIENCE
        while not node.count_publishers("speed_scale"):
            assert time.monotonic() < end
            rclpy.spin_once(node, timeout_sec=0.05)
    node.destroy_node()
    rclpy.try_shutdown()


def test_every_output_has_a_topic_of_its_own() -> None:
    assert list(OUTPUTS) == [
        "obstacles", "capsules", "planning_scene", "obstacle_array", "social_people", "body_points",
    ]  # fmt: skip
