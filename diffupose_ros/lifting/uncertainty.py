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

"""From hypotheses to a mean and a calibrated covariance for each joint."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from diffupose_ros.skeleton import LEFT_HIP, RIGHT_HIP, SPINE, Status, pelvis_axes

FloatArray = npt.NDArray[np.float64]

CHI2_3 = {q: float(chi2.ppf(q, 3)) for q in (0.5, 0.9, 0.95)}
"""Squared Mahalanobis radius of the ellipsoid in 3D that holds 50, 90, 95 % of a normal distribution."""

MIN_VARIANCE = 0.001**2
"""m^2 added to every direction, so that a covariance can be inverted."""

QUALITY_BOUNDS = (0.8, 0.95)
"""A person's mean score over the seen joints falls below, between or above these."""

_DRAWS = 64
_STRENGTHS = (0.5, 1, 2, 4, 8, 16, 32, 64)
_FEWEST = 100  # errors from which a class is fitted on its own


@dataclass(frozen=True)
class Calibration:
    """How the spread of the hypotheses becomes a covariance: by ``Status``, person's quality, and joint.

    An inverse-Wishart estimate: a prior covariance, worth ``strength`` hypotheses, is mixed with the
    sample covariance; so few hypotheses, even one, give a sensible answer. The prior is what the model's
    proposal network expects of this very skeleton, or, of a model without one, the same for a whole
    class. All of it in the virtual camera's frame, whose z axis is the unseen direction. Fitted on
    validation subjects (``diffupose_ros.training.calibrate``) and stored in the checkpoint.

    Attributes:
        prior: (3, 3, 17, 3, 3) m^2; of models without a proposal network.
        strength: (3, 3, 17) number of hypotheses that the prior counts for.
        scale: (3, 3, 17) factor on the mixture.
    """

    prior: FloatArray
    strength: FloatArray
    scale: FloatArray

    @classmethod
    def none(cls) -> "Calibration":
        """Return the calibration of a model that has none: hardly more than the sample covariance."""
        classes = (len(Status), len(QUALITY_BOUNDS) + 1, 17)
        return cls(np.broadcast_to(np.eye(3) * 0.1**2, (*classes, 3, 3)), np.ones(classes), np.ones(classes))


def quality(scores: FloatArray) -> npt.NDArray[np.intp]:
    """Return the quality class (P,) of people whose joints have ``scores`` (P, 17), 0 where missing."""
    mean = scores.sum(1) / np.maximum((scores > 0).sum(1), 1)
    return np.asarray(np.digitize(mean, QUALITY_BOUNDS))


def sample_covariance(hypotheses: FloatArray) -> FloatArray:
    """Return the covariances (P, J, 3, 3) of hypotheses (P, N, J, 3); zero for one hypothesis."""
    centred = hypotheses - hypotheses.mean(1, keepdims=True)
    return np.asarray(np.einsum("pnji,pnjk->pjik", centred, centred) / max(hypotheses.shape[1] - 1, 1))


def calibrated_covariance(
    hypotheses: FloatArray,
    status: npt.NDArray[np.integer],
    scores: FloatArray,
    calibration: Calibration,
    expected: FloatArray | None = None,
) -> FloatArray:
    """Return the covariances (P, 17, 3, 3) in m^2 of root-relative hypotheses.

    Args:
        hypotheses: (P, N, 17, 3) metres, root-relative, in the virtual camera's frame.
        status: (P, 17) values of ``Status``.
        scores: (P, 17) of the 2D joints, 0 where missing.
        calibration: of the model that drew the hypotheses.
        expected: (P, 17, 3, 3) m^2, what its proposal network expects; None for a model without.
    """
    freedom = hypotheses.shape[1] - 1
    classes = status, quality(scores)[:, None], np.arange(status.shape[1])
    prior = calibration.prior[classes] if expected is None else expected
    strength = calibration.strength[classes]
    scale = (calibration.scale[classes] / (strength + freedom))[..., None, None]
    mixture = strength[..., None, None] * prior + freedom * sample_covariance(hypotheses)
    return np.asarray(scale * mixture + MIN_VARIANCE * np.eye(3))


