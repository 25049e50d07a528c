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
"""What is handed out of people."""

import numpy as np
import pytest
from support.people import STANDING, camera_pose, lifted_people, walker

from diffupose_ros.estimation import Estimator, People
from diffupose_ros.estimation.stature import stature_of

POSE = camera_pose((-5, 0, 1.5))


def _two(size: float = 1.0) -> People:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(30):
        truth = np.stack([walker(frame / 30), walker(frame / 30, 0.5, centre=(0, 3, 0))])
        lifted = lifted_people(truth, POSE, 0.3 * rng.normal(size=truth.shape), size=size)
        people = estimator.update(frame / 30, ["a", "b"], lifted, POSE)
    return people


def test_shapes_and_names() -> None:
    people = _two()
    assert people.ids == ("a", "b") and len(people) == 2 and people.problems == ()
    assert people.positions.shape == people.velocities.shape == (2, 17, 3)
    assert people.covariance.shape == people.velocity_covariance.shape == (2, 17, 3, 3)
    assert people.root.shape == people.root_velocity.shape == (2, 3)
    assert people.root_covariance.shape == people.root_velocity_covariance.shape == (2, 3, 3)
    assert people.stature.shape == (2, 2) and people.age.shape == (2,)
    assert all(flag.shape == (2,) and flag.dtype == bool for flag in vars(people.flags).values())
    np.testing.assert_allclose(people.age, 29 / 30)
    for covariance in (people.covariance, people.velocity_covariance):
        np.testing.assert_allclose(covariance, np.swapaxes(covariance, -1, -2), atol=1e-12)
        assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_a_prediction_of_no_time_is_the_same() -> None:
    people = _two()
    same = people.predict(0.0)
    assert same.time == people.time and same.ids == people.ids
    for name in ("positions", "covariance", "velocities", "velocity_covariance", "stature", "age"):
        np.testing.assert_allclose(getattr(same, name), getattr(people, name), atol=1e-12)


def test_predictions_go_on_and_are_less_and_less_sure() -> None:
    people, spread = _two(), None
    for seconds in (0.0, 0.05, 0.1, 0.2, 0.5, 1.0):
        ahead = people.predict(seconds)
        assert ahead.time == people.time + seconds and ahead.ids == people.ids
        np.testing.assert_allclose(ahead.age, people.age + seconds)
        grown = np.trace(ahead.covariance, axis1=2, axis2=3)
        assert spread is None or (grown > spread).all()
        spread = grown
    moved = people.predict(0.1).root - people.root
    np.testing.assert_allclose(moved, 0.1 * people.root_velocity, atol=0.02)


def test_many_small_predictions_are_about_one_long_one() -> None:
    many, one = _two(), _two().predict(0.2)
    for _ in range(2):
        many = many.predict(0.1)
    np.testing.assert_allclose(many.positions, one.positions, atol=0.05)
    ratio = np.trace(many.root_covariance, axis1=1, axis2=2) / np.trace(one.root_covariance, axis1=1, axis2=2)
    assert (ratio > 0.5).all() and (ratio < 2).all()


def test_predictions_hold_where_people_go() -> None:
    people = _two()
    for seconds in (0.1, 0.3):
        truth = np.stack([walker(people.time + seconds), walker(people.time + seconds, 0.5, centre=(0, 3, 0))])
        ahead = people.predict(seconds)
        off = np.linalg.solve(ahead.covariance, (ahead.positions - truth)[..., None])[..., 0]
        assert (((ahead.positions - truth) * off).sum(-1) < 16.3).mean() > 0.9  # 99.9 %


@pytest.mark.parametrize("seconds", [-0.1, np.nan, np.inf])
def test_times_that_are_none_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds: expected 0 or more"):
        _two().predict(seconds)


@pytest.mark.parametrize("size", [0.95, 1.0, 1.05])
def test_the_stature_is_near_the_truth(size: float) -> None:
    true = stature_of(STANDING[None], np.zeros((1, 17, 3, 3)))[0, 0]
    stature = _two(size).stature
    assert (np.abs(stature[:, 0] - true) < 2.5 * stature[:, 1]).all()
    assert (stature[:, 1] < 0.25).all()


def test_the_stature_is_that_of_bones() -> None:
    exact = np.zeros((2, 17, 3, 3))
    small, tall = stature_of(np.stack([STANDING, 1.2 * STANDING]), exact)
    assert 1.6 < small[0] < 1.8 and tall[0] == pytest.approx(1.2 * small[0])
    assert 0 < small[1] < 0.1  # bodies differ
    unsure = stature_of(STANDING[None], np.tile(0.1**2 * np.eye(3), (1, 17, 1, 1)))[0]
    assert unsure[0] == pytest.approx(small[0]) and unsure[1] > small[1]
    assert stature_of(np.zeros((0, 17, 3)), np.zeros((0, 17, 3, 3))).shape == (0, 2)
