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

"""Joint layouts of 2D detectors and their conversion to the 17 joints of Human3.6M.

``H36M17`` is the order of everything 3D in this package. A detector's layout names its joints; the
conversion is made from those names, so a new layout is one entry in ``LAYOUTS``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

H36M17 = (
    "pelvis",
    "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle",
    "spine", "thorax", "neck", "head",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
PELVIS, SPINE, THORAX, NECK, HEAD = (H36M17.index(n) for n in ("pelvis", "spine", "thorax", "neck", "head"))
LEFT_SHOULDER, RIGHT_SHOULDER = H36M17.index("left_shoulder"), H36M17.index("right_shoulder")
LEFT_HIP, RIGHT_HIP = H36M17.index("left_hip"), H36M17.index("right_hip")
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
BONES = tuple((parent, child) for child, parent in enumerate(PARENTS) if parent >= 0)
MIRROR = np.array([0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13])
"""Index of each joint's left/right counterpart (itself on the midline)."""


class Status(IntEnum):
    """Where a 2D joint comes from; the values of ``Joint3D.status``."""

    MEASURED = 0
    DERIVED = 1
    MISSING = 2


_COCO17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
_OPENPOSE_BODY = (
    "nose", "thorax", "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
_OPENPOSE_LEGS = ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
LAYOUTS: dict[str, tuple[str, ...]] = {
    "h36m17": H36M17,
    "coco17": _COCO17,
    # hri_msgs/Skeleton2D: OpenPose's 18 body joints, the face as left/right eye, left/right ear.
    "openpose18": (*_OPENPOSE_BODY, *_OPENPOSE_LEGS, "left_eye", "right_eye", "left_ear", "right_ear"),
    "body25": (
        *_OPENPOSE_BODY, "pelvis", *_OPENPOSE_LEGS, "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    ),
    "mediapipe33": (
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
        "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
}  # fmt: skip
"""Joint names of every supported 2D layout, in order."""

# How an H36M joint that a detector lacks is derived: the mean of these, all of them needed ...
_MIDPOINTS = {
    "pelvis": ("left_hip", "right_hip"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "spine": ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
    "neck": ("nose",),
}
# ... or of those that are seen: a face in profile shows one ear.
_HEAD = ("left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True)
class Skeletons2D:
    """2D joints in H36M-17 order.

    Attributes:
        keypoints: (P, 17, 2) pixels; 0 where missing.
        scores: (P, 17) in [0, 1]; 0 where missing.
        status: (P, 17) int8, values of ``Status``.
        deviations: (P, 17) of the keypoints along each image axis, in units of the person's apparent size; NaN where
            missing.
    """

    keypoints: FloatArray
    scores: FloatArray
    status: npt.NDArray[np.int8]
    deviations: FloatArray

    def __getitem__(self, index: object) -> "Skeletons2D":
        """Return the people that a slice, mask or index array picks."""
        return Skeletons2D(*(getattr(self, f.name)[index] for f in fields(self)))

    @staticmethod
    def join(parts: Sequence["Skeletons2D"]) -> "Skeletons2D":
        """Return the people of all parts as one batch; there may be none."""
        if not parts:
            return to_h36m(np.zeros((0, 17, 2)), np.zeros((0, 17)), "h36m17")
        return Skeletons2D(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Skeletons2D)))


def _conversion(names: tuple[str, ...]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Mean weights (17, J) of each H36M joint's sources, and which joints are derived (17,)."""
    weights = np.zeros((len(H36M17), len(names)))
    derived = np.zeros(len(H36M17), bool)
    for row, joint in enumerate(H36M17):
        derived[row] = joint not in names
        sources = (joint,) if joint in names else _HEAD if joint == "head" else _MIDPOINTS[joint]
        for source in sources:
            weights[row, names.index(source)] = 1 / len(sources)
    return weights, derived


_CONVERSIONS = {layout: _conversion(names) for layout, names in LAYOUTS.items()}


def layout_joints(layout: str) -> tuple[str, ...]:
    """Return the joint names of ``layout``.

    Raises:
        ValueError: unknown layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    return LAYOUTS[layout]


def seen_joints(keypoints: FloatArray, scores: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which joints (..., J) a detector saw, of keypoints (..., J, 2) in pixels with scores (..., J).

    Not seen is what has a score of 0 or below, what has no finite numbers, and what is at exactly (0, 0): so do
    YOLO and others write a joint that they did not find, with whatever score.
    """
    return np.isfinite(keypoints).all(-1) & np.isfinite(scores) & (scores > 0) & keypoints.any(-1)


def to_h36m(
    keypoints: npt.ArrayLike,
    scores: npt.ArrayLike,
    layout: str,
    min_score: float = 0.0,
    deviations: npt.ArrayLike = 0.0,
) -> Skeletons2D:
    """Convert a detector's 2D joints to H36M-17.

    A joint is missing where it was not seen (``seen_joints``), or its score is below ``min_score``. A derived joint
    is missing where one of the joints it is derived from is (the head: where all are).

    Args:
        keypoints: (P, J, 2) pixels.
        scores: (P, J) confidence; above 1 counts as 1.
        layout: a key of ``LAYOUTS``; J is its number of joints.
        min_score: below which a joint counts as not seen.
        deviations: (P, J) in units of the apparent size, by ``profiles`` for instance; 0: exact joints.
            Errors of one body are much alike, so a derived joint errs by the mean of what its sources err by.

    Raises:
        ValueError: unknown layout, or shapes that do not fit it.
    """
    joints = len(layout_joints(layout))
    keypoints, scores = np.asarray(keypoints, np.float64), np.asarray(scores, np.float64)
    if keypoints.ndim != 3 or keypoints.shape[1:] != (joints, 2):
        raise ValueError(f"keypoints of layout {layout}: expected shape (P, {joints}, 2), got {keypoints.shape}")
    if scores.shape != keypoints.shape[:2]:
        raise ValueError(f"scores: expected shape {keypoints.shape[:2]}, got {scores.shape}")
    weights, derived = _CONVERSIONS[layout]
    seen = seen_joints(keypoints, scores) & (scores >= min_score)
    share = weights * seen[:, None]  # (P, 17, J)
    total = share.sum(-1)
    is_head = np.arange(len(H36M17)) == HEAD
    valid = np.where(is_head, total > 0, total > 1 - 1e-6)
    share = np.where(valid[..., None], share / np.where(valid, total, 1)[..., None], 0)
    status = np.where(valid, np.where(derived, Status.DERIVED, Status.MEASURED), Status.MISSING)
    deviations = np.where(seen, np.broadcast_to(np.asarray(deviations, np.float64), scores.shape), 0)
    return Skeletons2D(
        share @ np.where(seen[..., None], keypoints, 0),
        (share @ np.where(seen, scores.clip(0, 1), 0)[..., None])[..., 0],
        status.astype(np.int8),
        np.where(valid, (share @ deviations[..., None])[..., 0], np.nan),
    )


def apparent_size(xy: FloatArray) -> FloatArray:
    """Return the RMS distance (B, 1) of image points (B, J, 2) from their mean, NaN points left out."""
    known = np.isfinite(xy).all(-1, keepdims=True)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    centred = xy - np.where(known, xy, 0).sum(1, keepdims=True) / count
    variance = np.where(known, centred**2, 0).sum(1, keepdims=True) / count
    return np.asarray(np.sqrt(variance.sum(-1)[:, 0, None]))


def unit(vector: FloatArray) -> FloatArray:
    """Return the vectors (..., 3) at length 1; zero vectors stay zero."""
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9))


def pelvis_axes(pose: npt.ArrayLike) -> FloatArray:
    """Return rotations (..., 3, 3) whose columns are the pelvis' x forward, y left, z up (REP-103).

    Args:
        pose: (..., 17, 3), any right-handed frame.
    """
    pose = np.asarray(pose, np.float64)
    left = _axis(pose[..., LEFT_HIP, :] - pose[..., RIGHT_HIP, :], np.array([1.0, 0, 0]))
    aside = np.eye(3)[np.abs(left).argmin(-1)]
    up = _axis(across(pose[..., SPINE, :] - pose[..., PELVIS, :], left), unit(across(aside, left)))
    return np.stack([np.cross(left, up), left, up], -1)


def across(vector: FloatArray, axis: FloatArray) -> FloatArray:
    """Return the part of the vectors (..., 3) that is orthogonal to the axes (..., 3) of length 1."""
    return np.asarray(vector - (vector * axis).sum(-1, keepdims=True) * axis)


def _axis(vector: FloatArray, otherwise: FloatArray) -> FloatArray:
    """The vectors at length 1; ``otherwise`` where a degenerate pose leaves their direction open."""
    degenerate = np.linalg.norm(vector, axis=-1, keepdims=True) < 1e-6
    return np.where(degenerate, otherwise, unit(vector))
