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

"""The robot in examples/ that slows down: it obeys, and silence stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import rclpy
from geometry_msgs.msg import Twist
from std_msgs.msg import Float32
from support import ROOT
from support.nodes import PATIENCE

EXAMPLE = ROOT / "examples" / "slow_down.py"


@pytest.fixture
def example() -> Iterator[None]:
    """Run the example; it must end with exit code 0 on SIGINT."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen([sys.executable, str(EXAMPLE)], env={**os.environ, "PYTHONPATH": paths})
    try:
        yield
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_a_robot_obeys_the_scale_and_stops_in_silence(example: None) -> None:
    rclpy.init(args=[])
    node = rclpy.create_node("navigation")
    wanted, scale = node.create_publisher(Twist, "cmd_vel_in", 1), node.create_publisher(Float32, "speed_scale", 1)
    speeds: list[tuple[float, float]] = []
    node.create_subscription(Twist, "cmd_vel", lambda message: speeds.append((message.linear.x, message.angular.z)), 1)
    command = Twist()
    command.linear.x, command.angular.z = 2.0, 0.5

    def until(speed: tuple[float, float], scaled: float | None, asked: bool = True) -> None:
        end = time.monotonic() + PATIENCE
        while not speeds or speeds[-1] != speed:
            assert time.monotonic() < end, speeds
            if scaled is not None:
                scale.publish(Float32(data=scaled))
            if asked:
                wanted.publish(command)
            rclpy.spin_once(node, timeout_sec=0.02)

    until((0.0, 0.0), None)  # nobody has said yet how fast it may be
    until((1.0, 0.25), 0.5)
    until((2.0, 0.5), 1.0)
    until((0.0, 0.0), None)
    until((2.0, 0.5), 1.0)
    until((0.0, 0.0), 0.0, asked=False)
    node.destroy_node()
    rclpy.try_shutdown()


def test_it_is_as_small_as_an_example_should_be() -> None:
    text = EXAMPLE.read_text().partition("# limitations under the License.\n")[2]
    assert len(text.splitlines()) <= 45
