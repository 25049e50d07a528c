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

"""The panels of a picture. Each draws its background once and shows one frame after the other."""

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
from diffupose_ros.drawing.style import FAINT, PAPER, RULE, TEXT, TRUTH, UNSEEN, bones_2d, person_colours
from diffupose_ros.skeleton import BONES, LAYOUTS, Status

FloatArray = npt.NDArray[np.floating]

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


class ImagePanel:
    """The 2D input in the image; what the detector misses is missing.

    Args:
        axes: to draw in.
        stage: of the picture.
        scale: factor on line widths and letters.
    """

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0) -> None:
        self._colours = stage.colours
        width, height = stage.recording.width or 640, stage.recording.height or 480
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", anchor="NW")
        axes.set_facecolor("#f3f5f9")
        _plain(axes)
        axes.set(xticks=[0, width], yticks=[0, height])
        axes.set_xlabel("px", labelpad=-8, fontsize=8 * scale, color=FAINT)
        axes.tick_params(labelsize=7.5 * scale)
        self._bones = axes.add_collection(LineCollection([], linewidths=2.6 * scale, capstyle="round"))
        self._dots = axes.scatter([], [], s=15 * scale**2, zorder=3, edgecolors=PAPER, linewidths=0.6 * scale)

    def show(self, frame: Frame) -> None:
        """Draw the frame's 2D joints."""
        lines, line_colours, dots, dot_colours = [], [], [np.zeros((0, 2))], []
        for person, detection in frame.detections.items():
            colour, points = self._colours[person], detection.keypoints
            if detection.layout not in LAYOUTS or len(points) != len(LAYOUTS[detection.layout]):
                continue
            drawn = [points[list(bone)] for bone in bones_2d(detection.layout)]
            drawn = [line for line in drawn if np.isfinite(line).all()]
            seen = points[np.isfinite(points).all(1)]
            lines += drawn
            line_colours += [colour] * len(drawn)
            dots.append(seen)
            dot_colours += [colour] * len(seen)
        self._bones.set(segments=lines, colors=line_colours)
        self._dots.set_offsets(np.concatenate(dots))
        self._dots.set_facecolors(dot_colours)


class Bodies:
    """3D skeletons with the 90 % ellipsoids of their joints, drawn through a view.

    Ground truth is drawn moved to the estimated root, to which the ellipsoids are relative.

    Args:
        axes: to draw in.
        stage: of the recording.
        scale: factor on line widths.
        floor: draw shadows at the scene's floor.
    """

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0, floor: bool = False) -> None:
        self._stage, self._floor = stage, floor

        def lines(width: float, order: float, **more: object) -> LineCollection:
            return axes.add_collection(  # type: ignore[return-value]
                LineCollection([], linewidths=width * scale, zorder=order, capstyle="round", **more), autolim=False
            )

        def surfaces(width: float, order: float) -> PolyCollection:
            return axes.add_collection(  # type: ignore[return-value]
                PolyCollection([], linewidths=width * scale, zorder=order), autolim=False
            )

        self._shadow = lines(3.2, 1, colors="#e6e9ef")
        self._seen, self._unseen = surfaces(0.5, 2), surfaces(0.9, 3)
        self._rings = lines(0.45, 3.1, colors=[to_rgba(UNSEEN, 0.55)])
        self._bones = lines(3.0, 4)
        self._dots = axes.scatter([], [], s=11 * scale**2, zorder=4.5, edgecolors=PAPER, linewidths=0.5 * scale)
        self._truth = lines(0.8, 5, colors=TRUTH)

    def show(self, frame: Frame, projection: FloatArray, shifts: Mapping[str, FloatArray] | None = None) -> None:
        """Draw the frame's people.

        Args:
            frame: what to draw.
            projection: (2, 3), a view of the scene frame.
            shifts: metres (3,) in the scene frame to move each person by.
        """
        bones, colours, dots, dot_colours, truths, shadows = [], [], [np.zeros((0, 2))], [], [], []
        seen, seen_colours, unseen, wires = [], [], [], []
        for person, estimate in _far_to_near(frame):
            shift = (shifts or {}).get(person, np.zeros(3))
            joints, colour = view.to_scene(estimate.mean) + shift, self._stage.colours[person]
            flat, hidden = joints @ projection.T, estimate.status == Status.MISSING
            bones += [flat[list(bone)] for bone in BONES]
            colours += [UNSEEN if hidden[child] else colour for _, child in BONES]
            dots.append(flat)
            dot_colours += [UNSEEN if h else colour for h in hidden]
            outline, ring = _ellipsoids(joints, estimate, projection)
            seen += list(outline[~hidden])
            seen_colours += [colour] * int((~hidden).sum())
            unseen += list(outline[hidden])
            wires += list(ring[hidden].reshape(-1, *ring.shape[2:]))
            if self._floor:
                ground = np.concatenate([joints[:, :2], np.full((17, 1), self._stage.low[2])], 1) @ projection.T
                shadows += [ground[list(bone)] for bone in BONES]
            if person in frame.truth:
                true = view.to_scene(frame.truth[person])
                true = (true - true[0] + joints[0]) @ projection.T
                truths += [true[list(bone)] for bone in BONES]
        self._bones.set(segments=bones, colors=colours)
        self._dots.set_offsets(np.concatenate(dots))
        self._dots.set_facecolors(dot_colours)
        self._truth.set_segments(truths)
        self._shadow.set_segments(shadows)
        self._seen.set(verts=seen, facecolors=[to_rgba(c, 0.13) for c in seen_colours])
        self._seen.set_edgecolors([to_rgba(c, 0.5) for c in seen_colours])
        self._unseen.set(verts=unseen, facecolors=[to_rgba(UNSEEN, 0.16)], edgecolors=[to_rgba(UNSEEN, 0.95)])
        self._rings.set_segments(wires)


