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

"""Skeletons on paper: one pose, or many on top of each other, in an orthographic view."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from diffupose_ros.drawing.style import PAPER, RULE
from diffupose_ros.skeleton import BONES, H36M17, Status

LineStyle = Literal["-", ":"]
FloatArray = npt.NDArray[np.float64]

SIDES = {"left": "#2563eb", "right": "#f0540c", "middle": "#64748b"}
"""Colours of the person's left and right limbs, and of the trunk."""


@dataclass(frozen=True)
class Viewpoint:
    """Where a pose is looked at from.

    Attributes:
        azimuth: degrees that the pose is turned about the vertical; 0 as the camera sees it, 90 from its side.
        elevation: degrees that it is then looked down upon.
    """

    azimuth: float
    elevation: float = 0.0

    def project(self, poses: FloatArray) -> FloatArray:
        """Return poses (..., 3) of a camera's frame, y down, as (..., 2), right and up."""
        a, e = np.radians([self.azimuth, self.elevation])
        x, up, depth = poses[..., 0], -poses[..., 1], poses[..., 2]
        right, behind = np.cos(a) * x + np.sin(a) * depth, np.cos(a) * depth - np.sin(a) * x
        return np.stack([right, np.cos(e) * up + np.sin(e) * behind], -1)


CAMERA, SIDE, OBLIQUE = Viewpoint(0), Viewpoint(90), Viewpoint(35, 12)


def draw_poses(
    axes: Axes, poses: FloatArray, view: Viewpoint, width: float = 2.0, colour: str = "", style: str = "-"
) -> None:
    """Draw poses (N, 17, 3), the more of them the fainter; in the colours of the sides, or in one."""
    flat = view.project(poses)
    opacity = max(0.25, 1 / len(poses) ** 0.5)
    segments = np.concatenate([flat[:, list(bone)] for bone in BONES])
    colours = [colour or _side(child) for _, child in BONES for _ in range(len(poses))]
    axes.add_collection(
        LineCollection(
            list(segments), colors=colours, linewidths=width, alpha=opacity, linestyles=style, capstyle="round"
        )
    )


def draw_keypoints(axes: Axes, image: FloatArray, status: npt.NDArray[np.int8]) -> None:
    """Draw a 2D skeleton (17, 2), y down; joints that are missing (status (17,)) are missing."""
    seen = status != Status.MISSING
    bones = [bone for bone in BONES if seen[list(bone)].all()]
    flat = image * (1, -1)
    axes.add_collection(
        LineCollection(
            [flat[list(bone)] for bone in bones],
            colors=[_side(child) for _, child in bones],
            linewidths=2.2,
            capstyle="round",
        )
    )
    colours = [_side(int(j)) for j in np.flatnonzero(seen)]
    axes.scatter(flat[seen, 0], flat[seen, 1], s=14, c=colours, edgecolors=PAPER, linewidths=0.5, zorder=3)


def frame(axes: Axes, points: FloatArray, margin: float = 0.08, half: float = 0.0) -> None:
    """Show the square around points (..., 2), at least ``half`` to each side, without axes."""
    low, high = np.nanmin(points.reshape(-1, 2), 0), np.nanmax(points.reshape(-1, 2), 0)
    centre = (low + high) / 2
    reach = max(half, (1 + 2 * margin) * float((high - low).max()) / 2)
    axes.set(xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach))
    axes.set(aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(RULE)


def legend_handles(others: Sequence[tuple[str, str, LineStyle]] = ()) -> list[Line2D]:
    """Return lines for a legend: the sides, and (label, colour, style) of others."""
    entries: list[tuple[str, str, LineStyle]] = [
        ("person's left", SIDES["left"], "-"),
        ("person's right", SIDES["right"], "-"),
        *others,
    ]
    return [
        Line2D([], [], color=colour, linestyle=style, linewidth=2.5, label=label) for label, colour, style in entries
    ]


def _side(joint: int) -> str:
    return SIDES.get(H36M17[joint].split("_")[0], SIDES["middle"])
