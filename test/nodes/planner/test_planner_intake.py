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

"""People as the planner node reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import Header
from support.people import STANDING
from support.planning import DEVIATION, standing
from support.walkers import CAMERAS, SCENE, seen

from diffupose_ros.nodes.planner.intake import read_people, read_skeletons

HEADER = Header(frame_id="camera")
HEADER.stamp.sec = 7
NAN = float("nan")


def test_people_are_read_as_they_are() -> None:
    message = standing(HEADER, (1, 0), (3, 2), velocity=(0.5, 0, 0))
    message.people[1].coasting = True
    people = read_people(message)
    assert people.ids == ["p0", "p1"] and not people.problems and len(people) == 2
    np.testing.assert_allclose(people.positions[1], STANDING + (3, 2, 0))
    np.testing.assert_allclose(people.covariance, np.tile(DEVIATION**2 * np.eye(3), (2, 17, 1, 1)))
    velocity, covariance = people.walking(1.6)
    np.testing.assert_allclose(velocity, [[0.5, 0, 0]] * 2)
    np.testing.assert_allclose(covariance, np.tile(DEVIATION**2 * np.eye(3), (2, 1, 1)))
    assert people.flags.tolist() == [[0, 0], [1, 0]] and people.stature.tolist() == [1.75] * 2


def test_skeletons_have_the_covariance_of_their_place_and_no_velocity() -> None:
    message = seen(HEADER, 0, people=2)
    message.skeletons[1].novelty = 3.0
    people = read_skeletons(message)
    np.testing.assert_allclose(people.positions, SCENE.poses(0)[:2])
    np.testing.assert_allclose(people.covariance[0, 5], np.diag([0.03, 0.03, 0.2]) ** 2 + 0.03**2 * np.eye(3))
    assert np.isnan(people.velocities).all()
    velocity, covariance = people.walking(1.6)
    assert not velocity.any()
    np.testing.assert_allclose(covariance[0], 1.6**2 * np.eye(3))
    assert ((people.stature > 1.4) & (people.stature < 2.1)).all()
    assert people.flags[:, 1].tolist() == [0, 1]


def test_another_frame_turns_people_and_all_that_is_not_known_of_them() -> None:
    turn, place = CAMERAS["other"]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, place
    before = read_skeletons(seen(HEADER, 0))
    after = before.placed(pose)
    np.testing.assert_allclose(after.positions[0, 3], turn @ before.positions[0, 3] + place)
    np.testing.assert_allclose(after.covariance[0, 3], turn @ before.covariance[0, 3] @ turn.T)
    moving = read_people(standing(HEADER, (1, 0), velocity=(0.5, 0, 0))).placed(pose)
    np.testing.assert_allclose(moving.velocities[0, 3], turn @ (0.5, 0, 0))


def change(person: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(person, name, value)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: change(p.joints[3], position=Point(x=NAN)), "positions that are no numbers"),
        (lambda p: change(p.joints[3], velocity=Vector3(x=NAN)), "velocities that are no numbers"),
        (lambda p: change(p.joints[3], position_covariance=np.zeros(9)), "positions that are not positive definite"),
        (lambda p: change(p.joints[3], velocity_covariance=np.full(9, NAN)), "velocities that are no numbers"),
        (lambda p: change(p, stature=NAN), "a stature of nan m"),
        (lambda p: change(p, id="p1"), "a second one of that id"),
    ],
)
def test_one_bad_person_costs_no_other(spoil: Any, why: str) -> None:
    message = standing(HEADER, (1, 0), (2, 0), (3, 0))
    spoil(message.people[2])
    people = read_people(message)
    assert people.ids == ["p0", "p1"]
    (problem,) = people.problems
    assert "is left out" in problem and why in problem


def test_a_skeleton_that_does_not_say_how_sure_it_is_is_left_out() -> None:
    message = seen(HEADER, 0, people=3)
    message.skeletons[0].joints[4].covariance = np.zeros(9)
    message.skeletons[2].root.covariance = np.zeros(36)
    people = read_skeletons(message)
    assert people.ids == ["person_1"] and len(people.problems) == 2


def test_a_skeleton_that_is_a_point_has_no_body() -> None:
    message = seen(HEADER, 0)
    for joint in message.skeletons[0].joints:
        joint.position = Point(z=2.0)
    assert "a stature of 0.0 m" in read_skeletons(message).problems[0]


def test_nobody() -> None:
    people = read_people(standing(HEADER))
    assert len(people) == 0 and people.positions.shape == (0, 17, 3) and people.flags.shape == (0, 2)


def test_what_the_pelvis_says_of_itself_does_not_count() -> None:
    message = seen(HEADER, 0, people=1)
    message.skeletons[0].joints[0].covariance = [NAN] * 9
    people = read_skeletons(message)
    assert people.ids and np.isfinite(people.covariance).all()
