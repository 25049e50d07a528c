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

"""Measures of 3D poses and of what is said about their uncertainty: numpy, on arrays.

Lengths are in the unit of the poses, metres. Those of poses come one per pose (P,) or per joint (P, J),
so that they can be averaged over activities or joints; those of a whole population are one number.
"""

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from diffupose_ros.skeleton import BONES, H36M17, MIRROR

FloatArray = npt.NDArray[np.float64]

QUANTILES = np.arange(0.05, 0.951, 0.05).round(2)
"""Nominal coverages at which the calibration error is measured."""

_CHILDREN = [child for _, child in BONES]
_LEFT = [i for i, child in enumerate(_CHILDREN) if H36M17[child].startswith("left")]
_RIGHT = [_CHILDREN.index(MIRROR[_CHILDREN[i]]) for i in _LEFT]


def joint_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the distances (..., J) between poses (..., J, 3): their mean is the MPJPE (Ionescu et al. 2014)."""
    return np.asarray(np.linalg.norm(predicted - truth, axis=-1))


def n_mpjpe(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the MPJPE (P,) after the one scale of each pose that fits best (Rhodin et al. 2018).

    The scale is the least-squares one, <predicted, truth> / <predicted, predicted> over all joints and
    axes. (The released code scales each axis on its own, which is no scale of a body.)

    Args:
        predicted: (P, J, 3) root-relative.
        truth: (P, J, 3) root-relative.
    """
    scale = (predicted * truth).sum((1, 2)) / np.maximum((predicted**2).sum((1, 2)), 1e-12)
    return np.asarray(joint_errors(scale[:, None, None] * predicted, truth).mean(-1))


def aligned(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Return poses (P, J, 3) after the similarity transforms that fit best (Umeyama 1991).

    Rotation, one scale and translation; no reflections.

    Args:
        predicted: (P, J, 3).
        truth: (P, J, 3).
    """
    centre = truth.mean(1, keepdims=True)
    x, y = predicted - predicted.mean(1, keepdims=True), truth - centre
    u, s, vt = np.linalg.svd(np.swapaxes(y, 1, 2) @ x)
    sign = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    u[..., -1] *= sign[:, None]
    s[:, -1] *= sign
    scale = s.sum(-1) / np.maximum((x**2).sum((1, 2)), 1e-12)
    return np.asarray(scale[:, None, None] * (x @ np.swapaxes(u @ vt, 1, 2)) + centre)


def p_mpjpe(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the MPJPE (P,) of poses (P, J, 3) that are ``aligned`` first (protocol 2)."""
    return np.asarray(joint_errors(aligned(predicted, truth), truth).mean(-1))


def best_of_n(hypotheses: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the MPJPE (P,) of the hypothesis nearest to the truth: one whole pose, not joint by joint.

    Args:
        hypotheses: (P, N, J, 3).
        truth: (P, J, 3).
    """
    return np.asarray(joint_errors(hypotheses, truth[:, None]).mean(-1).min(1))


def pck(errors: FloatArray, threshold: float = 0.15) -> float:
    """Return the share of joints nearer to the truth than ``threshold`` (Mehta et al. 2017: 150 mm)."""
    return float((errors <= threshold).mean())


def coverage(level: FloatArray, probability: float) -> float:
    """Return the share of truths inside of the ellipsoids that should hold ``probability`` of them.

    Args:
        level: any shape; the probability of the ellipsoid that each truth just lies in
            (``uncertainty.containing_probability``; a probability integral transform).
        probability: in (0, 1).
    """
    return float((level <= probability).mean())


def reliability(level: FloatArray) -> FloatArray:
    """Return the coverages (19,) at the nominal ``QUANTILES``."""
    return np.asarray((level.reshape(-1, 1) <= QUANTILES).mean(0))


def calibration_error(level: FloatArray) -> float:
    """Return the mean distance of empirical from nominal coverage over ``QUANTILES`` (ECE; Kuleshov et al. 2018)."""
    return float(np.abs(reliability(level) - QUANTILES).mean())


def ellipsoid_radius(covariance: FloatArray, radius2: FloatArray) -> FloatArray:
    """Return the radii (...) of the balls as large as the ellipsoids of covariances (..., 3, 3) and ``radius2`` (...).

    Sharpness (Gneiting et al. 2007): of two calibrated forecasts that with the smaller ones says more.
    """
    _, logarithm = np.linalg.slogdet(covariance)
    return np.asarray(np.sqrt(radius2) * np.exp(logarithm / 6))


def energy_score(hypotheses: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the energy score (P, J) of each joint's hypotheses: E|X - y| - E|X - X'| / 2, lower is better.

    Proper: no other distribution than the true one scores better (Gneiting and Raftery 2007). The second
    mean is over pairs of different hypotheses (N (N - 1), the "fair" version, Ferro 2014), so that few
    hypotheses are not punished for being few. One hypothesis scores its distance.

    Args:
        hypotheses: (P, N, J, 3).
        truth: (P, J, 3).
    """
    count = hypotheses.shape[1]
    score = joint_errors(hypotheses, truth[:, None]).mean(1)
    apart = sum(
        joint_errors(hypotheses[:, step:], hypotheses[:, :-step]).sum(1) for step in range(1, count)
    )  # each pair once
    return np.asarray(score - apart / max(count * (count - 1), 1))


def rank_correlation(sigma: FloatArray, errors: FloatArray) -> float:
    """Return Spearman's rank correlation over all joints of all poses; NaN where either is constant.

    Args:
        sigma: what is said about each joint's error, any shape.
        errors: distances, the same shape.
    """
    if np.ptp(sigma) == 0 or np.ptp(errors) == 0:
        return float("nan")
    return float(spearmanr(sigma.ravel(), errors.ravel()).statistic)


def bone_lengths(poses: FloatArray) -> FloatArray:
    """Return the lengths (..., 16) of the bones of poses (..., 17, 3), in the order of ``skeleton.BONES``."""
    parents, children = np.transpose(BONES)
    return joint_errors(poses[..., children, :], poses[..., parents, :])


def bone_deviation(hypotheses: FloatArray) -> FloatArray:
    """Return the standard deviation (P, 16) of each bone's length over hypotheses (P, N, 17, 3).

    A person's bones do not change: what differs between the hypotheses is a size that the model is not
    sure of. 0 for one hypothesis.
    """
    lengths = bone_lengths(hypotheses)
    centred = lengths - lengths.mean(1, keepdims=True)
    return np.asarray(np.sqrt((centred**2).sum(1) / max(lengths.shape[1] - 1, 1)))


def bone_asymmetry(poses: FloatArray) -> FloatArray:
    """Return how much the lengths of a left and a right bone differ in poses (..., 17, 3), mean of the pairs (...)."""
    lengths = bone_lengths(poses)
    return np.asarray(np.abs(lengths[..., _LEFT] - lengths[..., _RIGHT]).mean(-1))
