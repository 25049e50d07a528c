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

"""A picture of people over time: somebody's wrist, followed, and whether all that is said is as sure as it says."""

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diffupose_ros.data.recordings import JOINTS
from diffupose_ros.evaluation.reliability import COLOURS, GREY, STYLES, draw_diagonal
from diffupose_ros.evaluation.sequences.tracks import HORIZONS, Track
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

_DIAGRAMS = {
    "absolute": "Joints in the world",
    "velocity": "Velocities of joints",
    f"predicted_{HORIZONS[1]}": f"Joints, predicted {HORIZONS[1]} s before",
}
_WIDE = 1.645  # deviations to each side that hold 90 %
_SHOWN = 4.0  # s
_WRISTS = [1 + JOINTS.index(f"{side}_wrist") for side in ("left", "right")]


def draw_sequences(reports: dict[str, dict[str, Any]], track: Track, path: Path) -> None:
    """Draw reports of ``evaluate_sequences``, by name, and a track into a file of matplotlib's kinds.

    Above the track's liveliest wrist, along its greatest motion across the view and along the view: the truth, single
    frames, and the estimate with its 90 % band. Below reliability diagrams of joints, velocities and predictions; a
    curve for each report and scenario.

    Raises:
        OSError: the file cannot be written.
        ValueError: a kind of file that matplotlib does not know.
    """
    figure = Figure(figsize=(12.5, 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 1.15))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_wrist(above.subplots(1, 2), track)
    for axes, (kind, title) in zip(below.subplots(1, 3), _DIAGRAMS.items(), strict=True):
        draw_diagonal(axes, title)
        styles = cycle((colour, style) for style in STYLES for colour in COLOURS)
        for name, report in reports.items():
            for (scenario, summary), (colour, style) in zip(report["scenarios"].items(), styles, strict=False):
                curve, label = summary["reliability"], f"{name}, {scenario}" if len(reports) > 1 else scenario
                if kind in curve:
                    marks = {"color": colour, "linestyle": style, "marker": "o", "markersize": 3, "linewidth": 1.4}
                    axes.plot(curve["nominal"], curve[kind], label=label, **marks)
    handles, labels = below.axes[0].get_legend_handles_labels()
    columns = 6 if len(reports) == 1 else 4
    below.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _draw_wrist(panels: npt.NDArray[Any], track: Track) -> None:
    start = int(np.argmax(track.frames))
    frames = slice(start, start + round(_SHOWN * track.rate))
    wrist = max(_WRISTS, key=lambda joint: float(np.nan_to_num(np.nanvar(track.truth[frames, joint], axis=0)).sum()))
    truth = track.truth[frames, wrist]
    middle = np.nanmean(truth, 0)
    view = unit(middle - track.centre)
    sideways = unit(np.cross(view, _steepest(truth - middle, view)))
    across = np.cross(sideways, view)
    for axes, direction, title in zip(panels, (across, view), ("across the view", "along the view"), strict=True):
        _draw_coordinate(axes, track, frames, wrist, direction, middle)
        axes.set(title=f"{JOINTS[wrist - 1].replace('_', ' ').capitalize()}, {title}", xlabel="time, s")
    panels[0].set(ylabel="m")
    panels[0].legend(loc="best", frameon=False, fontsize=9)


def _draw_coordinate(
    axes: Axes, track: Track, frames: slice, joint: int, direction: FloatArray, middle: FloatArray
) -> None:
    time = np.arange(len(track.truth))[frames] / track.rate
    mean = (track.now.mean[frames, joint] - middle) @ direction
    deviation = np.sqrt(direction @ track.now.covariance[frames, joint] @ direction)
    single, seen = track.single[0].positions[frames, joint], track.single[0].measured[frames, joint - 1]
    axes.fill_between(
        time, mean - _WIDE * deviation, mean + _WIDE * deviation, color=COLOURS[0], alpha=0.18, linewidth=0,
        label="its 90 % band",
    )  # fmt: skip
    said = np.where(seen, (single - middle) @ direction, np.nan)
    axes.plot(time, said, ".", color=COLOURS[1], markersize=4, label="single frames")
    axes.plot(time, mean, color=COLOURS[0], linewidth=1.8, label="estimate")
    true = (track.truth[frames, joint] - middle) @ direction
    axes.plot(time, true, color=COLOURS[-1], linewidth=1.4, linestyle="--", label="truth")
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.margins(x=0)


def _steepest(offset: FloatArray, view: FloatArray) -> FloatArray:
    """The direction (3,) across the view in which offsets (T, 3) are largest."""
    flat = offset[np.isfinite(offset).all(1)]
    flat = flat - (flat @ view)[:, None] * view
    return np.asarray(np.linalg.svd(flat, full_matrices=False)[2][0])