class ObliquePanel:
    """The scene from behind and above the camera, on a floor with a grid of metres."""

    def __init__(self, axes: Axes, stage: Stage, azimuths: list[float], elevation: float, scale: float = 1.0) -> None:
        self._stage, self._elevation = stage, elevation
        low, high = stage.low, stage.high
        corners = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        flat = np.concatenate([corners @ view.oblique(a, elevation).T for a in azimuths])
        (left, bottom), (right, top) = flat.min(0), flat.max(0)
        axes.set(xlim=(left - 0.6, right + 0.6), ylim=(bottom - 0.25, top + 0.02), aspect="equal", anchor="N")
        axes.axis("off")
        self._grid = axes.add_collection(
            LineCollection([], linewidths=0.7 * scale, colors=RULE, zorder=0), autolim=False
        )
        self._marks = [
            (point, axes.text(0, 0, text, fontsize=7.5 * scale, color=FAINT, ha="center", va="top"))
            for point, text in self._labels()
        ]
        self._bodies = Bodies(axes, stage, scale, floor=True)

    def show(self, frame: Frame, azimuth: float) -> None:
        """Draw the frame as seen from ``azimuth`` radians."""
        projection = view.oblique(azimuth, self._elevation)
        self._grid.set_segments([line @ projection.T for line in self._lines()])
        for point, text in self._marks:
            text.set_position(tuple(point @ projection.T))
        self._bodies.show(frame, projection)

    def _steps(self, axis: int) -> FloatArray:
        low, high = self._stage.low[axis], self._stage.high[axis]
        return np.arange(low, high + 1e-6, 0.5)

    def _lines(self) -> list[FloatArray]:
        low, high, z = self._stage.low, self._stage.high, self._stage.low[2]
        along = [np.array([(x, low[1], z), (x, high[1], z)]) for x in self._steps(0)]
        across = [np.array([(low[0], y, z), (high[0], y, z)]) for y in self._steps(1)]
        return along + across

    def _labels(self) -> list[tuple[FloatArray, str]]:
        low, high, z = self._stage.low, self._stage.high, self._stage.low[2]
        whole = [x for x in self._steps(0) if abs(x - round(x)) < 1e-6]
        labels = [(np.array([x, low[1] - 0.1, z]), f"{x:g}" if x < whole[-1] else f"{x:g} m right") for x in whole]
        deep = [y for y in self._steps(1) if abs(y - round(y)) < 1e-6 and y > low[1] + 0.4]
        suffixes = [" m"] * (len(deep) - 1) + [" m forward"]
        edge = low[0] - 0.3 if self._stage.azimuth > 0 else high[0] + 0.3  # the side that nobody stands before
        labels += [(np.array([edge, y, z + 0.05]), f"{y:g}{s}") for y, s in zip(deep, suffixes, strict=True)]
        return labels


class LineUpPanel:
    """Everybody from their side, next to each other: depth to the right, which the camera cannot see."""

    SPACING = 1.7  # m

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0) -> None:
        self._places = {person: i * self.SPACING for i, person in enumerate(stage.colours)}
        low, high = stage.low[2], stage.high[2]
        right = (len(self._places) - 0.5) * self.SPACING
        axes.set(xlim=(-0.5 * self.SPACING, right), ylim=(low - 0.2, high), aspect="equal", anchor="N")
        _plain(axes, spines=("bottom",))
        ticks = [place + offset for place in self._places.values() for offset in (-0.5, 0, 0.5)]
        axes.set_xticks(ticks, ["−0.5", "0", "0.5"] * len(self._places))
        axes.set_yticks(np.arange(np.ceil(low * 2) / 2, high, 0.5))
        axes.grid(color=RULE, linewidth=0.6 * scale)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=7.5 * scale)
        axes.set_xlabel("← camera      depth about each person's root, m", fontsize=8 * scale, color=FAINT)
        axes.set_ylabel("height from the camera, m", fontsize=8 * scale, color=FAINT)
        self._bodies = Bodies(axes, stage, scale)

    def show(self, frame: Frame) -> None:
        """Draw the frame's people."""
        shifts = {}
        for person, estimate in frame.estimates.items():
            depth = view.to_scene(estimate.mean[0])[1]
            shifts[person] = np.array([0, self._places[person] - depth, 0])
        self._bodies.show(frame, view.FROM_THE_SIDE, shifts)


