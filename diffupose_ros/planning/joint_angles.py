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

"""The angles of ROS4HRI's human (REP-155, ``human_description``) that show a pose.

Its chain: ``waist`` pitches the torso about the pelvis; shoulders yaw, pitch and roll, hips yaw, pitch and roll, about
axes named so in ``human-tpl.xacro``; elbows and knees bend. It has no lateral bend of the trunk and no wrists, and its
bones have the lengths of its own proportions: directions of bones are shown, not places of joints.
"""

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.skeleton import H36M17, HEAD, PELVIS, THORAX, across, pelvis_axes, unit

FloatArray = npt.NDArray[np.float64]

_TRUNK = ("waist", "r_head", "y_head", "p_head")
_OF_ARM = ("y_shoulder", "p_shoulder", "r_shoulder", "elbow")
_OF_LEG = ("y_hip", "p_hip", "r_hip", "knee")
ANGLES = (*_TRUNK, *(f"{side}_{angle}" for limb in (_OF_ARM, _OF_LEG) for side in "lr" for angle in limb))
"""Names of the angles, in order; in the description each has ``_<id>`` behind it."""

_STRAIGHT = 0.15  # sine of an elbow's or knee's angle, below which it does not tell how the limb is turned
_NO_DIRECTION = 1e-6
_FURTHEST_FORWARD = 1.9  # rad, of a shoulder's yaw in the description


def joint_angles(positions: FloatArray) -> FloatArray:
    """Return the ``ANGLES`` (P, 20) in radians that show poses; the head's yaw, which the joints do not tell, is 0.

    Args:
        positions: (P, 17, 3) metres, in any right-handed frame.
    """
    if not len(positions):  # older scipy has no rotations of nobody
        return np.zeros((0, len(ANGLES)))
    body = pelvis_axes(positions)
    up = _within(body, unit(positions[:, THORAX] - positions[:, PELVIS]))
    waist = np.arctan2(up[:, 0], up[:, 2])
    torso = body @ Rotation.from_euler("y", waist[:, None]).as_matrix()
    head = _within(torso, unit(positions[:, HEAD] - positions[:, THORAX]))
    nod, tilt = -np.arcsin(head[:, 0].clip(-1, 1)), np.arctan2(-head[:, 1], head[:, 2])
    trunk = np.stack([waist, tilt, np.zeros_like(waist), nod], 1)
    arms = [_arm(*_limb(positions, torso, side, ("shoulder", "elbow", "wrist")), side) for side in ("left", "right")]
    legs = [_leg(*_limb(positions, body, side, ("hip", "knee", "ankle")), side) for side in ("left", "right")]
    return np.concatenate([trunk, *arms, *legs], 1)


def axes_along(bone: FloatArray, left: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return rotations (P, 3, 3) whose -z lies along a bone, as links of limbs do.

    Args:
        bone: (P, 3) of length 1, or 0 where its ends are at one place.
        left: (P, 3), as near to which as can be is y.
        otherwise: (3, 3) or (P, 3, 3), of those whose bone has no direction, or that of ``left``.
    """
    y = across(left, bone)
    told = np.linalg.norm(bone, axis=-1) * np.linalg.norm(y, axis=-1) > _NO_DIRECTION
    y = unit(y)
    return np.where(told[:, None, None], np.stack([np.cross(y, -bone), y, -bone], -1), otherwise)


def _within(axes: FloatArray, vectors: FloatArray) -> FloatArray:
    """Vectors (P, 3) in frames whose axes are the columns of (P, 3, 3)."""
    return np.asarray(np.einsum("pij,pi->pj", axes, vectors))


def _limb(
    positions: FloatArray, axes: FloatArray, side: str, joints: tuple[str, str, str]
) -> tuple[FloatArray, FloatArray]:
    """Directions (P, 3) of a limb's two bones in a frame."""
    upper, middle, lower = (positions[:, H36M17.index(f"{side}_{joint}")] for joint in joints)
    return _within(axes, unit(middle - upper)), _within(axes, unit(lower - middle))


def _outwards(side: str) -> int:
    return 1 if side == "left" else -1


def _arm(upper: FloatArray, fore: FloatArray, side: str) -> FloatArray:
    """Rotation of the upper arm: Rz(-o yaw) Rx(o pitch) Rz(o roll), o outwards; then the elbow's Ry(-bend)."""
    out = _outwards(side)
    pitch = np.arccos((-upper[:, 2]).clip(-1, 1))
    yaw = np.arctan2(upper[:, 0], out * upper[:, 1])
    # An arm across the chest: the shoulder pitches inwards, and yaws as if the arm were behind.
    across = yaw > _FURTHEST_FORWARD
    yaw, pitch = np.where(across, yaw - np.pi, yaw), np.where(across, -pitch, pitch)
    hanging = Rotation.from_euler("ZX", np.stack([-out * yaw, out * pitch], 1))
    forearm = hanging.inv().apply(fore)
    bend = np.arccos((-forearm[:, 2]).clip(-1, 1))
    roll = np.where(np.sin(bend) > _STRAIGHT, out * np.arctan2(forearm[:, 1], forearm[:, 0]), 0)
    return np.stack([yaw, pitch, roll, bend], 1)


def _leg(thigh: FloatArray, shank: FloatArray, side: str) -> FloatArray:
    """Rotation of the thigh: Rz(-yaw) Rx(o pitch) Ry(-roll), o outwards; then the knee's Ry(-bend), bend below 0."""
    normal = np.cross(thigh, shank)  # to the left of a knee that bends
    bent = np.linalg.norm(normal, axis=-1, keepdims=True)
    axes = axes_along(thigh, np.where(bent > _STRAIGHT, normal, [0.0, 1, 0]), np.eye(3))
    yaw, pitch, roll = Rotation.from_matrix(axes).as_euler("ZXY").T
    bend = -np.arctan2(bent[:, 0], (thigh * shank).sum(-1))
    return np.stack([-yaw, _outwards(side) * pitch, -roll, bend], 1)
