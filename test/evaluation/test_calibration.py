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

from diffupose_ros.evaluation.calibration import fit_calibration
from diffupose_ros.evaluation.samples import Samples, join, measure
from diffupose_ros.lifting.condition import look_at
from diffupose_ros.lifting.uncertainty import (
    NOVELTIES,
    Calibration,
    calibrated_covariance,
    containing_probability,
    mahalanobis2,
)
from diffupose_ros.skeleton import Status

HYPOTHESES = 10
ROOT = np.array([0.02, 0.02, 0.2])  # m, deviations that a root covariance says before calibration; depth last


def synthetic(people: int, seed: int, overconfidence: float = 1.0) -> Samples:
    """People who are each uncertain in another way.

    The error of joints and roots is ``overconfidence`` times larger than their spread says.
    """
    rng = np.random.default_rng(seed)
    status = rng.choice(list(Status), (people, 17), p=[0.6, 0.2, 0.2]).astype(np.int8)
    deviations = np.where(status == Status.MISSING, np.nan, rng.uniform(0, 0.1, (people, 1)))
    deviation = np.array([0.02, 0.03, 0.08])[status] * np.exp(rng.normal(0, 0.3, (people, 1)))
    axes = (1, 1, 3)  # depth is less certain
    truth = rng.normal(0, 0.3, (people, 17, 3))
    truth[:, 0] = 0
    centre = truth + rng.normal(size=truth.shape) * deviation[..., None] * axes * overconfidence
    spread = rng.normal(size=(people, HYPOTHESES, 17, 3)) * deviation[:, None, :, None] * axes
    hypotheses = centre[:, None] + spread - spread.mean(1, keepdims=True)
    root = rng.uniform((-1, -1, 2), (1, 1, 6), (people, 3))
    turn = look_at(root).transpose(0, 2, 1)
    return Samples(
        hypotheses=hypotheses,
        truth=truth,
        status=status,
        deviations=deviations,
        expected=None,
        novelty=np.exp(rng.normal(0, 0.2, people)),
        root=root,
        root_error=np.einsum("pij,pj->pi", turn, rng.normal(size=(people, 3)) * ROOT * overconfidence),
        root_covariance=turn @ np.diag(ROOT**2) @ turn.transpose(0, 2, 1),
        distance=np.linalg.norm(root, axis=-1),
    )


def levels(samples: Samples, calibration: Calibration) -> np.ndarray:
    """Probability of the ellipsoid that each joint but the root just lies in, (P, 16)."""
    covariance = calibrated_covariance(
        samples.hypotheses, samples.status, samples.deviations, calibration, samples.expected, samples.novelty
    )
    freedom = calibration.freedom_of(samples.status, samples.deviations)
    return containing_probability(mahalanobis2(samples.error, covariance), freedom)[:, 1:]


def with_error(samples: Samples, error: np.ndarray) -> Samples:
    """The same people, hypotheses moved so that their mean is off by ``error``."""
    return replace(samples, hypotheses=samples.hypotheses + (error - samples.error)[:, None])


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.0])
def test_a_fitted_calibration_holds_what_it_says_on_other_people(overconfidence: float) -> None:
    calibration = fit_calibration(synthetic(3000, 0, overconfidence))
    samples = synthetic(3000, 1, overconfidence)
    level = levels(samples, calibration)
    for probability in (0.5, 0.9, 0.95):
        assert (level < probability).mean() == pytest.approx(probability, abs=0.03)
        for kind in Status:
            of_kind = level[samples.status[:, 1:] == kind]
            assert (of_kind < probability).mean() == pytest.approx(probability, abs=0.05)
    # Who takes the covariances for those of normal distributions is right at 90 %.
    covariance = calibrated_covariance(
        samples.hypotheses, samples.status, samples.deviations, calibration, None, samples.novelty
    )
    normal = containing_probability(mahalanobis2(samples.error, covariance))[:, 1:]
    assert (normal < 0.9).mean() == pytest.approx(0.9, abs=0.03)
    measured = measure(samples, calibration)
    for percent in (50, 90):
        assert measured[f"coverage_{percent}"] == pytest.approx(percent / 100, abs=0.03)
        assert measured[f"root_coverage_{percent}"] == pytest.approx(percent / 100, abs=0.04)
        assert measured[f"absolute_coverage_{percent}"] == pytest.approx(percent / 100, abs=0.06)


def test_a_root_is_calibrated_sideways_and_in_depth_for_each_precision() -> None:
    samples = synthetic(6000, 0)
    precise = np.nanmax(samples.deviations, 1) < 0.02
    ray = samples.root / samples.distance[:, None]
    along = (samples.root_error * ray).sum(-1, keepdims=True) * ray
    sideways = samples.root_error - along
    error = np.where(precise[:, None], 3 * sideways + 0.5 * along, samples.root_error)
    calibration = fit_calibration(replace(samples, root_error=error))
    np.testing.assert_allclose(calibration.root, [[9, 0.25], [1, 1], [1, 1]], rtol=0.2)


