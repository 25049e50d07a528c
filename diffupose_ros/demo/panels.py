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

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba

from diffupose_ros.demo.bodies import Bodies, Movers, bones_of
from diffupose_ros.demo.recording import Frame
from diffupose_ros.demo.stage import Stage, far_to_near
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import FAINT, PAPER, RULE, TEXT, TRUTH, bones_2d
from diffupose_ros.skeleton import BONES, LAYOUTS

FloatArray = npt.NDArray[np.floating]

_TRAIL = 1_500_000_000  # ns that the trails from above are long


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


class ObliquePanel:
    """People over time from behind and above the camera, on a floor with a grid of metres."""

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
        self._people = Movers(axes, stage, scale, floor=True)

    def show(self, frame: Frame, azimuth: float) -> None:
        """Draw the frame as seen from ``azimuth`` radians."""
        projection = view.oblique(azimuth, self._elevation)
        self._grid.set_segments([line @ projection.T for line in self._lines()])
        for point, text in self._marks:
            text.set_position(tuple(point @ projection.T))
        self._people.show(frame, projection)

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
    """Everybody from their side, depth to the right, which the camera cannot see: single images beside over time."""

    SPACING = 1.7  # m

    def __init__(self, axes: Axes, stage: Stage, scale: float = 1.0) -> None:
        self._places = {person: 2 * i * self.SPACING for i, person in enumerate(stage.colours)}
        low, high = stage.low[2], stage.high[2]
        right = (2 * len(self._places) - 0.5) * self.SPACING
        axes.set(xlim=(-0.5 * self.SPACING, right), ylim=(low - 0.2, high + 0.2), aspect="equal", anchor="N")
        _plain(axes, spines=("bottom",))
        for place in self._places.values():
            for x, words in ((place, "each image"), (place + self.SPACING, "over time")):
                axes.text(x, high + 0.2, words, fontsize=8 * scale, color=TEXT, ha="center", va="top")
            axes.axvline(place - 0.5 * self.SPACING, color=RULE, linewidth=1.2 * scale)
        ticks = [place + offset for place in self._places.values() for offset in (0, 0.5, self.SPACING)]
        axes.set_xticks(ticks, ["0", "0.5", "0"] * len(self._places))
        axes.set_yticks(np.arange(np.ceil(low * 2) / 2, high, 0.5))
        axes.grid(color=RULE, linewidth=0.6 * scale)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=7.5 * scale)
        axes.set_xlabel("← camera      depth about each person's root, m", fontsize=8 * scale, color=FAINT)
        axes.set_ylabel("height from the camera, m", fontsize=8 * scale, color=FAINT)
        self._single, self._over_time = Bodies(axes, stage, scale), Movers(axes, stage, scale)

    def show(self, frame: Frame) -> None:
        """Draw the frame's people."""
        single = {name: self._shift(self._places[name], e.mean) for name, e in frame.estimates.items()}
        over_time = {
            name: self._shift(self._places[name] + self.SPACING, person.mean)
            for name, person in frame.people.items()
            if name in self._places
        }
        self._single.show(frame, view.FROM_THE_SIDE, single)
        self._over_time.show(frame, view.FROM_THE_SIDE, over_time)

    @staticmethod
    def _shift(place: float, joints: FloatArray) -> FloatArray:
        return np.array([0, place - view.to_scene(joints[0])[1], 0])


class MapPanel:
    """From above, camera at the origin: where people stand over time and in single images, and where they truly are."""

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

        def lines(width: float, order: float, **more: object) -> LineCollection:
            collection = LineCollection([], linewidths=width * scale, zorder=order, **more)  # type: ignore[arg-type]
            return axes.add_collection(collection, autolim=False)  # type: ignore[return-value]

        self._jumps, self._roots = lines(0.7, 1.8), lines(0.7, 1.9)
        self._sure = axes.add_collection(PolyCollection([], linewidths=0.9 * scale, zorder=2), autolim=False)
        self._bones = lines(1.8, 3)
        self._truth = lines(0.8, 4, colors=TRUTH)

    def show(self, frame: Frame) -> None:
        """Draw the frame's people."""
        people = [(name, person) for name, person in frame.people.items() if name in self._stage.colours]
        flat = [view.to_scene(person.mean) @ view.FROM_ABOVE.T for _, person in people]
        colours = [self._stage.colours[name] for name, _ in people]
        self._bones.set_segments([line for joints in flat for line in bones_of(joints)])
        self._bones.set_colors([colour for colour in colours for _ in BONES])
        truths = [view.to_scene(frame.truth[n]) @ view.FROM_ABOVE.T for n, _ in people if n in frame.truth]
        self._truth.set_segments([line for joints in truths for line in bones_of(joints)])
        outlines = [_root_outline(person.mean, person.covariance[0]) for _, person in people]
        self._sure.set(verts=outlines, facecolors=[to_rgba(c, 0.16) for c in colours], edgecolors=colours)
        single = far_to_near(frame)
        faint = [to_rgba(self._stage.colours[name], 0.45) for name, _ in single]
        self._roots.set(segments=[_root_outline(e.mean, e.root_covariance) for _, e in single], colors=faint)
        self._jumps.set(segments=[self._trail(frame, name) for name, _ in single], colors=faint)

    def _trail(self, frame: Frame, name: str) -> FloatArray:
        """Return where single images placed somebody's root lately, (n, 2)."""
        lately = [f for f in self._stage.recording.frames if frame.stamp - _TRAIL <= f.stamp <= frame.stamp]
        roots = [f.estimates[name].mean[0] for f in lately if name in f.estimates]
        return np.asarray(view.to_scene(np.reshape(roots, (-1, 3))) @ view.FROM_ABOVE.T)

    def _draw_camera(self, axes: Axes, scale: float) -> None:
        axes.plot(0, 0, marker=">", markersize=7 * scale, color=TEXT, clip_on=False, zorder=5)
        camera = self._stage.recording.camera
        if camera is None or not camera.width:
            return
        rays = camera.rays([[0, camera.K[1, 2]], [camera.width, camera.K[1, 2]]])
        for ray in rays[np.isfinite(rays).all(1)]:
            axes.plot([0, 20 * ray[2]], [0, -20 * ray[0]], color=FAINT, linewidth=0.7 * scale, linestyle=":")


def _plain(axes: Axes, spines: tuple[str, ...] = ("left", "right", "top", "bottom")) -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name in spines)
        spine.set_color(RULE)
    axes.tick_params(length=0, colors=FAINT)


def _root_outline(joints: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the 90 % ellipse (K, 2) of a root from above."""
    outline = view.outlines(view.to_scene(joints[:1]), view.covariance_to_scene(covariance[None]), view.FROM_ABOVE)
    return np.asarray(outline[0])
