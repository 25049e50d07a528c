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

"""One camera's person in a recording, lifted, beside the truth; and the figures of it.

Twelve joints (``recordings.JOINTS``) count, where the detector gave them and the truth is known, in frames with six of
them or more; the true pelvis is the middle of the true hips.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import JOINTS
from diffupose_ros.evaluation import metrics
from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import containing_probability, mahalanobis2
from diffupose_ros.skeleton import H36M17, PELVIS, Status

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_JOINTS = 6
"""Joints of a person for a frame to count."""
LEAST_FRAMES = 5
"""Frames for a camera to count."""

FIGURES = {
    "frames": "that count: both hips' truth, and six joints or more with 2D and truth",
    "distance_m": "median of the pelvis' true distance from the camera",
    "mpjpe_mm": "mean joint error of the mean of the hypotheses, relative to the pelvis",
    "p_mpjpe_mm": "the same after the best similarity transform of each pose with its pelvis",
    "best_of_n_mm": "MPJPE of each frame's hypothesis nearest to the truth",
    "energy_score_mm": "energy score of each joint's hypotheses, mean",
    "joints_in_50": "% of joints in their 50 % ellipsoids, relative to the pelvis",
    "joints_in_90": "% of joints in their 90 % ellipsoids",
    "ece": "mean |coverage - nominal| of them over quantiles 0.05 ... 0.95",
    "spearman": "rank correlation of predicted deviation and error over joints",
    "root_percent": "distance of the root from the true pelvis, % of the pelvis' distance from the camera",
    "depth_bias_percent": "the same along the viewing ray, signed: above 0 is too far away",
    "lateral_mm": "the same across the viewing ray",
    "root_in_50": "% of roots in their 50 % ellipsoids",
    "root_in_90": "% of roots in their 90 % ellipsoids",
    "absolute_mm": "mean joint error in the camera's frame",
    "absolute_in_50": "% of joints in their 50 % ellipsoids, the root's uncertainty added",
    "absolute_in_90": "% of joints in their 90 % ellipsoids, the root's uncertainty added",
    "jitter": "second difference of the joints at about 30 Hz, relative to the pelvis, over that of the truth",
    "root_jitter": "second difference of the root at about 30 Hz, over that of the true pelvis",
}
"""What is said of one camera's person, and what that is."""

_H36M = [H36M17.index(name) for name in JOINTS]
_HIPS = [JOINTS.index(name) for name in ("left_hip", "right_hip")]
_JITTER_RATE = 30.0  # Hz


@dataclass(frozen=True)
class Track:
    """One camera's person in T frames: 12 joints ``JOINTS``, metres, in the camera's frame.

    Attributes:
        truth: (T, 12, 3); NaN where not known.
        pelvis: (T, 3) the true one.
        pose: (T, 12, 3) mean of the hypotheses, relative to ``root``.
        root: (T, 3).
        hypotheses: (T, N, 12, 3) each relative to its own root.
        covariance: (T, 12, 3, 3) m^2, relative to the root.
        freedom: (T, 12) of the distributions.
        root_covariance: (T, 3, 3) m^2.
        counted: (T, 12) bool, the joints that count.
    """

    truth: FloatArray
    pelvis: FloatArray
    pose: FloatArray
    root: FloatArray
    hypotheses: FloatArray
    covariance: FloatArray
    freedom: FloatArray
    root_covariance: FloatArray
    counted: BoolArray

    @classmethod
    def of(cls, lifted: Lifted, truth: FloatArray) -> "Track":
        """Compare lifted people (T) with the truth (T, 12, 3) of ``JOINTS``."""
        pelvis = truth[:, _HIPS].mean(1)
        counted = np.isfinite(truth).all(-1) & (lifted.status[:, _H36M] == Status.MEASURED)
        counted &= (np.isfinite(pelvis).all(-1) & lifted.valid)[:, None]
        counted &= (counted.sum(1) >= LEAST_JOINTS)[:, None]
        return cls(
            truth=truth,
            pelvis=pelvis,
            pose=lifted.mean[:, _H36M] - lifted.root[:, None],
            root=lifted.root,
            hypotheses=lifted.hypotheses[:, :, _H36M] - lifted.hypotheses[:, :, [PELVIS]],
            covariance=lifted.covariance[:, _H36M],
            freedom=lifted.freedom[:, _H36M],
            root_covariance=lifted.root_covariance,
            counted=counted,
        )

    @property
    def frames(self) -> BoolArray:
        """Those that count, (T,)."""
        return np.asarray(self.counted.any(1))

    @property
    def true_pose(self) -> FloatArray:
        """The truth relative to its pelvis, (T, 12, 3)."""
        return np.asarray(self.truth - self.pelvis[:, None])

    @property
    def error(self) -> FloatArray:
        """Distances (T, 12) of the joints relative to the root."""
        return metrics.joint_errors(self.pose, self.true_pose)

    def levels(self) -> dict[str, FloatArray]:
        """Return the probabilities of the ellipsoids that the truths just lie in, of what counts (n,).

        Of ``joints`` relative to the root, of the ``root``, and of ``absolute`` joints in the camera's frame.
        """
        joints, frames = self.counted, self.frames
        offset, covariance = (self.pose - self.true_pose)[joints], self.covariance[joints]
        freedom = self.freedom[joints]
        of_root, root_covariance = self.root - self.pelvis, self.root_covariance
        t = np.nonzero(joints)[0]
        moved, widened = offset + of_root[t], covariance + root_covariance[t]
        return {
            "joints": containing_probability(mahalanobis2(offset, covariance), freedom),
            "root": containing_probability(mahalanobis2(of_root[frames], root_covariance[frames])),
            "absolute": containing_probability(mahalanobis2(moved, widened), freedom),
        }

    def energy_score(self) -> FloatArray:
        """Return the energy score (n,) of each joint's hypotheses, of the joints that count, metres."""
        return metrics.energy_score(self.hypotheses, self.true_pose)[self.counted]


