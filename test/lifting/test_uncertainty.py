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

"""From hypotheses to calibrated covariances."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting.condition import look_at
from diffupose_ros.lifting.uncertainty import (
    MIN_VARIANCE,
    NORMAL,
    Calibration,
    calibrated_covariance,
    containing_probability,
    ellipsoids,
    mahalanobis2,
    orientation_covariance,
    precision_class,
    radius2,
    sample_covariance,
    turning,
)
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE, Status, pelvis_axes


@pytest.mark.parametrize("freedom", [2.5, 4.0, 12.0, NORMAL])
def test_student_t_ellipsoids_hold_what_they_say(freedom: float) -> None:
    rng = np.random.default_rng(0)
    heavy = rng.normal(size=(40_000, 3)) / np.sqrt(rng.chisquare(freedom, (40_000, 1)) / freedom)
    scale = radius2(0.9, freedom) / np.quantile((heavy**2).sum(1), 0.9)
    distance = (heavy**2).sum(1) * scale  # in units of the covariance that is right at 90 %
    for probability in (0.1, 0.5, 0.9, 0.95):
        assert (distance < radius2(probability, freedom)).mean() == pytest.approx(probability, abs=0.01)
        assert (containing_probability(distance, freedom) < probability).mean() == pytest.approx(probability, abs=0.01)
    assert radius2(0.9, freedom) == pytest.approx(6.2514, rel=1e-4)


def test_precision_is_classed_by_the_mean_deviation_of_the_seen_joints() -> None:
    deviations = np.full((5, 17), np.nan)
    deviations[0, :4], deviations[1, :9], deviations[2] = 0.1, 0.03, 0.01
    deviations[3, 0], deviations[3, 1:] = 0.2, 0.04  # the mean of which is 0.049
    assert precision_class(deviations).tolist() == [2, 1, 0, 1, 0]
    assert precision_class(deviations[:0]).shape == (0,)


def graded(**changes: np.ndarray) -> Calibration:
    return replace(Calibration.none(), **changes)


def test_precision_and_status_choose_the_class() -> None:
    scale, freedom = np.ones((3, 3, 17)), np.full((3, 3), NORMAL)
    for c, q in np.ndindex(3, 3):
        scale[c, q], freedom[c, q] = 1 + 3 * c + q, 2 + 3 * c + q
    calibration = graded(scale=scale, freedom=freedom)
    deviations = np.repeat([[0.01], [0.03], [0.1]], 17, 1)
    for status in Status:
        statuses = np.full((3, 17), status, np.int8)
        covariance = calibrated_covariance(np.zeros((3, 1, 17, 3)), statuses, deviations, calibration)
        np.testing.assert_allclose(covariance[:, 5, 0, 0], 0.01 * (1 + 3 * status + np.arange(3)), rtol=1e-3)
        freedoms = calibration.freedom_of(statuses, deviations)
        np.testing.assert_array_equal(freedoms, np.repeat(2.0 + 3 * status + np.arange(3)[:, None], 17, 1))


def test_covariances_are_widened_by_the_misfit() -> None:
    calibration = graded(widening=np.array([1, 1, 4, 16.0]))
    novelty = np.array([0, 0.5, 0.7, 1, 2**0.5, 2, 4, 1000])
    np.testing.assert_allclose(calibration.widening_of(novelty), [1, 1, 1, 1, 2, 4, 16, 16])
    assert (np.diff(calibration.widening_of(np.linspace(0.1, 10, 50))) >= 0).all()
    hypotheses = np.random.default_rng(0).normal(0, 0.1, (8, 10, 17, 3))
    status, deviations = np.zeros((8, 17), np.int8), np.zeros((8, 17))
    plain, wide = (calibrated_covariance(hypotheses, status, deviations, calibration, None, m) for m in (None, novelty))
    np.testing.assert_allclose(
        wide - MIN_VARIANCE * np.eye(3),
        calibration.widening_of(novelty)[:, None, None, None] * (plain - MIN_VARIANCE * np.eye(3)),
    )


def test_roots_are_stretched_sideways_and_in_depth_by_their_precision() -> None:
    calibration = graded(root=np.array([[1, 1], [4, 9], [0.25, 16.0]]))
    deviations = np.repeat([[0.01], [0.03], [0.1]], 17, 1)
    root = Rotation.from_rotvec([0.3, -0.5, 0.2]).apply(np.repeat([[0, 0, 4.0]], 3, 0))
    axes = look_at(root).transpose(0, 2, 1)  # the last one along the ray
    covariance = axes @ np.diag([0.01, 0.02, 0.3]) @ axes.transpose(0, 2, 1)
    found = axes.transpose(0, 2, 1) @ calibration.root_covariance(covariance, root, deviations) @ axes
    expected = [np.diag([0.01, 0.02, 0.3]), np.diag([0.04, 0.08, 2.7]), np.diag([0.0025, 0.005, 4.8])]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    mixed = np.broadcast_to([[1, 0.2, 0.3], [0.2, 2, -0.4], [0.3, -0.4, 3]], (3, 3, 3))
    stretched = calibration.root_covariance(mixed, root, deviations)
    np.testing.assert_allclose(stretched[0], mixed[0])
    np.testing.assert_allclose(stretched, stretched.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(stretched).min() > 0
    np.testing.assert_allclose(Calibration.none().root_covariance(mixed, root, deviations), mixed)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_any_number_of_hypotheses_gives_an_invertible_covariance(count: int) -> None:
    hypotheses = np.repeat(np.random.default_rng(0).normal(size=(3, 1, 17, 3)), count, 1)
    status, deviations = np.zeros((3, 17), np.int8), np.zeros((3, 17))
    covariance = calibrated_covariance(hypotheses, status, deviations, Calibration.none())
    assert covariance.shape == (3, 17, 3, 3)
    assert np.linalg.eigvalsh(covariance).min() > 0
    np.testing.assert_allclose(covariance, np.swapaxes(covariance, -1, -2))


def test_covariance_of_one_hypothesis_is_the_prior() -> None:
    status = np.zeros((1, 17), np.int8)
    covariance = calibrated_covariance(np.zeros((1, 1, 17, 3)), status, np.zeros((1, 17)), Calibration.none())
    np.testing.assert_allclose(covariance[0, 5], np.eye(3) * 0.1**2, rtol=1e-3)


def test_sample_covariance_is_numpys() -> None:
    hypotheses = np.random.default_rng(0).normal(size=(2, 8, 17, 3)) * (1, 2, 3)
    np.testing.assert_allclose(sample_covariance(hypotheses)[1, 4], np.cov(hypotheses[1, :, 4].T))
    assert (sample_covariance(hypotheses[:, :1]) == 0).all()


def test_mahalanobis_by_hand() -> None:
    assert mahalanobis2(np.array([2.0, 0, 3]), np.diag([4.0, 1, 9])) == pytest.approx(2)


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.95])
def test_ellipsoids_hold_the_probability_they_name(probability: float) -> None:
    turn = Rotation.random(random_state=0).as_matrix()
    covariance = turn @ np.diag([0.01, 0.04, 0.25]) @ turn.T
    radii, axes = ellipsoids(covariance, probability)
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 20_000)
    inside = (((drawn @ axes) / radii) ** 2).sum(1) < 1
    assert inside.mean() == pytest.approx(probability, abs=0.01)


def test_ellipsoids_are_right_handed_for_any_shape() -> None:
    factors = np.random.default_rng(0).normal(size=(4, 17, 3, 3))
    radii, axes = ellipsoids(factors @ np.swapaxes(factors, -1, -2), 0.9)
    assert radii.shape == (4, 17, 3) and (radii > 0).all()
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    flat_radii, _ = ellipsoids(np.diag([0.0, 0, 1]), 0.9)
    assert flat_radii[:2] == pytest.approx(0) and flat_radii[2] == pytest.approx(6.2514**0.5, rel=1e-4)


def test_orientation_covariance_is_that_of_axes_of_moved_hips_and_spine() -> None:
    rng, draws = np.random.default_rng(1), 20_000
    pose = rng.normal(0, 0.3, (3, 17, 3))
    pose[:, [PELVIS, LEFT_HIP, RIGHT_HIP, SPINE]] = (0, 0, 0), (0.02, 0.12, 0.01), (-0.02, -0.12, -0.01), (0, 0.05, 0.2)
    pose = np.einsum("pij,pkj->pki", Rotation.random(3, random_state=2).as_matrix(), pose)
    root = rng.normal(0, 0.003, (3, 17, 3, 3))
    root[:, RIGHT_HIP] = root[:, LEFT_HIP]  # which move oppositely, so alike
    aside, spine = (np.einsum("pij,pnj->pni", root[:, j], rng.normal(size=(3, draws, 3))) for j in (LEFT_HIP, SPINE))
    moved = np.repeat(pose[:, None], draws, 1)
    moved[:, :, LEFT_HIP] += aside
    moved[:, :, RIGHT_HIP] -= aside
    moved[:, :, SPINE] += spine
    turn = pelvis_axes(moved) @ np.swapaxes(pelvis_axes(pose), 1, 2)[:, None]
    turn = Rotation.from_matrix(turn.reshape(-1, 3, 3)).as_rotvec().reshape(3, draws, 3)
    expected = np.einsum("pni,pnj->pij", turn, turn) / draws
    found = orientation_covariance(pose, pelvis_axes(pose), root @ np.swapaxes(root, -1, -2))
    np.testing.assert_allclose(found, expected, atol=0.03 * expected.max())
    assert orientation_covariance(pose[:0], pelvis_axes(pose[:0]), root[:0]).shape == (0, 3, 3)


def test_orientation_covariance_saturates_where_the_pelvis_may_lie_anyhow() -> None:
    pose, wide = np.zeros((2, 17, 3)), np.broadcast_to(np.eye(3), (2, 17, 3, 3))
    pose[0, [LEFT_HIP, RIGHT_HIP, SPINE]] = (0, 0.1, 0), (0, -0.1, 0), (0, 0, 0.2)  # the other's joints coincide
    found = orientation_covariance(pose, pelvis_axes(pose), wide)
    np.testing.assert_allclose(np.linalg.eigvalsh(found), np.pi**2 / 3, rtol=0.15)
    assert (np.linalg.eigvalsh(found) <= np.pi**2 / 3).all()


def test_a_rigid_body_turns_as_its_joints_move() -> None:
    poses = Scene(resource_path("resource/clips/people.npz"), 3).poses(0)
    angular = np.array([[0.3, -1.0, 2.0], [0, 0, 1.0], [-0.5, 0.1, 0]])
    moving = np.cross(angular[:, None], poses - poses[:, :1]) + (0.4, 0, -1.2)
    np.testing.assert_allclose(turning(poses, pelvis_axes(poses)).rotation(moving), angular, atol=1e-9)


def test_of_bent_bodies_it_is_the_axes_that_turn() -> None:
    poses = Scene(resource_path("resource/clips/people.npz"), 3).poses(0)
    moving, step = np.random.default_rng(0).normal(size=poses.shape), 1e-6
    axes = pelvis_axes(poses)
    turned = pelvis_axes(poses + step * moving) @ np.swapaxes(axes, 1, 2)
    expected = Rotation.from_matrix(turned).as_rotvec() / step
    np.testing.assert_allclose(turning(poses, axes).rotation(moving), expected, rtol=1e-3, atol=1e-3)
