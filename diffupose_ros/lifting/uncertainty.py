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
from scipy.special import chdtri, fdtr, fdtri  # scipy.stats takes longer to load, and four times as long to compute

from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE, Status

FloatArray = npt.NDArray[np.float64]

NORMAL = 1e6
"""Degrees of freedom from which a Student t distribution is as good as normal."""

MIN_VARIANCE = 0.001**2
"""m^2 added to every direction, so that a covariance can be inverted."""

DEVIATION_BOUNDS = (0.02, 0.06)
"""A person's mean deviation of the seen joints falls below, between or above these: in units of the apparent size."""

_ANCHOR = 0.9  # probability at which a Student t and a normal reading of a covariance agree
_ANCHOR_RADIUS2 = float(chdtri(3, 1 - _ANCHOR))
_SHORTEST = 1e-3  # m, of a lever
_LEAST_TURN = 1e-6  # rad^2
_ANY_TURN = np.pi**2 / 3  # rad^2
_STRENGTHS = (0.5, 1, 2, 4, 8, 16, 32, 64)
_FREEDOMS = (2, 2.5, 3, 4, 5, 6, 8, 12, 20, 50, NORMAL)
_FITTED = (0.5, 0.8, 0.9, 0.95)  # probabilities of the ellipsoids that the scale is fitted to
_TYPICAL_STRENGTH = 8.0
_FEWEST = 100  # errors from which a class is fitted on its own


@dataclass(frozen=True)
class Calibration:
    """How the spread of the hypotheses becomes a covariance: by ``Status``, the person's 2D precision, and joint.

    An inverse-Wishart estimate: a prior covariance, worth ``strength`` hypotheses, is mixed with the
    sample covariance; so few hypotheses, even one, give a sensible answer. The prior is what the model's
    proposal network expects of this very skeleton, or, of a model without one, the same for a whole
    class. All of it in the virtual camera's frame, whose z axis is the unseen direction. Fitted on
    validation subjects (``diffupose_ros.evaluation.calibrate``) and stored in the checkpoint.

    Attributes:
        prior: (3, 3, 17, 3, 3) m^2; of models without a proposal network.
        strength: (3, 3, 17) number of hypotheses that the prior counts for.
        scale: (3, 3, 17) factor on the mixture.
        freedom: (3, 3) degrees of freedom of the errors' Student t distribution: errors have heavier tails
            than a normal distribution, since a hidden arm may be anywhere; see ``radius2``.
    """

    prior: FloatArray
    strength: FloatArray
    scale: FloatArray
    freedom: FloatArray

    @classmethod
    def none(cls) -> "Calibration":
        """Return the calibration of a model that has none: hardly more than the sample covariance."""
        classes = (len(Status), len(DEVIATION_BOUNDS) + 1, 17)
        prior = np.broadcast_to(np.eye(3) * 0.1**2, (*classes, 3, 3))
        return cls(prior, np.ones(classes), np.ones(classes), np.full(classes[:2], NORMAL))

    def freedom_of(self, status: npt.NDArray[np.integer], deviations: FloatArray) -> FloatArray:
        """Return the degrees of freedom (P, 17) of joints with ``status`` and ``deviations`` (P, 17)."""
        return np.asarray(self.freedom[status, precision_class(deviations)[:, None]])


def precision_class(deviations: FloatArray) -> npt.NDArray[np.intp]:
    """Return the class (P,), 0 the best, of people whose 2D joints have ``deviations`` (P, 17), NaN where missing."""
    seen = np.isfinite(deviations)
    mean = np.where(seen, deviations, 0).sum(1) / np.maximum(seen.sum(1), 1)
    return np.asarray(np.digitize(mean, DEVIATION_BOUNDS))


def sample_covariance(hypotheses: FloatArray) -> FloatArray:
    """Return the covariances (P, J, 3, 3) of hypotheses (P, N, J, 3); zero for one hypothesis."""
    centred = hypotheses - hypotheses.mean(1, keepdims=True)
    return np.asarray(np.einsum("pnji,pnjk->pjik", centred, centred) / max(hypotheses.shape[1] - 1, 1))


