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

from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE, Status, unit

FloatArray = npt.NDArray[np.float64]

NORMAL = 1e6
"""Degrees of freedom from which a Student t distribution is as good as normal."""

MIN_VARIANCE = 0.001**2
"""m^2 added to every direction, so that a covariance can be inverted."""

DEVIATION_BOUNDS = (0.02, 0.06)
"""A person's mean deviation of the seen joints falls below, between or above these: in units of the apparent size."""

NOVELTIES = (0.5, 1.0, 2.0, 4.0)
"""How far poses are from their 2D joints, in units of what the detector's precision explains."""

ANCHOR = 0.9  # probability at which a Student t and a normal reading of a covariance agree
ANCHOR_RADIUS2 = 6.251388631170325
"""chdtri(3, 1 - ANCHOR), written out: scipy.special takes 0.1 s to load, for drawn ellipsoids alone."""
SHORTEST = 1e-3
"""m, of a lever by which joints turn the pelvis."""
LEAST_TURN, ANY_TURN = 1e-6, np.pi**2 / 3
"""rad^2, variances of an angle: added to each, and of one that may be anything."""


@dataclass(frozen=True)
class Calibration:
    """How the spread of the hypotheses becomes a covariance: by ``Status``, the person's 2D precision, and joint.

    An inverse-Wishart estimate: a prior covariance, worth ``strength`` hypotheses, is mixed with the
    sample covariance; so few hypotheses, even one, give a sensible answer. The prior is what the model's
    proposal network expects of this very skeleton, or, of a model without one, the same for a whole
    class. All of it in the virtual camera's frame, whose z axis is the unseen direction. Fitted on
    validation subjects (``diffupose_ros.evaluation.export``) and stored in the checkpoint.

    Attributes:
        prior: (3, 3, 17, 3, 3) m^2; of models without a proposal network.
        strength: (3, 3, 17) number of hypotheses that the prior counts for.
        scale: (3, 3, 17) factor on the mixture.
        freedom: (3, 3) degrees of freedom of the errors' Student t distribution: errors have heavier tails
            than a normal distribution, since a hidden arm may be anywhere; see ``radius2``.
        root: (3, 2) factors on the root's variance, sideways and in depth.
        widening: (4,) factors on the joints' variance at ``NOVELTIES``: of people whom the model cannot explain.
    """

    prior: FloatArray
    strength: FloatArray
    scale: FloatArray
    freedom: FloatArray
    root: FloatArray
    widening: FloatArray

    @classmethod
    def none(cls) -> "Calibration":
        """Return the calibration of a model that has none: hardly more than the sample covariance."""
        classes = (len(Status), len(DEVIATION_BOUNDS) + 1, 17)
        prior = np.broadcast_to(np.eye(3) * 0.1**2, (*classes, 3, 3))
        ones = np.ones(classes)
        freedom = np.full(classes[:2], NORMAL)
        return cls(prior, ones, ones, freedom, np.ones((classes[1], 2)), np.ones(len(NOVELTIES)))

    def freedom_of(self, status: npt.NDArray[np.integer], deviations: FloatArray) -> FloatArray:
        """Return the degrees of freedom (P, 17) of joints with ``status`` and ``deviations`` (P, 17)."""
        return np.asarray(self.freedom[status, precision_class(deviations)[:, None]])

    def widening_of(self, novelty: FloatArray) -> FloatArray:
        """Return the factors (P,) on the joints' variances of people with ``novelty`` (P,)."""
        log = np.log(np.clip(novelty, NOVELTIES[0], NOVELTIES[-1]))
        return np.asarray(np.exp(np.interp(log, np.log(NOVELTIES), np.log(self.widening))))

    def root_covariance(self, covariance: FloatArray, root: FloatArray, deviations: FloatArray) -> FloatArray:
        """Return the calibrated covariances (P, 3, 3) in m^2 of roots.

        Args:
            covariance: (P, 3, 3) m^2, see ``engine.outcome.placement``.
            root: (P, 3) metres, in the same frame.
            deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        """
        sideways, depth = np.sqrt(self.root[precision_class(deviations)]).T[..., None, None]
        ray = unit(root)
        along = np.einsum("pi,pj->pij", ray, ray)
        stretch = sideways * (np.eye(3) - along) + depth * along
        return np.asarray(stretch @ covariance @ stretch)


def precision_class(deviations: FloatArray) -> npt.NDArray[np.intp]:
    """Return the class (P,), 0 the best, of people whose 2D joints have ``deviations`` (P, 17), NaN where missing."""
    seen = np.isfinite(deviations)
    mean = np.where(seen, deviations, 0).sum(1) / np.maximum(seen.sum(1), 1)
    return np.asarray(np.digitize(mean, DEVIATION_BOUNDS))


