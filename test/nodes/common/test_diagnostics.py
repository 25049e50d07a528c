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

"""Diagnostics where time does not begin, and of problems that a start may have for a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from support.nodes import PATIENCE

from diffupose_ros.nodes.common import diagnostics
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health
from diffupose_ros.nodes.detect.node import DetectNode
from diffupose_ros.nodes.lift.node import LiftNode
from diffupose_ros.nodes.people.node import PeopleNode
from diffupose_ros.nodes.replay.node import ReplayNode

SILENT = "use_sim_time is true, but nobody publishes /clock: no time passes"


@pytest.fixture
def simulated() -> Iterator[None]:
    rclpy.init(args=["--ros-args", "-p", "use_sim_time:=true"])
    yield
    rclpy.try_shutdown()


def test_every_node_says_that_nobody_publishes_the_time_and_stops_when_somebody_does(
    simulated: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagnostics, "_CLOCK_PATIENCE", 0.0)
    executor, said = SingleThreadedExecutor(), {}
    observer = rclpy.create_node("observer")
    ours = [LiftNode(), PeopleNode(), DetectNode(), ReplayNode()]
    names = {node.get_name() for node in ours}

    def note(message: DiagnosticArray) -> None:
        said.update({status.name: status for status in message.status})

    def spin_until(done: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"it did not happen: {said}"
            executor.spin_once(timeout_sec=0.05)

    observer.create_subscription(DiagnosticArray, "/diagnostics", note, 50)
    for node in (observer, *ours):
        executor.add_node(node)
    spin_until(lambda: names <= said.keys() and all(said[name].message == SILENT for name in names))
    assert {(said[name].message, said[name].level) for name in names} == {(SILENT, DiagnosticStatus.WARN)}
    logged = capfd.readouterr().err
    assert all(f"[{name}]: no time: {SILENT}: play the bag with --clock" in logged for name in names)

    clock = observer.create_publisher(Clock, "/clock", 1)
    spin_until(lambda: any("/clock stands at 0" in status.message for status in said.values()))
    begun = Clock()
    begun.clock.sec = 7

    def over() -> bool:
        clock.publish(begun)
        return not any("use_sim_time" in status.message for status in said.values())

    spin_until(over)
    for node in (observer, *ours):
        node.destroy_node()
    executor.shutdown()


def test_a_problem_is_none_while_there_is_patience(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    rclpy.init(args=[])
    node = rclpy.create_node("patient")
    tally = Diagnostics(node, (), lambda recent: Health(DiagnosticStatus.OK, "", {}))
    monkeypatch.setattr(diagnostics.time, "monotonic", lambda: now)
    tally.problem("no camera", "not yet", 2, patience=1.0)
    assert (tally.total("no camera"), tally.total("problem: no camera")) == (2, 0)
    assert "no camera" not in capfd.readouterr().err
    now += 1.0
    tally.problem("no camera", "still not", patience=1.0)
    assert tally.total("problem: no camera") == 1
    assert "no camera: still not (1 so far)" in capfd.readouterr().err
    monkeypatch.undo()
    node.destroy_node()
    rclpy.try_shutdown()
