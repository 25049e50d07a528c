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
"""What a lifted frame says of people in the world."""

from dataclasses import replace

import numpy as np
import pytest
from support.people import STANDING, camera_pose, lifted_people, mirrored, walker

from diffupose_ros.estimation.observation import observe
from diffupose_ros.skeleton import PELVIS, Status, unit

TWO = np.stack([walker(0.3), walker(1.0, centre=(0, 3, 0))])
POSE = camera_pose((-4, 1, 1.5))


def test_positions_are_in_the_world_and_relative_to_the_pelvis() -> None:
    seen = observe(lifted_people(TWO, POSE), POSE)
    np.testing.assert_allclose(seen.position[:, 0], TWO[:, PELVIS], atol=1e-9)
    np.testing.assert_allclose(seen.position[:, 1:], TWO[:, 1:] - TWO[:, :1], atol=1e-9)
    np.testing.assert_allclose(seen.camera, (-4, 1, 1.5))
    np.testing.assert_allclose(seen.ray, TWO[:, 0] - POSE[:3, 3], atol=1e-9)


def test_what_lasts_of_a_depths_error_is_the_persons_size() -> None:
    lifted = lifted_people(TWO, POSE, deviation=0.03, depth_deviation=0.3)
    seen = observe(lifted, POSE)
    ray, distance2 = unit(seen.ray), (seen.ray**2).sum(1)
    of_depth = np.einsum("pi,pij,pj->p", lifted.root, lifted.root_covariance, lifted.root) / distance2
    lasting = np.einsum("pi,pij,pj->p", ray, seen.lasting[:, 0], ray)
    np.testing.assert_allclose(lasting, 0, atol=1e-12)
    assert (0.5 * of_depth < seen.size * distance2).all() and (seen.size * distance2 < of_depth).all()
    across = np.trace(seen.covariance[:, 0], axis1=1, axis2=2) - np.einsum("pi,pij,pj->p", ray, seen.fresh[:, 0], ray)
    assert (across >= 2 * 0.03**2).all() and (across < 4 * 0.03**2).all()  # what lasts is all there is, at least


def test_covariances_stay_positive_definite_where_size_explains_all_and_more() -> None:
    lifted = lifted_people(TWO, POSE)
    rng = np.random.default_rng(0)
    flat = rng.normal(size=lifted.covariance.shape) * (1e-2, 0.1, 1)
    tight = replace(lifted, covariance=1e-2 * flat @ np.swapaxes(flat, -1, -2))
    seen = observe(tight, POSE)
    assert (np.linalg.eigvalsh(seen.covariance) > 0).all()
    assert (np.linalg.eigvalsh(seen.lasting[:, 1:]) > 0).all()


def test_an_uncertain_camera_pose_turns_and_moves_people() -> None:
    lifted = lifted_people(TWO, POSE)
    exact, moved = observe(lifted, POSE), observe(lifted, POSE, (0.1, 0.0))
    np.testing.assert_allclose(moved.covariance[:, 0] - exact.covariance[:, 0], np.tile(0.01 * np.eye(3), (2, 1, 1)))
    turned = observe(lifted, POSE, (0.0, 0.02)).covariance[:, 0] - exact.covariance[:, 0]
    ray = exact.ray
    np.testing.assert_allclose(np.einsum("pi,pij,pj->p", ray, turned, ray), 0, atol=1e-9)
    distance2 = (ray**2).sum(1)
    np.testing.assert_allclose(np.trace(turned, axis1=1, axis2=2), 2 * 0.02**2 * distance2)


def test_those_who_are_not_valid_are_left_out() -> None:
    lifted = lifted_people(TWO, POSE)
    lifted.mean[0] = lifted.root[0] = np.nan
    lifted.status[1, 3] = Status.MISSING
    seen = observe(replace(lifted, valid=np.array([False, True])), POSE)
    assert len(seen.position) == 1 and np.isfinite(seen.position).all()
    assert not seen.measured[0, 3] and seen.measured[0, 4]


def test_reversed_twice_is_as_it_was_and_as_unsure_as_is_asked() -> None:
    seen = observe(lifted_people(TWO, POSE, np.random.default_rng(0).normal(size=TWO.shape)), POSE)
    once, twice = seen.reversed(), seen.reversed().reversed(3.0)
    np.testing.assert_allclose(twice.position, seen.position, atol=1e-9)
    np.testing.assert_allclose(twice.covariance[:, 1:], 3 * seen.covariance[:, 1:], atol=1e-9)
    np.testing.assert_array_equal(once.position[:, 0], seen.position[:, 0])
    assert np.abs(once.position - seen.position).max() > 0.1


def test_reversed_is_what_is_lifted_from_exchanged_joints() -> None:
    exchanged = observe(lifted_people(mirrored(TWO, POSE[:3, 3]), POSE), POSE)
    np.testing.assert_allclose(exchanged.reversed().position[:, 1:], TWO[:, 1:] - TWO[:, :1], atol=1e-9)


@pytest.mark.parametrize("people", [0, 1])
def test_any_number_of_people(people: int) -> None:
    seen = observe(lifted_people(np.tile(STANDING, (people, 1, 1)), POSE), POSE)
    assert seen.position.shape == seen.reversed().position.shape == (people, 17, 3)
    assert seen.lasting.shape == (people, 17, 3, 3)
