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

"""Timers, clocks, log lines."""

from __future__ import annotations

from support.standalone import running, spin_until

# isort: split
import re
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.clock import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future
from rclpy.time import Time
from rosgraph_msgs.msg import Clock


@pytest.fixture
def node() -> Iterator[Node]:
    with running():
        made = rclpy.create_node("tester", namespace="/lab")
        yield made
        made.destroy_node()


def test_a_timer_calls_until_cancelled(node: Node) -> None:
    calls: list[int] = []
    timer = node.create_timer(0.01, lambda: calls.append(1))
    spin_until(node, lambda: len(calls) >= 3)
    timer.cancel()
    seen = len(calls)
    rclpy.spin_once(node, timeout_sec=0.1)
    assert len(calls) == seen and timer.is_canceled()
    timer.reset()
    spin_until(node, lambda: len(calls) > seen)


def test_missed_periods_are_skipped(node: Node) -> None:
    calls: list[int] = []
    node.create_timer(0.05, lambda: calls.append(1))
    time.sleep(0.5)
    rclpy.spin_once(node, timeout_sec=0.0)
    rclpy.spin_once(node, timeout_sec=0.0)
    assert len(calls) == 1


def test_spin_once_returns_after_its_timeout(node: Node) -> None:
    rclpy.spin_once(node, timeout_sec=0.05)
    rclpy.spin_until_future_complete(node, Future(), timeout_sec=0.05)


def test_a_future_ends_the_spinning(node: Node) -> None:
    future = Future()
    node.create_timer(0.01, lambda: future.set_result(7))
    rclpy.spin_until_future_complete(node, future, timeout_sec=20.0)
    assert future.result() == 7


def test_simulated_time_drives_clock_and_timers(node: Node) -> None:
    calls: list[int] = []
    node.set_parameters([Parameter("use_sim_time", value=True)])
    publisher = node.create_publisher(Clock, "/clock", 10)
    node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds))
    spin_until(node, lambda: publisher.get_subscription_count() == 1)
    assert node.get_clock().now().nanoseconds == 0

    def go(seconds: int) -> None:
        publisher.publish(Clock(clock=Time(seconds=seconds).to_msg()))
        spin_until(node, lambda: node.get_clock().now().nanoseconds == seconds * 10**9)
        rclpy.spin_once(node, timeout_sec=0.05)

    go(100)
    assert calls == [100 * 10**9]
    go(100)
    assert len(calls) == 1
    go(102)
    assert calls[1:] == [102 * 10**9]
    node.set_parameters([Parameter("use_sim_time", value=False)])
    assert node.get_clock().now().nanoseconds > 10**18


def test_times_and_durations() -> None:
    start = Time(seconds=10, nanoseconds=5, clock_type=ClockType.ROS_TIME)
    later = start + Duration(seconds=0.5)
    assert later - start == Duration(nanoseconds=500_000_000)
    assert later > start and later.to_msg().nanosec == 500_000_005
    assert Time.from_msg(later.to_msg()) == later
    with pytest.raises(TypeError, match="different clock types"):
        start < Time(seconds=1)  # noqa: B015


def test_log_lines_have_ros_format_and_levels(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    node.get_logger().debug("unseen")
    node.get_logger().warning("seen")
    assert re.fullmatch(r"\[WARN\] \[\d+\.\d{9}\] \[lab\.tester\]: seen\n", capfd.readouterr().err)


def test_throttle_once_and_skip_first(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        node.get_logger().info(f"throttled {number}", throttle_duration_sec=60.0)
        node.get_logger().info(f"once {number}", once=True)
        node.get_logger().info(f"skipped {number}", skip_first=True)
    lines = [line.partition("]: ")[2] for line in capfd.readouterr().err.splitlines()]
    assert lines == ["throttled 0", "once 0"] + [f"skipped {number}" for number in range(1, 5)]


def test_log_level_argument(capfd: pytest.CaptureFixture[str]) -> None:
    with running("--ros-args", "--log-level", "tester:=debug"):
        node = rclpy.create_node("tester")
        node.get_logger().debug("seen")
        node.destroy_node()
    assert "seen" in capfd.readouterr().err
