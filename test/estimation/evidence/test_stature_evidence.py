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
"""Statures that are known, as evidence."""

import numpy as np
import pytest
from support.people import STANDING, camera_pose, lifted_people, pelvis_error

from diffupose_ros.estimation import Estimator, People, Stature
from diffupose_ros.estimation.stature import stature_of

POSE = camera_pose((-5, 0, 1.5), (0, 0, 1))
TRUE = float(stature_of(STANDING[None], np.zeros((1, 17, 3, 3)))[0, 0])


def _estimate(statures: dict[str, float], size: float) -> People:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(20):
        lifted = lifted_people(STANDING, POSE, 0.2 * rng.normal(size=(1, 17, 3)), size=size)
        people = estimator.update(frame / 10, ["a"], lifted, POSE, [Stature(statures)] if statures else ())
    return people


@pytest.mark.parametrize("size", [0.9, 1.1])
def test_somebody_of_known_stature_is_put_nearer_to_the_truth(size: float) -> None:
    without, people = _estimate({}, size), _estimate({"a": TRUE}, size)
    assert pelvis_error(people.positions[0], STANDING) < 0.5 * pelvis_error(without.positions[0], STANDING)
    assert abs(people.stature[0, 0] - TRUE) < 0.5 * abs(without.stature[0, 0] - TRUE)
    assert people.stature[0, 1] < without.stature[0, 1]


def test_the_stature_of_somebody_else_says_nothing() -> None:
    np.testing.assert_array_equal(_estimate({"b": 1.9}, 1.1).positions, _estimate({}, 1.1).positions)


@pytest.mark.parametrize("metres", [170, 0.0, -1.7, np.nan])
def test_statures_that_nobody_has_are_refused(metres: float) -> None:
    with pytest.raises(ValueError, match=r"stature of 'a': expected 0.4 to 2.6 m"):
        Stature({"a": metres})


@pytest.mark.parametrize("deviation", [-0.01, np.nan, np.inf])
def test_deviations_that_are_none_are_refused(deviation: float) -> None:
    with pytest.raises(ValueError, match="deviation: expected metres"):
        Stature({"a": 1.7}, deviation)
