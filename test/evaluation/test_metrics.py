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

"""Each measure against a value computed by hand, or known in closed form."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from diffupose_ros.evaluation import metrics
from diffupose_ros.skeleton import BONES, H36M17

RNG = np.random.default_rng(0)
POSES = RNG.normal(0, 0.4, (20, 17, 3))
POSES -= POSES[:, :1]


# Errors of poses.


def test_joint_errors_are_distances() -> None:
    errors = metrics.joint_errors(np.array([[[0.0, 0, 0], [1, 2, 2]]]), np.array([[[0.0, 3, 4], [1, 2, 2]]]))
    np.testing.assert_allclose(errors, [[5, 0]])


def test_a_turned_scaled_and_moved_pose_has_no_procrustes_error() -> None:
    turned = 1.3 * POSES @ Rotation.random(20, random_state=1).as_matrix() + RNG.normal(size=(20, 1, 3))
    np.testing.assert_allclose(metrics.p_mpjpe(turned, POSES), 0, atol=1e-12)


def test_a_mirror_image_has_a_procrustes_error() -> None:
    assert metrics.p_mpjpe(POSES * (-1, 1, 1), POSES).min() > 0.1


@pytest.mark.parametrize("mirrored", [1, -1])
def test_the_procrustes_alignment_is_the_best_one(mirrored: int) -> None:
    predicted = (POSES + RNG.normal(0, 0.2, POSES.shape)) * (mirrored, 1, 1)
    for guess, truth, error in zip(predicted, POSES, metrics.p_mpjpe(predicted, POSES), strict=True):
        x, y = guess - guess.mean(0), truth - truth.mean(0)
        turned = Rotation.align_vectors(y, x)[0].apply(x)
        scale = (turned * y).sum() / (turned**2).sum()
        assert error == pytest.approx(np.linalg.norm(scale * turned - y, axis=1).mean(), rel=1e-6)


def test_a_scaled_pose_has_no_normalised_error_but_one_that_is_scaled_by_axis_has() -> None:
    scales = RNG.uniform(0.5, 2, (20, 1, 1))
    np.testing.assert_allclose(metrics.n_mpjpe(scales * POSES, POSES), 0, atol=1e-12)
    assert metrics.n_mpjpe(POSES * (1, 1, 2), POSES).min() > 0.05


def test_the_normalised_error_takes_the_least_squares_scale() -> None:
    predicted, truth = np.array([[[1.0, 0, 0], [0, 1, 0]]]), np.array([[[2.0, 0, 0], [0, 4, 0]]])
    # The scale is (1 * 2 + 1 * 4) / 2 = 3, and the errors are |3 - 2| and |3 - 4|.
    np.testing.assert_allclose(metrics.n_mpjpe(predicted, truth), [1])


def test_the_best_hypothesis_is_one_whole_pose() -> None:
    truth = np.zeros((1, 2, 3))
    hypotheses = np.zeros((1, 3, 2, 3))
    hypotheses[0, :, :, 0] = [[0, 6], [5, 0], [4, 3]]  # joint by joint the best would be 0
    np.testing.assert_allclose(metrics.best_of_n(hypotheses, truth), [2.5])


def test_pck_counts_joints_within_150_mm() -> None:
    assert metrics.pck(np.array([[0.0, 0.149, 0.151, 0.3]])) == 0.5


# Uncertainty.


def gaussian_distances(overconfidence: float) -> np.ndarray:
    return overconfidence**2 * np.random.default_rng(2).chisquare(3, 100_000)


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.0])
def test_coverage_of_normal_errors_is_what_theory_says(overconfidence: float) -> None:
    level = chi2.cdf(gaussian_distances(overconfidence), 3)
    expected = chi2.cdf(chi2.ppf(metrics.QUANTILES, 3) / overconfidence**2, 3)
    np.testing.assert_allclose(metrics.reliability(level), expected, atol=0.006)
    for probability in (0.5, 0.9, 0.95):
        known = chi2.cdf(chi2.ppf(probability, 3) / overconfidence**2, 3)
        assert metrics.coverage(level, probability) == pytest.approx(known, abs=0.006)
    ece = np.abs(expected - metrics.QUANTILES).mean()
    assert metrics.calibration_error(level) == pytest.approx(ece, abs=0.005)


def test_the_calibration_error_of_certainty_that_is_always_wrong_is_the_mean_quantile() -> None:
    assert metrics.calibration_error(np.ones((3, 4))) == pytest.approx(0.5)


def test_the_radius_is_that_of_a_ball_as_large() -> None:
    radii = metrics.ellipsoid_radius(np.stack([np.eye(3) * 0.02**2, np.diag([0.01, 0.02, 0.04]) ** 2]), np.array(6.25))
    np.testing.assert_allclose(radii, 2.5 * 0.02)


def test_the_energy_score_of_one_hypothesis_is_its_distance() -> None:
    np.testing.assert_allclose(metrics.energy_score(POSES[:, None] + (0.3, 0, 0.4), POSES), 0.5)


def test_the_energy_score_by_hand() -> None:
    hypotheses = np.zeros((1, 3, 1, 3))
    hypotheses[0, :, 0, 0] = [-1, 1, 3]
    # Mean distance (1 + 1 + 3) / 3 to the truth; mean distance (2 + 2 + 4) / 3 of the pairs, half of it off.
    np.testing.assert_allclose(metrics.energy_score(hypotheses, np.zeros((1, 1, 3))), [[5 / 3 - 4 / 3]])


@pytest.mark.parametrize("count", [2, 5])
def test_the_energy_score_is_fair_to_few_hypotheses(count: int) -> None:
    truth = np.zeros((4000, 4, 3))
    hypotheses = np.random.default_rng(3).normal(size=(4000, count, 4, 3))
    known = 2 * np.sqrt(2 / np.pi) * (1 - 1 / np.sqrt(2))  # E|X| of a normal X in 3D, and E|X - X'| = sqrt(2) E|X|
    assert metrics.energy_score(hypotheses, truth).mean() == pytest.approx(known, abs=0.015)


def test_the_energy_score_prefers_the_true_distribution() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(2000, 4, 3))
    hypotheses = rng.normal(size=(2000, 5, 4, 3))
    narrow, honest, wide = (metrics.energy_score(s * hypotheses, truth).mean() for s in (0.5, 1, 2))
    assert honest < narrow and honest < wide


def test_rank_correlation_sees_order_alone() -> None:
    sigma = RNG.uniform(size=(30, 16))
    assert metrics.rank_correlation(sigma, np.exp(5 * sigma)) == pytest.approx(1)
    assert metrics.rank_correlation(sigma, -sigma) == pytest.approx(-1)
    assert np.isnan(metrics.rank_correlation(np.ones((30, 16)), sigma))


# Bones.


def test_bones_of_scaled_hypotheses_deviate_by_the_scale() -> None:
    hypotheses = POSES[:, None] * np.array([0.9, 1, 1.1])[:, None, None]
    lengths = metrics.bone_lengths(POSES)
    parent, child = BONES[4]
    np.testing.assert_allclose(lengths[:, 4], np.linalg.norm(POSES[:, child] - POSES[:, parent], axis=1))
    np.testing.assert_allclose(metrics.bone_deviation(hypotheses), 0.1 * lengths)
    np.testing.assert_allclose(metrics.bone_deviation(POSES[:, None]), 0)


def test_asymmetry_is_the_difference_of_left_and_right() -> None:
    pose = np.zeros((17, 3))
    assert metrics.bone_asymmetry(pose) == 0
    for name, length in (("left_ankle", 0.4), ("right_ankle", 0.5), ("head", 0.2)):
        pose[H36M17.index(name), 2] = length
    assert metrics.bone_asymmetry(pose) == pytest.approx(0.1 / 6)  # of six pairs one differs
