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

"""People drawn through a view of the scene: those of single images, and those over time."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba

from diffupose_ros.demo.arrays import Estimate
from diffupose_ros.demo.recording import Frame, Recording
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import PAPER, TRUTH, UNSEEN, person_colours
from diffupose_ros.skeleton import BONES, H36M17, Status

FloatArray = npt.NDArray[np.floating]

MOVED = 0.3
"""Seconds of movement that an arrow shows."""
SHADOW = "#e6e9ef"
_ENDS = [H36M17.index(f"{side}_{end}") for end in ("wrist", "ankle") for side in ("left", "right")]
_SURE = [H36M17.index("head"), *_ENDS]  # the others' ellipsoids would only hide them
_SHORTEST, _HEAD, _SHAFT = 0.06, 0.11, 0.012  # m in the plane of the picture, of an arrow
_ANKLES, _SOLE = (3, 6), 0.09  # an ankle joint's height above the floor, m


@dataclass(frozen=True)
class Stage:
    """What the frames of one picture have in common, in the scene frame of ``view``.

    Attributes:
        low, high: (3,) metres, the box that all people stay in; ``low[2]`` is the floor.
        azimuth: radians, from where people hide each other least.
        colours: of each person.
        recording: that the frames are of.
    """

    low: FloatArray
    high: FloatArray
    azimuth: float
    colours: Mapping[str, str]
    recording: Recording

    @classmethod
    def of(cls, recording: Recording, frames: list[Frame]) -> "Stage":
        """Measure the frames of a picture; single wild joints do not count.

        Raises:
            ValueError: nobody in them.
        """
        poses = [e.mean for frame in frames for e in frame.estimates.values() if np.isfinite(e.mean).all()]
        if not poses:
            raise ValueError("the recording has no 3D skeletons: nothing to draw")
        joints = view.to_scene(np.stack(poses))
        low, high = np.percentile(joints.reshape(-1, 3), [0.5, 99.5], axis=0)
        low[2] = np.percentile(joints[:, _ANKLES, 2].min(1), 10) - _SOLE
        low[:2], high[:2] = np.floor(2 * (low[:2] - 0.15)) / 2, np.ceil(2 * (high[:2] + 0.15)) / 2
        high[2] = max(high[2] + 0.2, low[2] + 2.0)
        return cls(low, high, _best_azimuth(frames), person_colours(recording.people()), recording)


class Bodies:
    """Single images: 3D skeletons with the 90 % ellipsoids of their joints, drawn through a view.

    Ground truth is drawn moved to the estimated root, to which the ellipsoids are relative.

    Args:
        axes: to draw in.
        stage: of the recording.
        scale: factor on line widths.
        floor: draw shadows at the scene's floor.
    """

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0, floor: bool = False) -> None:
        self._stage, self._floor = stage, floor
        self._shadow = _lines(axes, 3.2 * scale, 1, colors=SHADOW)
        self._seen, self._unseen = _surfaces(axes, 0.5 * scale, 2), _surfaces(axes, 0.9 * scale, 3)
        self._rings = _lines(axes, 0.45 * scale, 3.1, colors=[to_rgba(UNSEEN, 0.55)])
        self._bones = _lines(axes, 3.0 * scale, 4)
        self._dots = axes.scatter([], [], s=11 * scale**2, zorder=4.5, edgecolors=PAPER, linewidths=0.5 * scale)
        self._truth = _lines(axes, 0.8 * scale, 5, colors=TRUTH)

    def show(self, frame: Frame, projection: FloatArray, shifts: Mapping[str, FloatArray] | None = None) -> None:
        """Draw the frame's people.

        Args:
            frame: what to draw.
            projection: (2, 3), a view of the scene frame.
            shifts: metres (3,) in the scene frame to move each person by.
        """
        bones, colours, dots, dot_colours, truths, shadows = [], [], [np.zeros((0, 2))], [], [], []
        seen, seen_colours, unseen, wires = [], [], [], []
        for person, estimate in far_to_near(frame):
            shift = (shifts or {}).get(person, np.zeros(3))
            joints, colour = view.to_scene(estimate.mean) + shift, self._stage.colours[person]
            flat, hidden = joints @ projection.T, estimate.status == Status.MISSING
            bones += bones_of(flat)
            colours += [UNSEEN if hidden[child] else colour for _, child in BONES]
            dots.append(flat)
            dot_colours += [UNSEEN if h else colour for h in hidden]
            outline, ring = _ellipsoids(joints, estimate, projection)
            seen += list(outline[~hidden])
            seen_colours += [colour] * int((~hidden).sum())
            unseen += list(outline[hidden])
            wires += list(ring[hidden].reshape(-1, *ring.shape[2:]))
            if self._floor:
                shadows += bones_of(on_floor(joints, self._stage) @ projection.T)
            if person in frame.truth:
                true = view.to_scene(frame.truth[person])
                true = (true - true[0] + joints[0]) @ projection.T
                truths += bones_of(true)
        self._bones.set(segments=bones, colors=colours)
        self._dots.set_offsets(np.concatenate(dots))
        self._dots.set_facecolors(dot_colours)
        self._truth.set_segments(truths)
        self._shadow.set_segments(shadows)
        self._seen.set(verts=seen, facecolors=[to_rgba(c, 0.13) for c in seen_colours])
        self._seen.set_edgecolors([to_rgba(c, 0.5) for c in seen_colours])
        self._unseen.set(verts=unseen, facecolors=[to_rgba(UNSEEN, 0.16)], edgecolors=[to_rgba(UNSEEN, 0.95)])
        self._rings.set_segments(wires)


class Movers:
    """People over time: bones, 90 % ellipsoids of head, wrists and ankles, where these move, where all will be.

    Here all is where it is: ground truth is not moved, and ellipsoids are whole.

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
            covariance = view.covariance_to_scene(person.covariance[_SURE])
            sure += list(view.outlines(joints[_SURE], covariance, projection))
            sure_colours += [colour] * len(_SURE)
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
        self._sure.set(verts=sure, facecolors=[to_rgba(c, 0.13) for c in sure_colours])
        self._sure.set_edgecolors([to_rgba(c, 0.5) for c in sure_colours])
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


