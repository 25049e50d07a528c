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

"""Fits the calibration of covariances on people whose truth is known."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, fdtri

from diffupose_ros.evaluation.samples import Samples
from diffupose_ros.lifting.uncertainty import (
    ANCHOR,
    ANCHOR_RADIUS2,
    MIN_VARIANCE,
    NORMAL,
    NOVELTIES,
    Calibration,
    calibrated_covariance,
    containing_probability,
    mahalanobis2,
    precision_class,
    radius2,
    sample_covariance,
)
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

_STRENGTHS = (0.5, 1, 2, 4, 8, 16, 32, 64)
_FREEDOMS = (2, 2.5, 3, 4, 5, 6, 8, 12, 20, 50, NORMAL)
_FITTED = (0.5, 0.8, 0.9, 0.95)  # probabilities of the ellipsoids that the scale is fitted to
_OUTER = (0.8, 0.9, 0.95)  # of the root's
_TYPICAL_STRENGTH = 8.0
_FEWEST = 100  # errors from which a class is fitted on its own


def fit_calibration(samples: Samples) -> Calibration:
    """Return the calibration with which ellipsoids hold what they say of these people.

    For each class the degrees of freedom are those with which ellipsoids of all sizes hold nearest to what
    they say. For each class and joint the prior is the errors' own covariance, the scale is the one for which
    the 50 to 95 % ellipsoids do, and the strength the likeliest. People are widened by their novelty first.
    """
    narrow = _fit_joints(samples, np.ones(len(samples.novelty)))
    widening = _fit_widening(samples, narrow)
    factors = replace(narrow, widening=widening).widening_of(samples.novelty)
    return replace(_fit_joints(samples, factors), widening=widening, root=_fit_root(samples))


def _fit_joints(samples: Samples, widening: FloatArray) -> Calibration:
    """The joints' part of a calibration; ``widening`` (P,) are factors on the people's variances."""
    none = Calibration.none()
    prior, strength, scale = none.prior.copy(), none.strength.copy(), none.scale.copy()
    freedom = none.freedom.copy()
    number, error = samples.hypotheses.shape[1], samples.error
    widening = widening[:, None, None]
    spread, grade = sample_covariance(samples.hypotheses), precision_class(samples.deviations)
    for c, q in np.ndindex(freedom.shape):
        joints = []
        for j in range(1, 17):  # not the root, relative to itself
            here = _examples(samples.status[:, j] == c, grade == q)
            e = error[here, j]
            prior[c, q, j] = np.einsum("ni,nk->ik", e, e) / len(e)
            mixed = np.broadcast_to(prior[c, q, j], (len(e), 3, 3))
            if samples.expected is not None:
                mixed = samples.expected[here, j]
            joints.append(_Errors(e, mixed * widening[here], spread[here, j] * widening[here], number - 1))
        freedom[c, q] = _fit_freedom(joints)
        for j, errors in enumerate(joints, 1):
            candidates = [(*errors.fit(nu, float(freedom[c, q])), nu) for nu in _STRENGTHS]
            _, scale[c, q, j], strength[c, q, j] = min(candidates)
        prior[c, q, 0] = 0
    return replace(none, prior=prior, strength=strength, scale=scale, freedom=freedom)


def _fit_widening(samples: Samples, narrow: Calibration) -> FloatArray:
    """Factors on the variance at ``NOVELTIES``, from the people about each; never falling, 1 for the usual."""
    covariance = calibrated_covariance(samples.hypotheses, samples.status, samples.deviations, narrow, samples.expected)
    freedom = narrow.freedom_of(samples.status, samples.deviations)[:, 1:]
    distance = mahalanobis2(samples.error, covariance)[:, 1:] / radius2(ANCHOR, freedom)
    nearest = np.abs(np.log(np.maximum(samples.novelty, 1e-3))[:, None] - np.log(NOVELTIES)).argmin(1)
    held = [distance[nearest == k] for k in range(len(NOVELTIES))]
    factors = np.array([np.quantile(here, ANCHOR) if here.size >= _FEWEST else np.nan for here in held])
    usual = NOVELTIES.index(1.0)
    factors /= factors[usual]
    factors[: usual + 1] = *np.fmin(factors[:usual], 1), 1  # NaN, of too few people: as the usual
    return np.asarray(np.fmax.accumulate(factors))


def _fit_root(samples: Samples) -> FloatArray:
    """Factors (3, 2) on the root's variance, sideways and in depth, by class of precision."""
    ray = unit(samples.root)
    along = (samples.root_error * ray).sum(-1)
    sideways = samples.root_error - along[:, None] * ray
    variance = np.einsum("pi,pij,pj->p", ray, samples.root_covariance, ray)
    across = (np.trace(samples.root_covariance, axis1=1, axis2=2) - variance) / 2
    ratios = ((sideways**2).sum(-1) / across, along**2 / variance)
    grade, factors = precision_class(samples.deviations), Calibration.none().root.copy()
    for q, direction in np.ndindex(factors.shape):
        here = _examples(np.ones(len(grade), bool), grade == q)
        held = np.quantile(ratios[direction][here], _OUTER) / chdtri(2 - direction, 1 - np.array(_OUTER))
        factors[q, direction] = np.exp(np.log(held).mean())
    return factors


def _examples(of_status: npt.NDArray[np.bool_], of_quality: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whose errors a class is fitted on: its own if there are enough."""
    for here in (of_status & of_quality, of_status):
        if here.sum() >= _FEWEST:
            return here
    return np.ones(len(of_status), bool)


@dataclass(frozen=True)
class _Errors:
    """Errors (n, 3) of one joint in one class, and what was expected and sampled of each, (n, 3, 3)."""

    error: FloatArray
    expected: FloatArray
    spread: FloatArray
    sampled: int  # degrees of freedom of the spread

    def mixture(self, strength: float) -> FloatArray:
        """Return the covariances (n, 3, 3) before any scale."""
        mixed = (strength * self.expected + self.sampled * self.spread) / (strength + self.sampled)
        return np.asarray(mixed + MIN_VARIANCE * np.eye(3))

    def fit(self, strength: float, freedom: float) -> tuple[float, float]:
        """Return (negative log likelihood at the best scale, that scale)."""
        covariance = self.mixture(strength)
        distance = mahalanobis2(self.error, covariance)
        held = np.quantile(distance, _FITTED) / radius2(_FITTED, np.full(len(_FITTED), freedom))
        scale = float(np.exp(np.log(held).mean()))
        # The density is that of the Student t distribution whose matrix is the covariance times this.
        matrix = scale * ANCHOR_RADIUS2 / (3 * fdtri(3, freedom, ANCHOR))
        tail = (freedom + 3) * np.log1p(distance / (matrix * freedom))
        determinant = np.linalg.slogdet(covariance)[1] + 3 * np.log(matrix)
        return float(np.mean(tail + determinant)), scale


def _fit_freedom(joints: list[_Errors]) -> float:
    """Degrees of freedom of the errors of all joints together, each in units of its own 90 % ellipsoid."""
    distances = [mahalanobis2(e.error, e.mixture(_TYPICAL_STRENGTH)) for e in joints]
    pooled = np.concatenate([d / np.quantile(d, ANCHOR) * ANCHOR_RADIUS2 for d in distances])
    probabilities = np.arange(0.05, 1, 0.05)
    radii = np.quantile(pooled, probabilities)

    def miss(freedom: float) -> float:
        return float(np.abs(containing_probability(radii, freedom) - probabilities).mean())

    return min(_FREEDOMS, key=miss)
