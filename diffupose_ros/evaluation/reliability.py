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

"""Pictures of whether a model's uncertainty is true, and how much it says."""

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Of Okabe and Ito: for colour-blind readers too. After the last, again in the next of ``STYLES``."""
STYLES = ("-", "--", ":")
GREY = "#888888"
_OF_RECORDINGS = {
    "joints": "Joints, relative to the root",
    "root": "Root",
    "absolute": "Joints in the camera's frame",
}


def draw_reliability(reports: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw reports of ``evaluate``, by name of their 2D input, into a file of matplotlib's kinds.

    Left the reliability diagram, empirical over nominal coverage of the ellipsoids: below the diagonal
    the model is too sure of itself. Right the sharpness: how large the ellipsoids are.

    Raises:
        OSError: the file cannot be written.
        ValueError: a kind of file that matplotlib does not know.
    """
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    diagram, bars = figure.subplots(1, 2, width_ratios=(1.2, 1))
    _reliability(diagram, reports)
    _sharpness(bars, reports)
    for axes in (diagram, bars):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def draw_recordings(reports: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw reports of ``evaluate_recording``, by name, into a file of matplotlib's kinds.

    Three reliability diagrams, of joints relative to the root, of the root, and of joints in the camera's frame; a
    curve for each recording.

    Raises:
        OSError: the file cannot be written.
        ValueError: a kind of file that matplotlib does not know, or no report with anything to draw.
    """
    drawn = {name: report["reliability"] for name, report in reports.items() if "reliability" in report}
    if not drawn:
        raise ValueError(f"{path}: nothing to draw, no recording says anything of 3D")
    figure = Figure(figsize=(12.5, 4.7), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (kind, title) in zip(figure.subplots(1, 3), _OF_RECORDINGS.items(), strict=True):
        draw_diagonal(axes, title)
        # More recordings than colours: the same again, dashed.
        styles = cycle((colour, style) for style in STYLES for colour in COLOURS)
        for (name, curve), (colour, style) in zip(drawn.items(), styles, strict=False):
            marks = {"color": colour, "linestyle": style, "marker": "o", "markersize": 3, "linewidth": 1.4}
            axes.plot(curve["nominal"], curve[kind], label=name, **marks)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def draw_diagonal(axes: Axes, title: str) -> None:
    """What every reliability diagram has: the diagonal, both axes from 0 to 1."""
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle="--", label="calibrated")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=title)
    axes.set(xlabel="nominal coverage of the ellipsoids", ylabel="share inside")
    axes.grid(color="#e5e5e5", linewidth=0.6)


def _reliability(axes: Axes, reports: dict[str, dict[str, Any]]) -> None:
    draw_diagonal(axes, "Reliability")
    for (name, report), colour in zip(reports.items(), cycle(COLOURS), strict=False):
        curve = report["reliability"]
        label = f"{name}: ECE {report['ece']:.3f}"
        axes.plot(curve["nominal"], curve["empirical"], "o-", color=colour, markersize=3, linewidth=1.4, label=label)
    axes.set(ylabel="share of joints inside")
    axes.legend(loc="upper left", frameon=False, fontsize=9)


def _sharpness(axes: Axes, reports: dict[str, dict[str, Any]]) -> None:
    """Mean radii of the 50 and 90 % ellipsoids; the mean error beside them."""
    protocol = next(iter(reports.values()))["settings"]["protocol"]
    kinds = ("50 %\nellipsoid", "90 %\nellipsoid", f"MPJPE\n({protocol})")
    width = 0.8 / len(reports)
    for row, ((name, report), colour) in enumerate(zip(reports.items(), cycle(COLOURS), strict=False)):
        heights = [report["sharpness_50_mm"], report["sharpness_90_mm"], report["mpjpe_mm"]]
        place = np.arange(len(kinds)) + (row - (len(reports) - 1) / 2) * width
        bars = axes.bar(place, heights, 0.92 * width, color=colour, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8, color=GREY)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set(ylabel="mm", title="Sharpness: mean radius")
