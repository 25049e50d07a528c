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

"""The links of ROS4HRI's human (REP-155, ``human_description``): where they are, and how they are turned.

They are placed and turned as the body is, where ``joint_angles`` tell only what the description's own chain can show:
a link that draws a bone lies along it, whatever the description's proportions, and though its trunk does not bend
sideways.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from diffupose_ros.planning.joint_angles import ANGLES, FloatArray, axes_along, joint_angles
from diffupose_ros.skeleton import H36M17, pelvis_axes, unit


@dataclass(frozen=True)
class _Link:
    """One link of the description.

    Attributes:
        parent: its parent.
        joint: of H36M-17, at its origin.
        angle: that turns it in its parent; empty: fixed.
        axis: about which it does.
        bone: the joints that it lies between, along its -z; empty: it draws none, or its parent's.
    """

    parent: str
    joint: str
    angle: str = ""
    axis: tuple[float, float, float] = (0, 0, 0)
    bone: tuple[str, ...] = ()


def _limbs(side: str, word: str, out: int) -> dict[str, _Link]:
    shoulder, elbow, wrist, hip, knee, ankle = (
        f"{word}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    )
    return {
        f"{side}_y_shoulder": _Link("torso", shoulder, f"{side}_y_shoulder", (0, 0, -out)),
        f"{side}_p_shoulder": _Link(f"{side}_y_shoulder", shoulder, f"{side}_p_shoulder", (out, 0, 0)),
        f"{side}_shoulder": _Link(f"{side}_p_shoulder", shoulder, f"{side}_r_shoulder", (0, 0, out), (shoulder, elbow)),
        f"{side}_elbow": _Link(f"{side}_shoulder", elbow, f"{side}_elbow", (0, -1, 0), (elbow, wrist)),
        f"{side}_wrist": _Link(f"{side}_elbow", wrist),
        f"{side}_y_hip": _Link("body", hip, f"{side}_y_hip", (0, 0, -1)),
        f"{side}_p_hip": _Link(f"{side}_y_hip", hip, f"{side}_p_hip", (out, 0, 0)),
        f"{side}_hip": _Link(f"{side}_p_hip", hip, f"{side}_r_hip", (0, -1, 0), (hip, knee)),
        f"{side}_knee": _Link(f"{side}_hip", knee, f"{side}_knee", (0, -1, 0), (knee, ankle)),
        f"{side}_ankle": _Link(f"{side}_knee", ankle),
    }


_CHAIN = {
    "waist": _Link("body", "pelvis", "waist", (0, 1, 0), ("thorax", "pelvis")),
    "torso": _Link("waist", "thorax"),
    # The description's neck is 6 cm above its shoulders; we know of none.
    "r_head": _Link("torso", "thorax", "r_head", (1, 0, 0)),
    "y_head": _Link("r_head", "thorax", "y_head", (0, 0, 1)),
    "p_head": _Link("y_head", "thorax", "p_head", (0, -1, 0)),
    "head": _Link("p_head", "head"),  # at the height of the eyes in the description, about 5 cm above in ours
    **_limbs("l", "left", 1),
    **_limbs("r", "right", -1),
}
LINKS = {name: link.joint for name, link in _CHAIN.items()}
"""The H36M-17 joint at the origin of each link, parents first; ``body``, at the pelvis, is not among them."""


def link_rotations(positions: FloatArray) -> FloatArray:
    """Return rotations (P, len(LINKS), 3, 3) of the links, their axes the columns, in the frame of the positions.

    Args:
        positions: (P, 17, 3) metres, in any right-handed frame.
    """
    if not len(positions):  # older scipy has no rotations of nobody
        return np.zeros((0, len(LINKS), 3, 3))
    angles = dict(zip(ANGLES, joint_angles(positions).T, strict=True))
    told = {"body": pelvis_axes(positions)}  # by the angles
    drawn: dict[str, FloatArray] = {}
    for name, link in _CHAIN.items():
        if not link.angle:
            told[name], drawn[name] = told[link.parent], drawn[link.parent]
            continue
        turn = Rotation.from_rotvec(np.array(link.axis) * angles[link.angle][:, None]).as_matrix()
        told[name] = drawn[name] = told[link.parent] @ turn
        if link.bone:
            start, end = (positions[:, H36M17.index(joint)] for joint in link.bone)
            drawn[name] = axes_along(unit(end - start), told[name][..., 1], told[name])
    return np.stack(list(drawn.values()), 1)
