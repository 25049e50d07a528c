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

"""Where a pose stands: on the rays, whatever is wrong with one; and as plain numpy says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import placing
from support.placing import RootFit

from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting.engine.outcome.placement import solve_root
from diffupose_ros.resources import resource_path


def fitted(pose: np.ndarray, rays: np.ndarray, weights: np.ndarray, rounds: int = 6) -> RootFit:
    """Return ``solve_root`` of poses (R, 17, 3) and rays (R, 17, 3), any where the weights (R, 17) are 0."""
    xy = np.where(weights[:, None] > 0, np.swapaxes(rays[..., :2] / rays[..., 2:], 1, 2), 0)
    fit = solve_root(*(torch.from_numpy(x) for x in (np.swapaxes(pose, 1, 2), xy, weights)), rounds)
    np.testing.assert_allclose(fit.placed.mT, pose + fit.root[:, None].numpy())
    return RootFit(fit.root.numpy(), (fit.spread.mT @ fit.spread).numpy())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 6), st.sampled_from([0.0, 0.01, 0.3]), st.booleans()
)
def test_it_is_numpys(seed: int, poses: int, rounds: int, error: float, wild: bool) -> None:
    random = np.random.default_rng(seed)
    pose = random.normal(0, 0.4, (poses, 17, 3))
    joints = pose + random.uniform((-1, -1, 2), (1, 1, 30), (poses, 1, 3))
    rays = joints / joints[..., 2:]
    rays[..., :2] += random.normal(0, error / joints[..., 2:], (poses, 17, 2))
    rays[:, 3, 0] += wild
    weights = random.uniform(0.01, 1, (poses, 17)) * (random.uniform(size=(poses, 17)) < 0.8)
    weights[:, :2] = 1
    fit, expected = (solve(pose, rays, weights, rounds) for solve in (fitted, placing.solve_root))
    np.testing.assert_allclose(fit.root, expected.root, rtol=1e-6, atol=1e-7)
    size = np.abs(expected.covariance).max((1, 2), keepdims=True, initial=1e-12)
    np.testing.assert_allclose(fit.covariance / size, expected.covariance / size, atol=1e-6)


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return Scene(resource_path("resource/clips/people.npz"), 5).poses(30)


def noisy_fits(person: np.ndarray, sigma: float, count: int = 2000) -> RootFit:
    xy = person[:, :2] / person[:, 2:] + np.random.default_rng(0).normal(0, sigma, (count, 17, 2))
    rays = np.concatenate([xy, np.ones((count, 17, 1))], -1)
    return fitted(np.repeat((person - person[0])[None], count, 0), rays, np.ones((count, 17)))


def test_exact_rays_give_the_exact_root(people: np.ndarray) -> None:
    fit = fitted(people - people[:, :1], people * 0.7, np.ones((5, 17)))
    np.testing.assert_allclose(fit.root, people[:, 0], atol=1e-4)
    assert np.sqrt(np.trace(fit.covariance, axis1=-1, axis2=-2)).max() < 1e-3


def test_joints_without_weight_do_not_count(people: np.ndarray) -> None:
    weights = np.ones((5, 17))
    weights[:, 5:] = 0
    rays = people.copy()
    rays[:, 5:] = np.nan
    np.testing.assert_allclose(fitted(people - people[:, :1], rays, weights).root, people[:, 0], atol=1e-4)


@pytest.mark.parametrize("joint", [3, 10, 16])
def test_one_wrong_joint_hardly_moves_the_person(people: np.ndarray, joint: int) -> None:
    rays = people / people[..., 2:]
    rays[:, joint, 0] += 0.1  # 0.3 to 0.8 m beside the joint
    poses, weights = people - people[:, :1], np.ones((5, 17))
    error = np.linalg.norm(fitted(poses, rays, weights).root - people[:, 0], axis=-1)
    trusting = np.linalg.norm(fitted(poses, rays, weights, rounds=1).root - people[:, 0], axis=-1)
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


def test_no_people_and_rays_that_all_coincide_are_no_error() -> None:
    empty = fitted(np.zeros((0, 17, 3)), np.zeros((0, 17, 3)), np.zeros((0, 17)))
    assert empty.root.shape == (0, 3)
    pose = np.random.default_rng(0).normal(0, 0.3, (1, 17, 3))
    fit = fitted(pose, np.zeros((1, 17, 3)) + (0.0, 0, 1), np.ones((1, 17)))
    assert np.isfinite(fit.root).all() and np.isfinite(fit.covariance).all() and fit.root[0, 2] > 0
