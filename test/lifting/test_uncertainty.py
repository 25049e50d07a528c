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

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffupose_ros.lifting.uncertainty import (
    NORMAL,
    Calibration,
    calibrated_covariance,
    containing_probability,
    ellipsoids,
    fit_calibration,
    mahalanobis2,
    orientation_covariance,
    quality,
    radius2,
    sample_covariance,
)
from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE, Status, pelvis_axes

HYPOTHESES = 10


def synthetic(people: int, seed: int, overconfidence: float) -> tuple[np.ndarray, ...]:
    """Hypotheses, errors, statuses and scores of people who are each uncertain in another way.

    The error is ``overconfidence`` times larger than the spread of the hypotheses says.
    """
    rng = np.random.default_rng(seed)
    status = rng.choice(list(Status), (people, 17), p=[0.6, 0.2, 0.2]).astype(np.int8)
    scores = np.where(status == Status.MISSING, 0, rng.uniform(0.6, 1, (people, 1)))
    deviation = np.array([0.02, 0.03, 0.08])[status] * np.exp(rng.normal(0, 0.3, (people, 1)))
    axes = (1, 1, 3)  # depth is less certain
    truth = rng.normal(0, 0.3, (people, 17, 3))
    centre = truth + rng.normal(size=truth.shape) * deviation[..., None] * axes * overconfidence
    spread = rng.normal(size=(people, HYPOTHESES, 17, 3)) * deviation[:, None, :, None] * axes
    hypotheses = centre[:, None] + spread - spread.mean(1, keepdims=True)
    return hypotheses, centre - truth, status, scores


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.0])
def test_a_fitted_calibration_holds_what_it_says_on_other_data(overconfidence: float) -> None:
    calibration = fit_calibration(*synthetic(3000, 0, overconfidence))
    hypotheses, error, status, scores = synthetic(3000, 1, overconfidence)
    covariance = calibrated_covariance(hypotheses, status, scores, calibration)
    freedom = calibration.freedom_of(status, scores)
    level = containing_probability(mahalanobis2(error, covariance), freedom)[:, 1:]
    for probability in (0.5, 0.9, 0.95):
        assert (level < probability).mean() == pytest.approx(probability, abs=0.03)
        for kind in Status:
            assert (level[status[:, 1:] == kind] < probability).mean() == pytest.approx(probability, abs=0.05)
    # Who takes the covariances for those of normal distributions is right at 90 %.
    normal = containing_probability(mahalanobis2(error, covariance))[:, 1:]
    assert (normal < 0.9).mean() == pytest.approx(0.9, abs=0.03)


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


def test_heavy_tails_are_fitted_as_such() -> None:
    hypotheses, error, status, scores = synthetic(3000, 0, 1)
    rng = np.random.default_rng(1)
    lightest = fit_calibration(hypotheses, error, status, scores).freedom
    heavy = error / np.sqrt(rng.chisquare(3, (*error.shape[:2], 1)) / 3)
    heaviest = fit_calibration(hypotheses, heavy, status, scores).freedom
    assert (heaviest <= 5).all() and (lightest > heaviest).all()


def test_calibration_matters() -> None:
    hypotheses, error, status, scores = synthetic(500, 1, overconfidence=2)
    distance = mahalanobis2(error, calibrated_covariance(hypotheses, status, scores, Calibration.none()))
    assert (distance[:, 1:] < radius2(0.9)).mean() < 0.85


def test_a_class_with_too_few_examples_is_calibrated_like_the_joint_in_general() -> None:
    hypotheses, error, status, scores = synthetic(400, 0, 1)
    status[:] = Status.MEASURED
    status[:5] = Status.MISSING
    calibration = fit_calibration(hypotheses, error, status, scores)
    np.testing.assert_allclose(calibration.scale[Status.MISSING], calibration.scale[Status.DERIVED])
    assert np.isfinite(calibration.prior).all() and (calibration.scale > 0).all()


def test_better_seen_people_have_their_own_calibration() -> None:
    hypotheses, error, status, scores = synthetic(3000, 0, 1)
    status[:] = Status.MEASURED
    scores[:] = np.where(np.arange(3000)[:, None] % 2, 0.99, 0.5)
    error[::2] *= 3
    hypotheses = error[:, None] + 0.001 * (hypotheses - hypotheses.mean(1, keepdims=True))  # the spread tells nothing
    calibration = fit_calibration(hypotheses, error, status, scores)
    covariance = calibrated_covariance(hypotheses, status, scores, calibration)
    size = np.sqrt(np.trace(covariance, axis1=-1, axis2=-2))[:, 1:].mean(1)
    assert size[0] / size[1] == pytest.approx(3, rel=0.2)


def test_quality_is_the_mean_score_of_the_seen_joints() -> None:
    scores = np.zeros((4, 17))
    scores[0, :4], scores[1, :9], scores[2] = 0.5, 0.9, 1
    assert quality(scores).tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("count", [1, 2, 10])
def test_any_number_of_hypotheses_gives_an_invertible_covariance(count: int) -> None:
    hypotheses = np.repeat(np.random.default_rng(0).normal(size=(3, 1, 17, 3)), count, 1)
    status, scores = np.zeros((3, 17), np.int8), np.ones((3, 17))
    covariance = calibrated_covariance(hypotheses, status, scores, Calibration.none())
    assert covariance.shape == (3, 17, 3, 3)
    assert np.linalg.eigvalsh(covariance).min() > 0
    np.testing.assert_allclose(covariance, np.swapaxes(covariance, -1, -2))


def test_covariance_of_one_hypothesis_is_the_prior() -> None:
    status = np.zeros((1, 17), np.int8)
    covariance = calibrated_covariance(np.zeros((1, 1, 17, 3)), status, np.ones((1, 17)), Calibration.none())
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