def mahalanobis2(error: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the squared Mahalanobis lengths (...) of errors (..., 3)."""
    return np.asarray((error * np.linalg.solve(covariance, error[..., None])[..., 0]).sum(-1))


def orientation_covariance(pose: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the covariance of the pelvis' axes that the joints' covariances mean.

    The hips and the spine are moved at random, always by the same draws, and the axes watched.

    Args:
        pose: (P, 17, 3) metres.
        covariance: (P, 17, 3, 3) m^2, relative to the root.

    Returns:
        (P, 3, 3) rad^2, rotation about the frame's axes.
    """
    if not len(pose):
        return np.zeros((0, 3, 3))
    draws = np.random.default_rng(0).normal(size=(_DRAWS, 2, 3))
    hips = np.linalg.cholesky((covariance[:, LEFT_HIP] + covariance[:, RIGHT_HIP]) / 2)
    spine = np.linalg.cholesky(covariance[:, SPINE])
    moved = np.repeat(pose[:, None], _DRAWS, 1)
    aside = np.einsum("pij,nj->pni", hips, draws[:, 0])
    moved[:, :, LEFT_HIP] += aside
    moved[:, :, RIGHT_HIP] -= aside  # the pelvis is their middle
    moved[:, :, SPINE] += np.einsum("pij,nj->pni", spine, draws[:, 1])
    turn = pelvis_axes(moved) @ np.swapaxes(pelvis_axes(pose), 1, 2)[:, None]
    turn = Rotation.from_matrix(turn.reshape(-1, 3, 3)).as_rotvec().reshape(-1, _DRAWS, 3)
    return np.asarray(np.einsum("pni,pnj->pij", turn, turn) / _DRAWS + 1e-6 * np.eye(3))


def ellipsoids(covariance: FloatArray, probability: float) -> tuple[FloatArray, FloatArray]:
    """Return the ellipsoids that hold ``probability`` of normal distributions.

    Args:
        covariance: (..., 3, 3) m^2.
        probability: in (0, 1).

    Returns:
        Radii (..., 3) in metres, and rotations (..., 3, 3) whose columns are their axes.
    """
    variance, axes = np.linalg.eigh(covariance)
    axes = axes * np.where(np.linalg.det(axes) < 0, -1, 1)[..., None, None]
    return np.asarray(np.sqrt(np.maximum(variance, 0) * chi2.ppf(probability, 3))), np.asarray(axes)


def fit_calibration(
    hypotheses: FloatArray,
    error: FloatArray,
    status: npt.NDArray[np.integer],
    scores: FloatArray,
    expected: FloatArray | None = None,
) -> Calibration:
    """Fit the calibration on poses whose truth is known.

    For each class and joint the prior is the errors' own covariance, the scale is the one for which the
    50, 90 and 95 % ellipsoids hold nearest to 50, 90 and 95 % of the errors, and the strength the
    likeliest.

    Args:
        hypotheses: (P, N, 17, 3) metres, root-relative, virtual camera frame.
        error: (P, 17, 3) metres, mean of the hypotheses minus truth, same frame.
        status: (P, 17) values of ``Status``.
        scores: (P, 17) of the 2D joints, 0 where missing.
        expected: (P, 17, 3, 3) m^2, what the model's proposal network expects; None for a model without.
    """
    fitted = Calibration.none()
    prior, strength, scale = fitted.prior.copy(), fitted.strength.copy(), fitted.scale.copy()
    freedom, spread, grade = hypotheses.shape[1] - 1, sample_covariance(hypotheses), quality(scores)
    for c, q, j in np.ndindex(scale.shape):
        if j == 0:  # the root relative to itself
            prior[c, q, j] = 0
            continue
        here = (status[:, j] == c) & (grade == q)
        if here.sum() < _FEWEST:
            here = status[:, j] == c
        if here.sum() < _FEWEST:
            here = np.ones(len(here), bool)
        e, s = error[here, j], spread[here, j]
        prior[c, q, j] = np.einsum("ni,nk->ik", e, e) / len(e)
        mixed = prior[c, q, j] if expected is None else expected[here, j]
        candidates = [(*_ellipsoid_fit(e, (nu * mixed + freedom * s) / (nu + freedom)), nu) for nu in _STRENGTHS]
        _, scale[c, q, j], strength[c, q, j] = min(candidates)
    return Calibration(prior, strength, scale)


def _ellipsoid_fit(error: FloatArray, covariance: FloatArray) -> tuple[float, float]:
    """Return (negative log likelihood at the best factor on the covariance, that factor)."""
    covariance = covariance + MIN_VARIANCE * np.eye(3)
    distance = mahalanobis2(error, covariance)
    factor = float(np.exp(np.mean([np.log(np.quantile(distance, q) / r) for q, r in CHI2_3.items()])))
    likelihood = np.mean(distance / factor + np.linalg.slogdet(covariance)[1] + 3 * np.log(factor))
    return float(likelihood), factor