def _lines(axes: Axes, width: float, order: float, **more: object) -> LineCollection:
    lines = LineCollection([], linewidths=width, zorder=order, capstyle="round", **more)  # type: ignore[arg-type]
    return axes.add_collection(lines, autolim=False)  # type: ignore[return-value]


def _surfaces(axes: Axes, width: float, order: float, **more: object) -> PolyCollection:
    surfaces = PolyCollection([], linewidths=width, zorder=order, **more)  # type: ignore[arg-type]
    return axes.add_collection(surfaces, autolim=False)  # type: ignore[return-value]


def _best_azimuth(frames: list[Frame]) -> float:
    """Return the azimuth from which the two people nearest to each other are the furthest apart on average."""

    def separation(azimuth: float) -> float:
        gaps = []
        for frame in frames:
            roots = np.array([view.to_scene(e.mean[0]) for _, e in far_to_near(frame)]).reshape(-1, 3)
            across = np.sort(roots @ view.oblique(azimuth, 0.0)[0])
            if len(across) > 1:
                gaps.append(min(np.diff(across).min(), 1.0))
        return float(np.mean(gaps)) if gaps else 0.0

    return max((float(a) for a in np.radians([30, -30, 25, -25, 20, -20, 35, -35])), key=separation)


def far_to_near(frame: Frame) -> list[tuple[str, Estimate]]:
    """Return the people of single images that have a pose, those behind first."""
    people = [(person, e) for person, e in frame.estimates.items() if np.isfinite(e.mean).all()]
    return sorted(people, key=lambda pair: -pair[1].mean[0, 2])


def _ellipsoids(joints: FloatArray, estimate: Estimate, projection: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return outlines (17, K, 2) and wireframes (17, 3, K, 2); the root, to which all is relative, has none."""
    covariance = view.covariance_to_scene(np.nan_to_num(estimate.covariance))
    covariance[0] = 0
    wires = view.rings(joints, covariance, projection)
    return view.outlines(joints, covariance, projection), wires.reshape(len(joints), 3, *wires.shape[1:])
