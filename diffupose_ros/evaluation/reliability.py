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

"""A picture of whether a model's uncertainty is true, and how much it says."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito: for colour-blind readers too
_GREY = "#888888"


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


def _reliability(axes: Axes, reports: dict[str, dict[str, Any]]) -> None:
    axes.plot((0, 1), (0, 1), color=_GREY, linewidth=1, linestyle="--", label="calibrated")
    for (name, report), colour in zip(reports.items(), _COLOURS, strict=False):
        curve = report["reliability"]
        label = f"{name}: ECE {report['ece']:.3f}"
        axes.plot(curve["nominal"], curve["empirical"], "o-", color=colour, markersize=3, linewidth=1.4, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title="Reliability")
    axes.set(xlabel="nominal coverage of the ellipsoids", ylabel="share of joints inside")
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.legend(loc="upper left", frameon=False, fontsize=9)


def _sharpness(axes: Axes, reports: dict[str, dict[str, Any]]) -> None:
    """Mean radii of the 50 and 90 % ellipsoids; the mean error beside them."""
    protocol = next(iter(reports.values()))["settings"]["protocol"]
    kinds = ("50 %\nellipsoid", "90 %\nellipsoid", f"MPJPE\n({protocol})")
    width = 0.8 / len(reports)
    for row, ((name, report), colour) in enumerate(zip(reports.items(), _COLOURS, strict=False)):
        heights = [report["sharpness_50_mm"], report["sharpness_90_mm"], report["mpjpe_mm"]]
        place = np.arange(len(kinds)) + (row - (len(reports) - 1) / 2) * width
        bars = axes.bar(place, heights, 0.92 * width, color=colour, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8, color=_GREY)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set(ylabel="mm", title="Sharpness: mean radius")
