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

"""People drawn through a view of the scene: those of single images, and those over time.

Both with the truth, and with the 90 % ellipsoids of where head, wrists and ankles are: the others' would only hide
them.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba

from diffupose_ros.demo.recording import Frame
from diffupose_ros.demo.stage import Stage, far_to_near
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import PAPER, TRUTH, UNSEEN
from diffupose_ros.skeleton import BONES, H36M17, Status

FloatArray = npt.NDArray[np.floating]

MOVED = 0.3
"""Seconds of movement that an arrow shows."""
SHADOW = "#e6e9ef"
_ENDS = [H36M17.index(f"{side}_{end}") for end in ("wrist", "ankle") for side in ("left", "right")]
SURE = [H36M17.index("head"), *_ENDS]
"""Joints whose ellipsoids are drawn."""
_SHORTEST, _HEAD, _SHAFT = 0.07, 0.15, 0.02  # m in the plane of the picture, of an arrow


class Bodies:
    """Single images: thin bones, orange where joints were not seen, and ellipsoids.

    Args:
        axes: to draw in.
        stage: of the recording.
        scale: factor on line widths.
    """

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0) -> None:
        self._stage = stage
        self._seen, self._unseen = _surfaces(axes, 0.7 * scale, 2), _surfaces(axes, 0.9 * scale, 3)
        self._rings = _lines(axes, 0.45 * scale, 3.1, colors=[to_rgba(UNSEEN, 0.55)])
        self._bones = _lines(axes, 1.8 * scale, 4)
        self._truth = _lines(axes, 0.8 * scale, 5, colors=TRUTH)

    def show(self, frame: Frame, projection: FloatArray, shifts: Mapping[str, FloatArray]) -> None:
        """Draw the frame's people.

        Args:
            frame: what to draw.
            projection: (2, 3), a view of the scene frame.
            shifts: metres (3,) in the scene frame to move each person by.
        """
        bones, colours, truths = [], [], []
        seen, seen_colours, unseen, wires = [], [], [], []
        for name, estimate in far_to_near(frame):
            joints, colour = view.to_scene(estimate.mean) + shifts[name], self._stage.colours[name]
            hidden = estimate.status == Status.MISSING
            bones += bones_of(joints @ projection.T)
            colours += [UNSEEN if hidden[child] else colour for _, child in BONES]
            covariance = view.covariance_to_scene(np.nan_to_num(estimate.whole_covariance))
            for joint in SURE:
                ellipsoid = joints[[joint]], covariance[[joint]], projection
                if hidden[joint]:
                    unseen += list(view.outlines(*ellipsoid))
                    wires += list(view.rings(*ellipsoid))
                else:
                    seen += list(view.outlines(*ellipsoid))
                    seen_colours.append(colour)
            if name in frame.truth:
                truths += bones_of((view.to_scene(frame.truth[name]) + shifts[name]) @ projection.T)
        self._bones.set(segments=bones, colors=colours)
        self._truth.set_segments(truths)
        _fill(self._seen, seen, seen_colours)
        self._unseen.set(verts=unseen, facecolors=[to_rgba(UNSEEN, 0.16)], edgecolors=[to_rgba(UNSEEN, 0.95)])
        self._rings.set_segments(wires)


class Movers:
    """People over time: thick bones, pale ones where nobody was seen, ellipsoids, arrows, and where all will be.

    Args:
        axes: to draw in.
        stage: of the recording.
        scale: factor on line widths.
        floor: draw shadows at the scene's floor.
    """

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0, floor: bool = False) -> None:
        self._stage, self._floor = stage, floor
        self._shadow = _lines(axes, 3.2 * scale, 1, colors=SHADOW)
        self._ahead = _lines(axes, 2.2 * scale, 1.5)
        self._sure = _surfaces(axes, 0.7 * scale, 2)
        self._bones = _lines(axes, 3.4 * scale, 4)
        self._truth = _lines(axes, 0.8 * scale, 5, colors=TRUTH)
        self._arrows = _surfaces(axes, 0.5 * scale, 6, edgecolors=PAPER)

    def show(self, frame: Frame, projection: FloatArray, shifts: Mapping[str, FloatArray] | None = None) -> None:
        """Draw the frame's people.

        Args:
            frame: what to draw.
            projection: (2, 3), a view of the scene frame.
            shifts: metres (3,) in the scene frame to move each person by.
        """
        bones, colours, sure, sure_colours, ahead, ahead_colours = [], [], [], [], [], []
        arrows, arrow_colours, truths, shadows = [], [], [], []
        for name, person in sorted(frame.people.items(), key=lambda pair: -pair[1].mean[0, 2]):
            if name not in self._stage.colours:
                continue
            shift, colour = (shifts or {}).get(name, np.zeros(3)), self._stage.colours[name]
            joints = view.to_scene(person.mean) + shift
            bones += bones_of(joints @ projection.T)
            colours += [to_rgba(colour, 0.4 if person.coasting else 1)] * len(BONES)
            covariance = view.covariance_to_scene(person.covariance[SURE])
            sure += list(view.outlines(joints[SURE], covariance, projection))
            sure_colours += [colour] * len(SURE)
            tips = joints[_ENDS] + MOVED * view.to_scene(person.velocity[_ENDS])
            found = [_arrow(a, b) for a, b in zip(joints[_ENDS] @ projection.T, tips @ projection.T, strict=True)]
            arrows += [arrow for arrow in found if arrow is not None]
            arrow_colours += [colour] * (len(arrows) - len(arrow_colours))
            if name in frame.ahead:
                ahead += bones_of((view.to_scene(frame.ahead[name]) + shift) @ projection.T)
                ahead_colours += [to_rgba(colour, 0.28)] * len(BONES)
            if name in frame.truth:
                truths += bones_of((view.to_scene(frame.truth[name]) + shift) @ projection.T)
            if self._floor:
                shadows += bones_of(on_floor(joints, self._stage) @ projection.T)
        self._bones.set(segments=bones, colors=colours)
        self._ahead.set(segments=ahead, colors=ahead_colours)
        self._truth.set_segments(truths)
        self._shadow.set_segments(shadows)
        _fill(self._sure, sure, sure_colours)
        self._arrows.set(verts=arrows, facecolors=arrow_colours)


def bones_of(joints: FloatArray) -> list[FloatArray]:
    """Return the lines (2, 2) of the bones of joints (17, 2)."""
    return [joints[list(bone)] for bone in BONES]


def on_floor(joints: FloatArray, stage: Stage) -> FloatArray:
    """Return the shadows (17, 3) of joints (17, 3) in the scene frame."""
    return np.concatenate([joints[:, :2], np.full((len(joints), 1), stage.low[2])], 1)


def _arrow(start: FloatArray, tip: FloatArray) -> FloatArray | None:
    """Return the outline (7, 2) of an arrow in the plane of the picture; None of one too short to be seen."""
    length = float(np.linalg.norm(tip - start))
    if length < _SHORTEST:
        return None
    along = (tip - start) / length
    across = np.array([-along[1], along[0]])
    neck = tip - min(_HEAD, 0.6 * length) * along
    half, wing = _SHAFT * across, 0.5 * min(_HEAD, 0.6 * length) * across
    return np.array([start + half, neck + half, neck + wing, tip, neck - wing, neck - half, start - half])


def _fill(surfaces: PolyCollection, outlines: list[FloatArray], colours: list[str]) -> None:
    surfaces.set(verts=outlines, facecolors=[to_rgba(c, 0.13) for c in colours])
    surfaces.set_edgecolors([to_rgba(c, 0.5) for c in colours])


def _lines(axes: Axes, width: float, order: float, **more: object) -> LineCollection:
    lines = LineCollection([], linewidths=width, zorder=order, capstyle="round", **more)  # type: ignore[arg-type]
    return axes.add_collection(lines, autolim=False)  # type: ignore[return-value]


def _surfaces(axes: Axes, width: float, order: float, **more: object) -> PolyCollection:
    surfaces = PolyCollection([], linewidths=width, zorder=order, **more)  # type: ignore[arg-type]
    return axes.add_collection(surfaces, autolim=False)  # type: ignore[return-value]
