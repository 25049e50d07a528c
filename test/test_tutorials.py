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

"""The tutorials: a robot that drives as it is told, people in two commands, launch files that ask for what is there."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from geometry_msgs.msg import TransformStamped, Twist
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Float32
from support import ROOT
from support.nodes import PATIENCE, node_process
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster

from diffupose_ros.camera_files import load_yaml
from diffupose_ros.nodes.common.launching import ARGUMENTS, plan
from diffupose_ros.nodes.planner.node import PARAMETERS as OF_PLANNER
from diffupose_ros.nodes.replay.node import PARAMETERS as OF_REPLAY

EXAMPLES = ROOT / "examples"
LAUNCHED = sorted((ROOT / "launch" / "tutorials").glob("*.py"))
FILES = sorted((ROOT / "config" / "tutorials").glob("*.yaml"))
TABLES = {"/**/planner_node": OF_PLANNER, "/**/replay_node": OF_REPLAY}


@pytest.fixture
def node() -> Iterator[Any]:
    """A node of somebody who watches."""
    rclpy.init(args=[])
    node = rclpy.create_node("observer")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def spin_until(node: Any, done: Callable[[], Any], act: Callable[[], Any] = lambda: None) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it did not happen"
        act()
        rclpy.spin_once(node, timeout_sec=0.02)


def test_the_robot_drives_as_it_is_told_and_turns_at_the_end_of_its_line(node: Any) -> None:
    wishes: list[float] = []
    places: list[float] = []
    node.create_subscription(Twist, "cmd_vel_in", lambda message: wishes.append(message.linear.x), 1)
    node.create_subscription(
        TFMessage, "/tf", lambda message: places.append(message.transforms[0].transform.translation.y), 10
    )
    told = node.create_publisher(Twist, "cmd_vel", 1)
    command = Twist()
    with node_process(str(EXAMPLES / "robot.py")):
        spin_until(node, lambda: wishes and places)
        assert set(wishes) == {0.8} and set(places) == {0.0}
        command.linear.x = 2.0
        spin_until(node, lambda: wishes[-1] < 0, lambda: told.publish(command))
        assert places[-1] > 1.4
        spin_until(node, lambda: len(places) > 30 and len(set(places[-20:])) == 1)  # silence


def test_people_are_there_in_one_command_and_gone_with_ctrl_c(node: Any) -> None:
    scales: list[float] = []
    node.create_subscription(Float32, "speed_scale", lambda message: scales.append(message.data), 1)
    base = TransformStamped(child_frame_id="base_link")
    base.header.frame_id, base.transform.rotation.w = "odom", 1.0
    StaticTransformBroadcaster(node).sendTransform(base)
    process = subprocess.Popen([sys.executable, str(EXAMPLES / "replayed_people.py")], cwd=ROOT)
    try:
        spin_until(node, lambda: scales and scales[-1] > 0)
        spin_until(node, lambda: node.count_subscribers("cmd_vel_in"))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.terminate()
        process.wait(PATIENCE)
    spin_until(node, lambda: not node.count_publishers("speed_scale") and not node.count_publishers("cmd_vel"))


@pytest.mark.skipif(not importlib.util.find_spec("control_msgs"), reason="needs a ROS 2 with control_msgs")
def test_a_trajectory_is_slowed_and_stopped_in_silence(node: Any) -> None:
    from control_msgs.msg import SpeedScalingFactor

    factors: list[float] = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(SpeedScalingFactor, "speed_scaling_input", lambda m: factors.append(m.factor), latched)
    scale = node.create_publisher(Float32, "speed_scale", 1)
    with node_process(str(EXAMPLES / "slow_trajectory.py")):
        spin_until(node, lambda: factors)
        spin_until(node, lambda: factors[-1] == 0.5, lambda: scale.publish(Float32(data=0.5)))
        spin_until(node, lambda: factors[-1] == 0)
    assert factors == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_parameter_files_name_parameters_that_the_nodes_have(path: Path) -> None:
    for name, values in load_yaml(path.read_text()).items():
        if name in TABLES:
            assert values["ros__parameters"].keys() <= {row.name for row in TABLES[name]}
        else:
            assert name == "collision_monitor"


@pytest.mark.skipif(not importlib.util.find_spec("launch_ros"), reason="needs a ROS 2: launch files")
@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: str(path.name.partition(".")[0]))
def test_launch_files_ask_lift_launch_for_what_it_has(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("tutorial", path)
    assert spec and spec.loader
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    given = dict(module.generate_launch_description().entities[0].launch_arguments)
    planned = plan({argument.name: argument.default for argument in ARGUMENTS} | given, given)
    assert given.keys() <= {argument.name for argument in ARGUMENTS}
    assert planned.nodes.keys() == {"lift_node", "people_node", "planner_node", "replay_node"}
