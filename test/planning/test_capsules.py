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

"""Bodies as capsules: of exact joints, and of uncertain ones."""

import numpy as np
import pytest
from support.people import STANDING

from diffupose_ros.lifting.uncertainty import radius2
from diffupose_ros.planning import HELD, PARTS, Capsules, bodies, holding, surface_points
from diffupose_ros.skeleton import H36M17

STATURE = np.array([1.75])
POSE = STANDING[None]
NOTHING = np.zeros((1, 17, 3, 3))


def part(name: str) -> int:
    """Return the index of a part."""
    return [each.name for each in PARTS].index(name)


def test_a_capsule_is_distance_to_its_line_less_its_radius():
    capsules = Capsules(np.array([[[0.0, 0, 0]]]), np.array([[[0, 0, 2.0]]]), np.array([[0.5]]))
    points = np.array([[[1.0, 0, 1], [0, 0, 3], [0, 0.2, 1], [0, 0, -1.5]]])
    assert capsules.distance(points)[0, 0] == pytest.approx([0.5, 0.5, -0.3, 1.0])


def test_a_box_just_holds_all_capsules():
    low, high = Capsules(
        np.array([[[0.0, 0, 0], [1, 0, 0]]]), np.array([[[0, 0, 2.0], [1, 0, 0]]]), np.array([[0.5, 1]])
    ).box()
    np.testing.assert_allclose([low[0], high[0]], [[-0.5, -1, -1], [2, 1, 2.5]])


def test_every_joint_is_inside_of_its_body():
    assert (bodies(POSE, STATURE).distance(POSE).min(1) < 0).all()


def test_of_half_the_stature_all_but_the_clothes_has_half_the_radius():
    whole, half = bodies(POSE, STATURE), bodies(POSE / 2, STATURE / 2)
    np.testing.assert_allclose(2 * half.radius - whole.radius, 0.01)


def test_a_body_is_as_thick_as_measured():
    exact = bodies(POSE, np.array([1.70]))
    # Medians of MakeHuman's bodies of 1.70 m from joints to the skin: inside, as are hands and feet.
    for name, thickness in {"left_shank": 0.064, "left_thigh": 0.095, "chest": 0.14, "left_forearm": 0.049}.items():
        assert thickness < exact.radius[0, part(name)] < 2 * thickness, name
    fingertips, toes = 0.108 * 1.70, 0.12 * 1.70
    assert exact.radius[0, part("left_hand")] > fingertips and exact.radius[0, part("left_foot")] > toes


def test_without_uncertainty_balls_cover_the_body_and_little_more():
    exact, held = bodies(POSE, STATURE), holding(POSE, NOTHING, STATURE, 0.95)
    assert held.radius.shape == (1, HELD)
    np.testing.assert_allclose(held.start, held.end, atol=1e-9)
    skin = surface_points(exact, 0.03)[None]
    assert held.distance(skin).min(1).max() <= 1e-9
    beyond = exact.distance(surface_points(held, 0.03)[None]).min(1)
    assert beyond.max() < 0.05 and beyond.mean() < 0.025


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99])
def test_the_body_stays_inside_while_joints_are_in_their_ellipsoids(probability):
    rng = np.random.default_rng(0)
    root = rng.normal(0, 0.05, (1, 17, 3, 3))
    covariance = root @ np.swapaxes(root, -1, -2)
    held = holding(POSE, covariance, STATURE, probability)
    outside = []
    for _ in range(100):
        error = rng.normal(size=(17, 3))
        error *= np.sqrt(radius2(probability)) / np.linalg.norm(error, axis=-1, keepdims=True)
        moved = POSE + (np.linalg.cholesky(covariance)[0] @ error[..., None])[..., 0]
        exact = bodies(moved, STATURE)
        outside.append(held.distance(surface_points(exact, 0.05)[None]).min(1)[0])
    # Between two balls it is not quite so where the ends' ellipsoids are unlike.
    far = np.concatenate(outside)
    assert (far <= 1e-9).mean() > 0.998 and far.max() < 0.03


def test_a_joint_stays_inside_with_its_whole_ellipsoid_and_the_body_about_it():
    rng = np.random.default_rng(1)
    root = rng.normal(0, 0.1, (1, 17, 3, 3))
    covariance = root @ np.swapaxes(root, -1, -2)
    held, reach = holding(POSE, covariance, STATURE, 0.9), np.sqrt(radius2(0.9))
    sphere = rng.normal(size=(300, 3))
    sphere /= np.linalg.norm(sphere, axis=-1, keepdims=True)
    for each, radius in zip(PARTS, bodies(POSE, STATURE).radius[0], strict=True):
        for joint in {H36M17.index(each.start), H36M17.index(each.end)}:
            on_ellipsoid = POSE[0, joint] + reach * sphere @ np.linalg.cholesky(covariance[0, joint]).T
            assert (held.distance(on_ellipsoid[None]).min(1) + radius <= 1e-9).all()


def test_what_is_not_known_of_the_distance_makes_people_long_and_not_thick():
    deep, all_round = np.zeros((1, 17, 3, 3)), 0.3**2 * np.broadcast_to(np.eye(3), (1, 17, 3, 3))
    deep[..., 0, 0] = 0.3**2
    body, long, thick = bodies(POSE, STATURE), *(holding(POSE, of, STATURE, 0.9) for of in (deep, all_round))
    reach = 0.3 * np.sqrt(radius2(0.9))
    for held, sideways in ((long, 0), (thick, reach)):
        low, high = held.box()
        (own_low, own_high), little = body.box(), 0.05
        np.testing.assert_allclose(own_low - low, [[reach, sideways, sideways]], atol=little)
        np.testing.assert_allclose(high - own_high, [[reach, sideways, sideways]], atol=little)


def test_nobody_has_no_capsules():
    assert len(holding(np.zeros((0, 17, 3)), np.zeros((0, 17, 3, 3)), np.zeros(0), 0.9)) == 0


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.5, float("nan")])
def test_a_probability_that_is_none(probability):
    with pytest.raises(ValueError, match="probability: expected more than 0"):
        holding(POSE, NOTHING, STATURE, probability)