def test_people_of_a_large_misfit_are_widened_by_what_they_err_more() -> None:
    samples = synthetic(4000, 0)
    strange = np.arange(4000) % 4 == 0
    samples = replace(samples, novelty=np.where(strange, 4.0, 1.0))
    samples = with_error(samples, samples.error * np.where(strange, 3, 1)[:, None, None])
    calibration = fit_calibration(samples)
    factors = calibration.widening_of(np.array([1.0, 4.0]))
    assert factors[1] / factors[0] == pytest.approx(9, rel=0.25)
    assert calibration.widening[1] == pytest.approx(1) and (np.diff(calibration.widening) >= 0).all()
    level = levels(samples, calibration)
    for people in (strange, ~strange):
        assert (level[people] < 0.9).mean() == pytest.approx(0.9, abs=0.03)


def test_novelties_that_nobody_has_are_widened_as_the_next_smaller() -> None:
    samples = replace(synthetic(1000, 0), novelty=np.ones(1000))
    widening = fit_calibration(samples).widening
    np.testing.assert_allclose(widening, np.ones(len(NOVELTIES)))


def test_what_a_proposal_expects_takes_the_place_of_a_prior() -> None:
    samples = synthetic(3000, 0)
    rng = np.random.default_rng(5)
    deviation = np.exp(rng.uniform(np.log(0.01), np.log(0.1), (3000, 17)))  # of which the spread knows nothing
    samples = with_error(samples, rng.normal(size=(3000, 17, 3)) * deviation[..., None])
    flat = samples.error[:, None] + samples.truth[:, None] + rng.normal(0, 0.03, samples.hypotheses.shape)
    flat += (samples.error + samples.truth - flat.mean(1))[:, None]
    samples = replace(samples, hypotheses=flat, expected=np.eye(3) * deviation[..., None, None] ** 2)
    calibration = fit_calibration(samples)
    level = levels(samples, calibration)
    for half in (deviation[:, 1:] < 0.03, deviation[:, 1:] > 0.03):
        assert (level[half] < 0.9).mean() == pytest.approx(0.9, abs=0.06)


def test_heavy_tails_are_fitted_as_such() -> None:
    samples = synthetic(3000, 0)
    rng = np.random.default_rng(1)
    lightest = fit_calibration(samples).freedom
    tails = np.sqrt(rng.chisquare(3, (3000, 17, 1)) / 3)
    heaviest = fit_calibration(with_error(samples, samples.error / tails)).freedom
    assert (heaviest <= 5).all() and (lightest > heaviest).all()


def test_calibration_matters() -> None:
    assert (levels(synthetic(500, 1, overconfidence=2), Calibration.none()) < 0.9).mean() < 0.85


def test_a_class_with_too_few_examples_is_calibrated_like_the_joint_in_general() -> None:
    samples = synthetic(400, 0)
    samples.status[:] = Status.MEASURED
    samples.status[:5] = Status.MISSING
    calibration = fit_calibration(samples)
    np.testing.assert_allclose(calibration.scale[Status.MISSING], calibration.scale[Status.DERIVED])
    for name, array in vars(calibration).items():
        assert np.isfinite(array).all(), name
    assert (calibration.scale > 0).all() and (calibration.root > 0).all()


def test_better_seen_people_have_their_own_calibration() -> None:
    samples = synthetic(3000, 0)
    samples.status[:] = Status.MEASURED
    samples.deviations[:] = np.where(np.arange(3000)[:, None] % 2, 0.01, 0.14)
    error = samples.error * np.where(np.arange(3000) % 2, 1, 3)[:, None, None]
    centred = samples.hypotheses - samples.hypotheses.mean(1, keepdims=True)
    # The spread tells nothing.
    samples = replace(samples, hypotheses=(samples.truth + error)[:, None] + 0.001 * centred, novelty=np.ones(3000))
    calibration = fit_calibration(samples)
    covariance = calibrated_covariance(samples.hypotheses, samples.status, samples.deviations, calibration)
    size = np.sqrt(np.trace(covariance, axis1=-1, axis2=-2))[:, 1:].mean(1)
    assert size[0] / size[1] == pytest.approx(3, rel=0.2)


def test_samples_are_joined_in_order() -> None:
    first, second = synthetic(3, 0), synthetic(2, 1)
    both = join([first, second])
    assert both.expected is None
    for name in ("hypotheses", "novelty", "root_covariance", "error"):
        np.testing.assert_array_equal(getattr(both, name)[:3], getattr(first, name))
        np.testing.assert_array_equal(getattr(both, name)[3:], getattr(second, name))