def figures(track: Track, rate: float) -> dict[str, float]:
    """Return ``FIGURES``; NaN where there is no answer, as of jitter where no three frames follow each other.

    Args:
        track: at least one of its frames counts.
        rate: Hz.
    """
    counted, frames = track.counted, track.frames
    error, distance = track.error, np.linalg.norm(track.pelvis, axis=1)
    offset = track.root - track.pelvis
    along = (offset * track.pelvis).sum(1) / distance
    lateral = np.sqrt(np.maximum((offset**2).sum(1) - along**2, 0))
    levels = track.levels()
    sigma = np.sqrt(np.trace(track.covariance, axis1=-2, axis2=-1))
    absolute = metrics.joint_errors(track.pose + track.root[:, None], track.truth)
    values = {
        "frames": frames.sum(),
        "distance_m": np.median(distance[frames]),
        "mpjpe_mm": 1000 * error[counted].mean(),
        "p_mpjpe_mm": 1000 * np.mean([_aligned_error(track, int(t)) for t in np.flatnonzero(frames)]),
        "best_of_n_mm": 1000 * _best(track)[frames].mean(),
        "energy_score_mm": 1000 * track.energy_score().mean(),
        "ece": metrics.calibration_error(levels["joints"]),
        "spearman": metrics.rank_correlation(sigma[counted], error[counted]),
        "root_percent": 100 * (np.linalg.norm(offset, axis=1) / distance)[frames].mean(),
        "depth_bias_percent": 100 * (along / distance)[frames].mean(),
        "lateral_mm": 1000 * lateral[frames].mean(),
        "absolute_mm": 1000 * absolute[counted].mean(),
        "jitter": jitter_ratio(track.pose, track.true_pose, counted, rate),
        "root_jitter": jitter_ratio(track.root[:, None], track.pelvis[:, None], frames[:, None], rate),
    }
    for name, level in levels.items():
        values |= {f"{name}_in_{p}": 100 * metrics.coverage(level, p / 100) for p in (50, 90)}
    return {name: float(values[name]) for name in FIGURES}


def _aligned_error(track: Track, t: int) -> float:
    """Mean joint error of a frame after the best similarity transform, the pelvis transformed along with the joints."""
    joints = track.counted[t]
    pose, truth = (np.vstack([np.zeros(3), of[t, joints]])[None] for of in (track.pose, track.true_pose))
    return float(metrics.joint_errors(metrics.aligned(pose, truth), truth)[0, 1:].mean())


def _best(track: Track) -> FloatArray:
    """Mean joint error (T,) of each frame's hypothesis nearest to the truth."""
    error = metrics.joint_errors(track.hypotheses, track.true_pose[:, None])
    total = np.where(track.counted[:, None], error, 0).sum(-1)
    return np.asarray(total.min(1) / np.maximum(track.counted.sum(1), 1))


def jitter_ratio(points: FloatArray, truth: FloatArray, counted: BoolArray, rate: float) -> float:
    """Return how long second differences of points are at about 30 Hz, over those of the truth; NaN without any.

    Args:
        points: (T, J, 3).
        truth: (T, J, 3).
        counted: (T, J) bool, those that count.
        rate: Hz.
    """
    stride = max(1, round(rate / _JITTER_RATE))
    of_truth = _jitter(truth, counted, stride)
    return _jitter(points, counted, stride) / of_truth if of_truth > 0 else np.nan


def _jitter(points: FloatArray, counted: BoolArray, stride: int) -> float:
    """Mean length of the second difference of points (T, J, 3), in every ``stride``-th frame; NaN without any."""
    path = np.where(counted[..., None], points, np.nan)[::stride]
    length = np.linalg.norm(path[2:] - 2 * path[1:-1] + path[:-2], axis=-1)
    known = length[np.isfinite(length)]
    return float(known.mean()) if len(known) else np.nan