def classes_of(status: npt.NDArray[np.integer], deviations: FloatArray) -> npt.NDArray[np.intp]:
    """Return the classes (P, 17) of joints with ``status`` and ``deviations``: places in a ``Calibration``'s arrays."""
    grades = len(DEVIATION_BOUNDS) + 1
    return np.asarray((status * grades + precision_class(deviations)[:, None]) * 17 + np.arange(17))


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
    novelty: FloatArray | None = None,
) -> FloatArray:
    """Return the covariances (P, 17, 3, 3) in m^2 of root-relative hypotheses.

    Args:
        hypotheses: (P, N, 17, 3) metres, root-relative, in the virtual camera's frame.
        status: (P, 17) values of ``Status``.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        calibration: of the model that drew the hypotheses.
        expected: (P, 17, 3, 3) m^2, what its proposal network expects; None for a model without.
        novelty: (P,) see ``engine.outcome.placement``; None: as of people whom the model explains.
    """
    freedom = hypotheses.shape[1] - 1
    classes = status, precision_class(deviations)[:, None], np.arange(status.shape[1])
    prior = calibration.prior[classes] if expected is None else expected
    strength = calibration.strength[classes]
    scale = (calibration.scale[classes] / (strength + freedom))[..., None, None]
    mixture = strength[..., None, None] * prior + freedom * sample_covariance(hypotheses)
    if novelty is not None:
        mixture = mixture * calibration.widening_of(novelty)[:, None, None, None]
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
    turn = turning(pose, axes).covariance(covariance) + LEAST_TURN * np.eye(3)
    return np.asarray(np.linalg.inv(np.linalg.inv(turn) + np.eye(3) / ANY_TURN))


@dataclass(frozen=True)
class Turning:
    """How the pelvis' axes turn as joints move, to first order: rotations about the frame's axes, rad for each metre.

    Attributes:
        by_hip: (P, 3, 3) of the left hip, the right one moving oppositely.
        by_spine: (P, 3, 3) of the spine.
    """

    by_hip: FloatArray
    by_spine: FloatArray

    def rotation(self, moved: FloatArray) -> FloatArray:
        """Return the rotations (P, 3) of joints that move by (P, 17, 3); speeds give angular velocities."""
        hip = (moved[:, LEFT_HIP] - moved[:, RIGHT_HIP]) / 2
        spine = moved[:, SPINE] - moved[:, PELVIS]
        return np.asarray((self.by_hip @ hip[..., None] + self.by_spine @ spine[..., None])[..., 0])

    def covariance(self, covariance: FloatArray) -> FloatArray:
        """Return the covariances (P, 3, 3) of rotations; those of joints (P, 17, 3, 3) are relative to the root."""
        hips = (covariance[:, LEFT_HIP] + covariance[:, RIGHT_HIP]) / 2
        moves = ((self.by_hip, hips), (self.by_spine, covariance[:, SPINE]))
        return np.asarray(sum(by @ of @ np.swapaxes(by, 1, 2) for by, of in moves))


def turning(pose: FloatArray, axes: FloatArray) -> Turning:
    """Return how the ``pelvis_axes`` (P, 3, 3) of poses (P, 17, 3) turn."""
    forward, left, up = np.moveaxis(axes, -1, 0)
    spine = pose[:, SPINE] - pose[:, PELVIS]
    half = np.linalg.norm(pose[:, LEFT_HIP] - pose[:, RIGHT_HIP], axis=-1, keepdims=True) / 2
    aside, above = ((spine * axis).sum(-1, keepdims=True) for axis in (left, up))
    half, above = np.maximum(half, SHORTEST), np.maximum(above, SHORTEST)
    # Rotations about forward, left and up.
    by_hip = np.stack([up / half, -aside / above * forward / half, -forward / half], 1)
    by_spine = np.stack([np.zeros_like(up), forward / above, np.zeros_like(up)], 1)
    return Turning(axes @ by_hip, axes @ by_spine)


def radius2(probability: npt.ArrayLike, freedom: npt.ArrayLike = NORMAL) -> FloatArray:
    """Return the squared Mahalanobis radius of the ellipsoid that holds ``probability`` of the errors.

    Of a Student t distribution in 3D (the predictive distribution of an inverse-Wishart estimate), scaled so
    that its 90 % ellipsoid is that of the normal distribution with the same covariance matrix. Who takes our
    covariances for those of normal distributions is right at 90 %, and careful below it.

    Args:
        probability: in (0, 1).
        freedom: degrees of freedom; broadcastable with ``probability``.
    """
    from scipy.special import fdtri  # scipy.stats takes longer to load, and four times as long to compute

    return np.asarray(ANCHOR_RADIUS2 * fdtri(3, freedom, probability) / fdtri(3, freedom, ANCHOR))


def containing_probability(distance2: FloatArray, freedom: npt.ArrayLike = NORMAL) -> FloatArray:
    """Return the probability of the ellipsoid that an error of squared length ``distance2`` just lies in."""
    from scipy.special import fdtr, fdtri

    return np.asarray(fdtr(3, freedom, distance2 * fdtri(3, freedom, ANCHOR) / ANCHOR_RADIUS2))


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