def calibrated_covariance(
    hypotheses: FloatArray,
    status: npt.NDArray[np.integer],
    deviations: FloatArray,
    calibration: Calibration,
    expected: FloatArray | None = None,
) -> FloatArray:
    """Return the covariances (P, 17, 3, 3) in m^2 of root-relative hypotheses.

    Args:
        hypotheses: (P, N, 17, 3) metres, root-relative, in the virtual camera's frame.
        status: (P, 17) values of ``Status``.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        calibration: of the model that drew the hypotheses.
        expected: (P, 17, 3, 3) m^2, what its proposal network expects; None for a model without.
    """
    freedom = hypotheses.shape[1] - 1
    classes = status, precision_class(deviations)[:, None], np.arange(status.shape[1])
    prior = calibration.prior[classes] if expected is None else expected
    strength = calibration.strength[classes]
    scale = (calibration.scale[classes] / (strength + freedom))[..., None, None]
    mixture = strength[..., None, None] * prior + freedom * sample_covariance(hypotheses)
    return np.asarray(scale * mixture + MIN_VARIANCE * np.eye(3))


def mahalanobis2(error: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the squared Mahalanobis lengths (...) of errors (..., 3)."""
    return np.asarray((error * np.linalg.solve(covariance, error[..., None])[..., 0]).sum(-1))


def orientation_covariance(pose: FloatArray, axes: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the covariance of the pelvis' axes that the joints' covariances mean.

    To first order, the hips moving oppositely, as the pelvis is their middle. It saturates where anything is possible,
    at the variance of an angle that is uniform over the circle.

    Args:
        pose: (P, 17, 3) metres.
        axes: (P, 3, 3) its ``pelvis_axes``.
        covariance: (P, 17, 3, 3) m^2, relative to the root.

    Returns:
        (P, 3, 3) rad^2, rotation about the frame's axes.
    """
    forward, left, up = np.moveaxis(axes, -1, 0)
    spine = pose[:, SPINE] - pose[:, PELVIS]
    half = np.linalg.norm(pose[:, LEFT_HIP] - pose[:, RIGHT_HIP], axis=-1, keepdims=True) / 2
    aside, above = ((spine * axis).sum(-1, keepdims=True) for axis in (left, up))
    half, above = np.maximum(half, _SHORTEST), np.maximum(above, _SHORTEST)
    # Rotations about forward, left and up, for each metre that the left hip, and that the spine moves.
    by_hip = np.stack([up / half, -aside / above * forward / half, -forward / half], 1)
    by_spine = np.stack([np.zeros_like(up), forward / above, np.zeros_like(up)], 1)
    hips = (covariance[:, LEFT_HIP] + covariance[:, RIGHT_HIP]) / 2
    moves = ((by_hip, hips), (by_spine, covariance[:, SPINE]))
    turn = sum(axes @ by @ of @ np.swapaxes(axes @ by, 1, 2) for by, of in moves) + _LEAST_TURN * np.eye(3)
    return np.asarray(np.linalg.inv(np.linalg.inv(turn) + np.eye(3) / _ANY_TURN))


def radius2(probability: npt.ArrayLike, freedom: npt.ArrayLike = NORMAL) -> FloatArray:
    """Return the squared Mahalanobis radius of the ellipsoid that holds ``probability`` of the errors.

    Of a Student t distribution in 3D (the predictive distribution of an inverse-Wishart estimate), scaled so
    that its 90 % ellipsoid is that of the normal distribution with the same covariance matrix. Who takes our
    covariances for those of normal distributions is right at 90 %, and careful below it.

    Args:
        probability: in (0, 1).
        freedom: degrees of freedom; broadcastable with ``probability``.
    """
    return np.asarray(_ANCHOR_RADIUS2 * fdtri(3, freedom, probability) / fdtri(3, freedom, _ANCHOR))


def containing_probability(distance2: FloatArray, freedom: npt.ArrayLike = NORMAL) -> FloatArray:
    """Return the probability of the ellipsoid that an error of squared length ``distance2`` just lies in."""
    return np.asarray(fdtr(3, freedom, distance2 * fdtri(3, freedom, _ANCHOR) / _ANCHOR_RADIUS2))


def ellipsoids(
    covariance: FloatArray, probability: float, freedom: npt.ArrayLike = NORMAL
) -> tuple[FloatArray, FloatArray]:
    """Return the ellipsoids that hold ``probability`` of the errors.

    Args:
        covariance: (..., 3, 3) m^2.
        probability: in (0, 1).
        freedom: (...) degrees of freedom, see ``radius2``.

    Returns:
        Radii (..., 3) in metres, and rotations (..., 3, 3) whose columns are their axes.
    """
    variance, axes = np.linalg.eigh(covariance)
    axes = axes * np.where(np.linalg.det(axes) < 0, -1, 1)[..., None, None]
    size = radius2(probability, freedom)[..., None]
    return np.asarray(np.sqrt(np.maximum(variance, 0) * size)), np.asarray(axes)


def fit_calibration(
    hypotheses: FloatArray,
    error: FloatArray,
    status: npt.NDArray[np.integer],
    deviations: FloatArray,
    expected: FloatArray | None = None,
) -> Calibration:
    """Fit the calibration on poses whose truth is known.

    For each class the degrees of freedom are those with which ellipsoids of all sizes hold nearest to what
    they say. For each class and joint the prior is the errors' own covariance, the scale is the one for which
    the 50 to 95 % ellipsoids do, and the strength the likeliest.

    Args:
        hypotheses: (P, N, 17, 3) metres, root-relative, virtual camera frame.
        error: (P, 17, 3) metres, mean of the hypotheses minus truth, same frame.
        status: (P, 17) values of ``Status``.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        expected: (P, 17, 3, 3) m^2, what the model's proposal network expects; None for a model without.
    """
    none = Calibration.none()
    prior, strength, scale = none.prior.copy(), none.strength.copy(), none.scale.copy()
    freedom = none.freedom.copy()
    samples, spread, grade = hypotheses.shape[1], sample_covariance(hypotheses), precision_class(deviations)
    for c, q in np.ndindex(freedom.shape):
        joints = []
        for j in range(1, 17):  # not the root, relative to itself
            here = _examples(status[:, j] == c, grade == q)
            e = error[here, j]
            prior[c, q, j] = np.einsum("ni,nk->ik", e, e) / len(e)
            mixed = np.broadcast_to(prior[c, q, j], (len(e), 3, 3)) if expected is None else expected[here, j]
            joints.append(_Errors(e, mixed, spread[here, j], samples - 1))
        freedom[c, q] = _fit_freedom(joints)
        for j, errors in enumerate(joints, 1):
            candidates = [(*errors.fit(nu, float(freedom[c, q])), nu) for nu in _STRENGTHS]
            _, scale[c, q, j], strength[c, q, j] = min(candidates)
        prior[c, q, 0] = 0
    return Calibration(prior, strength, scale, freedom)


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
        matrix = scale * _ANCHOR_RADIUS2 / (3 * fdtri(3, freedom, _ANCHOR))
        tail = (freedom + 3) * np.log1p(distance / (matrix * freedom))
        determinant = np.linalg.slogdet(covariance)[1] + 3 * np.log(matrix)
        return float(np.mean(tail + determinant)), scale


def _fit_freedom(joints: list[_Errors]) -> float:
    """Degrees of freedom of the errors of all joints together, each in units of its own 90 % ellipsoid."""
    distances = [mahalanobis2(e.error, e.mixture(_TYPICAL_STRENGTH)) for e in joints]
    pooled = np.concatenate([d / np.quantile(d, _ANCHOR) * _ANCHOR_RADIUS2 for d in distances])
    probabilities = np.arange(0.05, 1, 0.05)
    radii = np.quantile(pooled, probabilities)

    def miss(freedom: float) -> float:
        return float(np.abs(containing_probability(radii, freedom) - probabilities).mean())

    return min(_FREEDOMS, key=miss)
