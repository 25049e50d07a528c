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

"""How fast the robot may be, and when not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from std_msgs.msg import Header
from support.planning import standing
from tf2_ros import Buffer

from diffupose_ros.nodes.common.transforms import Transforms
from diffupose_ros.nodes.planner.intake import read_people
from diffupose_ros.nodes.planner.node import PARAMETERS
from diffupose_ros.nodes.planner.speed import Decision, SpeedScale

NOW = 1_000_000_000_000  # ns
SECOND = 1_000_000_000


class Robot:
    """A speed scale, and a robot of two links: one that stands at (0, 0, 1), one a metre to the left of it."""

    def __init__(self, **parameters: Any) -> None:
        self.node, self.buffer, self.problems = rclpy.create_node("robot"), Buffer(), []
        values = {row.name: row.default for row in PARAMETERS}
        values |= {"robot_links": ["base", "tool"], "robot_radii": [0.1, 0.1]} | parameters
        transforms = Transforms(self.node, self.buffer)
        self.speed = SpeedScale(values, transforms, lambda *told: self.problems.append(told))  # type: ignore[arg-type]
        self.buffer.set_transform_static(transform("base", 0.0, 0), "test")

    def see(self, *places: tuple[float, float], stamp: int = NOW) -> Any:
        """Take people, who may be changed."""
        header = Header(frame_id="odom", stamp=Time(nanoseconds=stamp).to_msg())
        message = standing(header, *places)
        self.speed.take(header, read_people(message))

    def move(self, stamp: int = NOW) -> None:
        """Say where the tool is at a time."""
        self.buffer.set_transform(transform("tool", 1.0, stamp), "test")

    def decide(self, now: int = NOW) -> Decision:
        return self.speed.decide(now)


def transform(child: str, left: float, stamp: int) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header = Header(frame_id="odom", stamp=Time(nanoseconds=stamp).to_msg())
    message.transform.translation.y, message.transform.translation.z = left, 1.0
    return message


@pytest.fixture
def robot() -> Iterator[Robot]:
    rclpy.init(args=[])
    robot = Robot()
    robot.move()
    yield robot
    robot.node.destroy_node()
    rclpy.try_shutdown()


def test_nobody_has_been_heard_of(robot: Robot) -> None:
    assert robot.decide() == Decision(0.0, "no people received yet")


def test_the_nearer_somebody_is_the_slower_it_is(robot: Robot) -> None:
    scales = []
    for distance in (5.0, 0.8, 0.65, 0.5, 0.3):
        robot.see((distance, 0))
        scales.append(robot.decide().scale)
    assert scales == sorted(scales, reverse=True) and scales[0] == 1 and scales[-1] == 0
    assert any(0 < scale < 1 for scale in scales)


def test_it_says_who_is_near_which_link(robot: Robot) -> None:
    robot.see((9, 9), (0.0, 2.0))
    reason = robot.decide().reason
    assert reason.startswith("right_") and " of p1 at 0." in reason and " m of tool; full speed needs 0." in reason


def test_nobody_is_go_once_two_messages_say_so(robot: Robot) -> None:
    robot.see((0.3, 0))
    robot.see()
    assert robot.decide().scale == 0
    robot.see()
    assert robot.decide() == Decision(1.0, "nobody in sight")


def test_when_the_people_node_forgets_the_last_in_silence_the_robot_stays_where_it_is(robot: Robot) -> None:
    robot.see((9, 0))
    robot.see(stamp=NOW + SECOND)  # one message, and then none
    decision = robot.decide(NOW + SECOND)
    assert decision.scale == 0 and decision.reason.startswith("no people younger than 0.5 s: the newest are 1.00 s old")


@pytest.mark.parametrize("seconds", [0.6, -0.6])
def test_old_people_and_clocks_that_disagree_stop_it(robot: Robot, seconds: float) -> None:
    robot.see((9, 0))
    assert robot.decide(NOW + int(0.4 * SECOND)).scale == 1
    assert robot.decide(NOW + int(seconds * SECOND)).scale == 0


def test_a_clock_that_stands_still_does_not_keep_people_young(robot: Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    robot.see((9, 0))
    later = time.monotonic() + 0.7
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert robot.decide().scale == 0


def test_older_data_need_more_room(robot: Robot) -> None:
    robot.see((0.7, 0))
    assert robot.decide().scale > robot.decide(NOW + int(0.2 * SECOND)).scale


def test_somebody_of_whom_nothing_is_known_stops_it(robot: Robot) -> None:
    header = Header(frame_id="odom", stamp=Time(nanoseconds=NOW).to_msg())
    message = standing(header, (9, 0), (8, 0))
    message.people[1].joints[4].position_covariance = np.full(9, np.nan)
    robot.speed.take(header, read_people(message))
    decision = robot.decide()
    assert decision.scale == 0 and "'p1' is left out" in decision.reason


def test_a_link_that_is_not_known_stops_it_even_where_nobody_is(robot: Robot) -> None:
    robot.speed._links = ["base", "nowhere"]
    robot.see()
    robot.see()
    decision = robot.decide()
    assert decision.scale == 0 and decision.reason.startswith("where 'nowhere' is in 'odom' is not known: ")
    assert robot.problems[0][0] == "no transform"


def test_a_link_of_which_tf_has_fallen_silent_stops_it(robot: Robot) -> None:
    later = NOW + SECOND
    robot.see((9, 0), stamp=later)
    decision = robot.decide(later)
    assert (
        decision.scale == 0 and decision.reason == "where 'tool' is in 'odom' is not known any more: tf is 1.00 s old"
    )
    robot.move(later)
    assert robot.decide(later).scale == 1


def test_a_link_may_have_moved_since_tf_told(robot: Robot) -> None:
    robot.see((0, 2.2))
    later = NOW + SECOND // 5
    robot.move(later)
    now = robot.decide(later).scale
    robot.buffer.clear()
    robot.buffer.set_transform_static(transform("base", 0.0, 0), "test")
    robot.move(NOW)
    assert robot.decide(later).scale < now - 0.1


def test_as_many_radii_as_links() -> None:
    rclpy.init(args=[])
    with pytest.raises(ValueError, match=r"robot_radii: expected one for each of robot_links, 2 \(base, tool\), got 1"):
        Robot(robot_radii=[0.1])
    rclpy.try_shutdown()
