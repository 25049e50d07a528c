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

"""Where in space a pose stands."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting.engine import placement
from diffupose_ros.resources import resource_path


class RootFit(NamedTuple):
    """Roots (..., 3), and their covariances (..., 3, 3)."""

    root: np.ndarray
    covariance: np.ndarray


def solve_root(pose: np.ndarray, rays: np.ndarray, weights: np.ndarray, **options: int) -> RootFit:
    """Place poses (R, 17, 3) on rays (R, 17, 3)."""
    seen = weights[:, None] > 0
    xy = np.where(seen, np.swapaxes(rays[..., :2] / rays[..., 2:], 1, 2), 0)
    numbers = (torch.from_numpy(np.array(x, float)) for x in (np.swapaxes(pose, 1, 2), xy, weights))
    fit = placement.solve_root(*numbers, **options)
    np.testing.assert_allclose(fit.placed.mT.numpy(), pose + fit.root[:, None].numpy())
    return RootFit(fit.root.numpy(), (fit.spread.mT @ fit.spread).numpy())


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return Scene(resource_path("resource/clips/people.npz"), 5).poses(30)


def noisy_fits(person: np.ndarray, sigma: float, count: int = 2000) -> RootFit:
    xy = person[:, :2] / person[:, 2:] + np.random.default_rng(0).normal(0, sigma, (count, 17, 2))
    rays = np.concatenate([xy, np.ones((count, 17, 1))], -1)
    return solve_root(np.broadcast_to(person - person[0], (count, 17, 3)), rays, np.ones((count, 17)))


def test_exact_rays_give_the_exact_root(people: np.ndarray) -> None:
    fit = solve_root(people - people[:, :1], people * 0.7, np.ones((5, 17)))
    np.testing.assert_allclose(fit.root, people[:, 0], atol=1e-4)
    assert np.sqrt(np.trace(fit.covariance, axis1=-1, axis2=-2)).max() < 1e-3


def test_joints_without_weight_do_not_count(people: np.ndarray) -> None:
    weights = np.ones((5, 17))
    weights[:, 5:] = 0
    rays = people.copy()
    rays[:, 5:] = np.nan
    np.testing.assert_allclose(solve_root(people - people[:, :1], rays, weights).root, people[:, 0], atol=1e-4)


@pytest.mark.parametrize("joint", [3, 10, 16])
def test_one_wrong_joint_hardly_moves_the_person(people: np.ndarray, joint: int) -> None:
    rays = people / people[..., 2:]
    rays[:, joint, 0] += 0.1  # 0.3 to 0.8 m beside the joint
    poses, weights = people - people[:, :1], np.ones((5, 17))
    error = np.linalg.norm(solve_root(poses, rays, weights).root - people[:, 0], axis=-1)
    trusting = np.linalg.norm(solve_root(poses, rays, weights, rounds=1).root - people[:, 0], axis=-1)
    assert (error < 0.2 * trusting).all() and (error < 0.15).all()


@pytest.mark.parametrize("person", [0, 3])
def test_root_covariance_tells_the_errors_of_noisy_rays(people: np.ndarray, person: int) -> None:
    estimated = []
    for sigma in (0.002, 0.006):
        fit = noisy_fits(people[person], sigma)
        actual = np.cov(fit.root.T)
        ratio = np.diagonal(fit.covariance.mean(0)) / np.diagonal(actual)
        assert (ratio > 0.5).all() and (ratio < 2.5).all()
        # The long axis is along the line of sight.
        axis, ray = np.linalg.eigh(fit.covariance.mean(0))[1][:, -1], people[person, 0]
        assert abs(axis @ ray) / np.linalg.norm(ray) > 0.98
        estimated.append(np.trace(fit.covariance.mean(0)))
    assert estimated[1] / estimated[0] == pytest.approx(9, rel=0.25)


def test_one_round_is_numpys_least_squares(people: np.ndarray) -> None:
    random = np.random.default_rng(0)
    pose = people - people[:, :1]
    xy = people[..., :2] / people[..., 2:] + random.normal(0, 0.01, (5, 17, 2))
    weights = random.uniform(0.1, 1, (5, 17))
    fit = solve_root(pose, np.concatenate([xy, np.ones((5, 17, 1))], -1), weights, rounds=1)
    for person in range(5):
        # Of each joint x (Z + z) = X + x', and alike for y.
        rows = np.zeros((17, 2, 3))
        rows[:, [0, 1], [0, 1]], rows[..., 2] = 1, -xy[person]
        right = xy[person] * pose[person, :, 2:] - pose[person, :, :2]
        root = np.sqrt(weights[person])[:, None]
        found = np.linalg.lstsq((root[..., None] * rows).reshape(-1, 3), (root * right).ravel(), rcond=None)[0]
        np.testing.assert_allclose(fit.root[person], found, rtol=1e-5)
        inverse = np.linalg.inv(np.einsum("j,jki,jkl->il", weights[person], rows, rows))
        ratio = fit.covariance[person] / inverse
        np.testing.assert_allclose(ratio[2], ratio[2, 2], rtol=1e-5)


def test_no_people_and_rays_that_all_coincide_are_no_error() -> None:
    empty = solve_root(np.zeros((0, 17, 3)), np.zeros((0, 17, 3)), np.zeros((0, 17)))
    assert empty.root.shape == (0, 3)
    pose = np.random.default_rng(0).normal(0, 0.3, (1, 17, 3))
    fit = solve_root(pose, np.broadcast_to((0.0, 0, 1), (1, 17, 3)), np.ones((1, 17)))
    assert np.isfinite(fit.root).all() and np.isfinite(fit.covariance).all() and fit.root[0, 2] > 0
