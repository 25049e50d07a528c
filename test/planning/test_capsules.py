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
from diffupose_ros.planning import PARTS, Capsules, bodies, holding
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


def test_without_uncertainty_nothing_grows():
    exact, held = bodies(POSE, STATURE), holding(POSE, NOTHING, STATURE, 0.95)
    for name in ("start", "end", "radius"):
        np.testing.assert_allclose(getattr(held, name), getattr(exact, name), atol=1e-9)


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99])
def test_an_uncertain_joint_stays_inside_with_its_whole_ellipsoid(probability):
    rng = np.random.default_rng(0)
    root = rng.normal(0, 0.1, (1, 17, 3, 3))
    covariance = root @ np.swapaxes(root, -1, -2)
    held = holding(POSE, covariance, STATURE, probability)
    on_sphere = rng.normal(size=(200, 17, 3))
    on_sphere *= np.sqrt(radius2(probability)) / np.linalg.norm(on_sphere, axis=-1, keepdims=True)
    on_ellipsoid = POSE + (np.linalg.cholesky(covariance)[0] @ on_sphere[..., None])[..., 0]
    distance = held.distance(on_ellipsoid.reshape(1, -1, 3))[0].reshape(len(PARTS), 200, 17)
    for index, each in enumerate(PARTS):
        # Not only the joint: the body about it, as thick as the part.
        for joint in (each.start, each.end):
            reached = distance[index, :, H36M17.index(joint)] + each.radius * STATURE
            assert (reached <= 1e-9).all()


def test_what_is_uncertain_along_a_limb_makes_it_longer_and_no_thicker():
    upright = POSE.copy()
    knee, ankle = H36M17.index("left_knee"), H36M17.index("left_ankle")
    upright[0, ankle] = upright[0, knee] + (0, 0, -0.4)
    covariance = np.zeros((1, 17, 3, 3))
    covariance[:, ankle, 2, 2] = 0.1**2
    exact, held = bodies(upright, STATURE), holding(upright, covariance, STATURE, 0.9)
    shank = part("left_shank")
    assert held.radius[0, shank] == pytest.approx(exact.radius[0, shank])
    assert held.end[0, shank, 2] == pytest.approx(exact.end[0, shank, 2] - 0.1 * np.sqrt(radius2(0.9)))
    assert held.radius[0, part("left_foot")] > exact.radius[0, part("left_foot")]  # a ball grows all round


def test_nobody_has_no_capsules():
    assert len(holding(np.zeros((0, 17, 3)), np.zeros((0, 17, 3, 3)), np.zeros(0), 0.9)) == 0


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.5, float("nan")])
def test_a_probability_that_is_none(probability):
    with pytest.raises(ValueError, match="probability: expected more than 0"):
        holding(POSE, NOTHING, STATURE, probability)