class MapPanel:
    """From above, camera at the origin: where people stand, their roots' ellipses, and where they truly are."""

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0) -> None:
        self._stage = stage
        low, high = stage.low, stage.high
        side = max(-low[0], high[0], 0.5) + 0.2
        axes.set(xlim=(-0.25, high[1] + 0.4), ylim=(-side, side), aspect="equal", anchor="N")
        _plain(axes)
        axes.grid(color=RULE, linewidth=0.6 * scale)
        axes.set_axisbelow(True)
        axes.set(xticks=np.arange(0, high[1] + 0.4, 1), yticks=np.arange(np.ceil(-side), side, 1))
        axes.tick_params(labelsize=7.5 * scale)
        axes.set_xlabel("forward, m", fontsize=8 * scale, color=FAINT)
        axes.set_ylabel("left, m", fontsize=8 * scale, color=FAINT)
        self._draw_camera(axes, scale)
        self._roots = axes.add_collection(PolyCollection([], linewidths=0.9 * scale, zorder=2), autolim=False)
        self._bones = axes.add_collection(LineCollection([], linewidths=1.8 * scale, zorder=3), autolim=False)
        self._truth = axes.add_collection(
            LineCollection([], linewidths=0.8 * scale, colors=TRUTH, zorder=4), autolim=False
        )

    def show(self, frame: Frame) -> None:
        """Draw the frame's people."""
        people = _far_to_near(frame)
        joints = [view.to_scene(estimate.mean) @ view.FROM_ABOVE.T for _, estimate in people]
        self._bones.set_segments([pose[list(bone)] for pose in joints for bone in BONES])
        self._bones.set_colors([self._stage.colours[person] for person, _ in people for _ in BONES])
        truths = [view.to_scene(frame.truth[p]) @ view.FROM_ABOVE.T for p, _ in people if p in frame.truth]
        self._truth.set_segments([pose[list(bone)] for pose in truths for bone in BONES])
        outlines = [
            view.outlines(
                view.to_scene(e.mean[:1]), view.covariance_to_scene(e.root_covariance[None]), view.FROM_ABOVE
            )[0]
            for _, e in people
        ]
        colours = [self._stage.colours[person] for person, _ in people]
        self._roots.set(verts=outlines, facecolors=[to_rgba(c, 0.10) for c in colours], edgecolors=colours)

    def _draw_camera(self, axes: Axes, scale: float) -> None:
        axes.plot(0, 0, marker=">", markersize=7 * scale, color=TEXT, clip_on=False, zorder=5)
        camera = self._stage.recording.camera
        if camera is None or not camera.width:
            return
        rays = camera.rays([[0, camera.K[1, 2]], [camera.width, camera.K[1, 2]]])
        for ray in rays[np.isfinite(rays).all(1)]:
            axes.plot([0, 20 * ray[2]], [0, -20 * ray[0]], color=FAINT, linewidth=0.7 * scale, linestyle=":")


def _best_azimuth(frames: list[Frame]) -> float:
    """Return the azimuth from which the two people nearest to each other are the furthest apart on average."""

    def separation(azimuth: float) -> float:
        gaps = []
        for frame in frames:
            roots = np.array([view.to_scene(e.mean[0]) for _, e in _far_to_near(frame)]).reshape(-1, 3)
            across = np.sort(roots @ view.oblique(azimuth, 0.0)[0])
            if len(across) > 1:
                gaps.append(min(np.diff(across).min(), 1.0))
        return float(np.mean(gaps)) if gaps else 0.0

    return max((float(a) for a in np.radians([30, -30, 25, -25, 20, -20, 35, -35])), key=separation)


def _far_to_near(frame: Frame) -> list[tuple[str, Estimate]]:
    people = [(person, e) for person, e in frame.estimates.items() if np.isfinite(e.mean).all()]
    return sorted(people, key=lambda pair: -pair[1].mean[0, 2])


def _ellipsoids(joints: FloatArray, estimate: Estimate, projection: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return outlines (17, K, 2) and wireframes (17, 3, K, 2); the root, to which all is relative, has none."""
    covariance = view.covariance_to_scene(np.nan_to_num(estimate.covariance))
    covariance[0] = 0
    wires = view.rings(joints, covariance, projection)
    return view.outlines(joints, covariance, projection), wires.reshape(len(joints), 3, *wires.shape[1:])


def _plain(axes: Axes, spines: tuple[str, ...] = ("left", "right", "top", "bottom")) -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name in spines)
        spine.set_color(RULE)
    axes.tick_params(length=0, colors=FAINT)
