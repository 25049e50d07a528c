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
"""The account of errors that last."""

import numpy as np
import pytest

from diffupose_ros.estimation.bias import SIDES, Bias

FRONT, SIDE = np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]])
ALONG_X = np.diag([0.09, 0.01, 0.01])
"""m^2, of what is seen along x: depth is worst."""
ALONG_Y = np.diag([0.01, 0.09, 0.01])
EYE = np.tile(np.eye(3), (1, 17, 1, 1))


def _frames(bias: Bias, direction: np.ndarray, covariance: np.ndarray, gain: float, count: int) -> Bias:
    for _ in range(count):
        bias = bias.updated(gain * EYE, direction, np.tile(covariance, (1, 17, 1, 1)))
    return bias


def _sum(bias: Bias) -> np.ndarray:
    return bias.part.sum(1)


def test_nobody_has_errors() -> None:
    assert Bias.none(2).total().shape == (2, 17, 3, 3)
    assert not Bias.none(2).total().any() and len(Bias.none(0).total()) == 0


@pytest.mark.parametrize("count", [1, 2, 100])
def test_frames_from_one_side_look_as_good_as_one_of_them(count: int) -> None:
    first = _frames(Bias.none(1), FRONT, ALONG_X, 1.0, 1)
    np.testing.assert_allclose(_frames(first, FRONT, ALONG_X, 0.3, count).total()[0, 5], ALONG_X)


def test_directions_that_are_alike_are_one_side() -> None:
    first = _frames(Bias.none(1), FRONT, ALONG_X, 1.0, 1)
    nearly = np.array([[np.cos(0.1), np.sin(0.1), 0]])
    np.testing.assert_allclose(_frames(first, nearly, ALONG_X, 0.5, 3).total()[0, 5], ALONG_X)


def test_two_sides_at_right_angles_are_better_than_either() -> None:
    front = _frames(Bias.none(1), FRONT, ALONG_X, 1.0, 1)
    both = _frames(front, SIDE, ALONG_Y, 0.5, 1).total()[0, 0]
    np.testing.assert_allclose(both, 0.25 * (ALONG_X + ALONG_Y))
    assert np.trace(both) < np.trace(ALONG_X)


def test_a_camera_that_comes_back_has_the_same_error_again() -> None:
    bias = _frames(Bias.none(1), FRONT, ALONG_X, 1.0, 1)
    bias = _frames(bias, SIDE, ALONG_Y, 0.5, 1)
    back = _frames(bias, FRONT, ALONG_X, 0.5, 1).total()[0, 0]  # 3/4 of the front, 1/4 of the side
    np.testing.assert_allclose(back, (9 * ALONG_X + ALONG_Y) / 16)
    again = _frames(bias, FRONT, ALONG_X, 0.5, 40).total()[0, 0]
    np.testing.assert_allclose(again, ALONG_X, atol=1e-9)


def test_parts_sum_to_the_identity_whatever_happens() -> None:
    rng = np.random.default_rng(0)
    bias = _frames(Bias.none(1), FRONT, ALONG_X, 1.0, 1)
    for _ in range(30):
        direction = rng.normal(size=(1, 3))
        direction /= np.linalg.norm(direction)
        gain = np.eye(3) * rng.uniform(0, 1) + rng.normal(size=(1, 17, 3, 3)) * 0.1
        bias = bias.updated(gain, direction, np.tile(ALONG_X, (1, 17, 1, 1)))
        np.testing.assert_allclose(_sum(bias), EYE, atol=1e-9)
        assert (np.linalg.eigvalsh(bias.total()) > -1e-12).all()


def test_with_more_sides_than_are_kept_the_one_of_which_least_is_left_goes() -> None:
    turns = np.linspace(0, 2 * np.pi, SIDES + 1, endpoint=False)
    bias = _frames(Bias.none(1), np.array([[1.0, 0, 0]]), ALONG_X, 1.0, 1)
    for turn in turns[1:]:
        bias = _frames(bias, np.array([[np.cos(turn), np.sin(turn), 0]]), ALONG_X, 0.6, 1)
    assert bias.direction.shape == (1, SIDES, 3)
    np.testing.assert_allclose(_sum(bias), EYE, atol=1e-9)
    assert not (bias.direction @ FRONT[0] > 0.99).any()


def test_people_are_picked_and_joined() -> None:
    one, other = (_frames(Bias.none(1), FRONT, c, 1.0, 1) for c in (ALONG_X, ALONG_Y))
    both = one.joined(other)
    np.testing.assert_allclose(both[np.array([1, 0])].total()[:, 0], [ALONG_Y, ALONG_X], atol=1e-12)
    assert len(both[np.zeros(0, np.intp)].total()) == 0
