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

"""The contact sheet and the animation of a recording."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

from diffupose_ros.demo.bodies import MOVED
from diffupose_ros.demo.panels import ImagePanel, LineUpPanel, MapPanel, ObliquePanel
from diffupose_ros.demo.recording import AHEAD, Frame, Recording
from diffupose_ros.demo.stage import Stage
from diffupose_ros.drawing.style import FAINT, PAPER, TEXT, TRUTH, UNSEEN
from diffupose_ros.skeleton import H36M17, Status

Progress = Callable[[int, int], None]

LIMBS = tuple(
    H36M17.index(f"{side}_{part}") for part in ("wrist", "elbow", "ankle", "knee") for side in ("left", "right")
)
ELEVATION, SWAY = np.radians(20), np.radians(12)
COLOURS = 255  # of the GIF
FRAME_MS = 110
COLUMNS = ((0.022, 0.15), (0.18, 0.2), (0.41, 0.45), (0.88, 0.115))  # left edges and widths
TITLES = (
    "2D input",
    "3D over time, from behind and above the camera",
    "everybody from the side: each image by itself, and people over time",
    "from above; thin: each image",
)


def hidden_limbs(frame: Frame) -> list[str]:
    """Return what the model had to infer, such as ``left wrist of person_1``."""
    return [
        f"{H36M17[joint].replace('_', ' ')} of {person}"
        for person, estimate in sorted(frame.estimates.items())
        for joint in LIMBS
        if estimate.status[joint] == Status.MISSING
    ]


def choose_moments(frames: list[Frame], count: int = 4) -> list[Frame]:
    """Return frames spread evenly over a recording; among them one with a hidden wrist, or other limb, if any.

    Raises:
        ValueError: no frames.
    """
    if not frames:
        raise ValueError("the recording has no results: nothing to draw")
    count = min(count, len(frames))
    parts = [list(part) for part in np.array_split(np.arange(len(frames)), count)]
    chosen = [part[len(part) // 2] for part in parts]
    for wanted in ("wrist", ""):
        shown = {i for i, frame in enumerate(frames) if any(wanted in limb for limb in hidden_limbs(frame))}
        if shown and not shown & set(chosen):
            nearest = min(
                (abs(i - centre), row, i) for i in shown for row, centre in enumerate(chosen) if i in parts[row]
            )
            chosen[nearest[1]] = nearest[2]
        if shown:
            break
    return [frames[i] for i in chosen]


def choose_clip(frames: list[Frame], count: int, interval_ms: int = FRAME_MS) -> list[Frame]:
    """Return up to ``count`` frames at a real-time interval, from where limbs are hidden half of the time.

    Raises:
        ValueError: no frames.
    """
    if not frames:
        raise ValueError("the recording has no results: nothing to draw")
    stamps = np.array([frame.stamp for frame in frames])
    step = interval_ms * 1_000_000
    length = min(count, int((stamps[-1] - stamps[0]) // step) + 1)
    starts = np.arange(stamps[0], stamps[-1] - (length - 1) * step + 1, 5 * step)
    hidden = np.array([bool(hidden_limbs(frame)) for frame in frames])

    def picked(start: int) -> list[int]:
        index = np.searchsorted(stamps, start + step * np.arange(length))
        return [int(i) for i in np.minimum(index, len(frames) - 1)]

    best = min(starts, key=lambda start: abs(hidden[picked(start)].mean() - 0.5))
    return [frames[i] for i in picked(best)]


def contact_sheet(recording: Recording, path: Path, count: int = 4, progress: Progress | None = None) -> None:
    """Write a PNG, a row for each chosen moment: 2D input, and people over time beside single images.

    Raises:
        ValueError: the recording has no results.
    """
    moments = choose_moments(recording.answered(), count)
    start = recording.frames[0].stamp
    top, row = 1.05, 3.05  # inches
    figure = Figure(figsize=(18, top + row * len(moments)), dpi=100, facecolor=PAPER)
    height = figure.get_figheight()
    _heading(figure, Stage.of(recording, moments), 1 - 0.30 / height, 1 - 0.68 / height, 1.0)
    for index, frame in enumerate(moments):
        upper = height - top - row * index  # inches from below
        stage = Stage.of(recording, [frame])
        axes = [figure.add_axes((x, (upper - row + 0.45) / height, w, (row - 1.05) / height)) for x, w in COLUMNS]
        image, oblique = ImagePanel(axes[0], stage), ObliquePanel(axes[1], stage, [stage.azimuth], ELEVATION)
        lined, above = LineUpPanel(axes[2], stage), MapPanel(axes[3], stage)
        oblique.show(frame, stage.azimuth)
        for panel in (image, lined, above):
            panel.show(frame)
        for (x, _), title in zip(COLUMNS, TITLES, strict=True):
            figure.text(x, (upper - 0.5) / height, title, fontsize=9, color=FAINT)
        figure.text(0.02, (upper - 0.2) / height, _caption(frame, start), fontsize=11, color=TEXT, weight="bold")
        if progress:
            progress(index + 1, len(moments))
    figure.savefig(path, facecolor=PAPER)


def animation(recording: Recording, path: Path, count: int = 48, progress: Progress | None = None) -> None:
    """Write a looping GIF in real time: the 2D input, and people over time beside single images.

    Raises:
        ValueError: the recording has no results.
    """
    frames = choose_clip(recording.answered(), count)
    stage = Stage.of(recording, frames)
    figure = Figure(figsize=(10, 6.3), dpi=100, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    _heading(figure, stage, 0.96, 0.055, 0.86)
    image = ImagePanel(figure.add_axes((0.035, 0.56, 0.28, 0.31)), stage, 0.8)
    lined = LineUpPanel(figure.add_axes((0.065, 0.155, 0.925, 0.33)), stage, 0.85)
    above = MapPanel(figure.add_axes((0.77, 0.56, 0.22, 0.31)), stage, 0.8)
    sway = [stage.azimuth + SWAY * np.sin(2 * np.pi * i / len(frames)) for i in range(len(frames))]
    oblique = ObliquePanel(figure.add_axes((0.30, 0.50, 0.46, 0.38)), stage, [min(sway), max(sway)], ELEVATION)
    for (x, y), title in zip(((0.035, 0.885), (0.355, 0.885), (0.065, 0.492), (0.745, 0.885)), TITLES, strict=True):
        figure.text(x, y, title, fontsize=7.5, color=FAINT)
    clock = figure.text(0.02, 0.917, "", fontsize=10, color=TEXT, family="monospace")
    pages = []
    for index, (frame, azimuth) in enumerate(zip(frames, sway, strict=True)):
        oblique.show(frame, azimuth)
        for panel in (image, lined, above):
            panel.show(frame)
        clock.set_text(_caption(frame, recording.frames[0].stamp))
        canvas.draw()
        pages.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
        if progress:
            progress(index + 1, len(frames))
    _save_gif(pages, path)


def _save_gif(pages: list[Image.Image], path: Path) -> None:
    """Write pages with one palette for all, so that still parts stay still and the file small."""
    chosen = np.linspace(0, len(pages) - 1, min(8, len(pages))).astype(int)
    sample = Image.new("RGB", (pages[0].width, pages[0].height * len(chosen)))
    for row, index in enumerate(chosen):
        sample.paste(pages[index], (0, row * pages[0].height))
    palette = sample.quantize(COLOURS, dither=Image.Dither.NONE)
    flat = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    flat[0].save(path, save_all=True, append_images=flat[1:], duration=FRAME_MS, loop=0, optimize=False)


def _caption(frame: Frame, start: int) -> str:
    hidden = hidden_limbs(frame)
    more = f" and {len(hidden) - 2} more" if len(hidden) > 2 else ""
    return f"t = {(frame.stamp - start) / 1e9:5.2f} s" + (f"   hidden: {', '.join(hidden[:2])}{more}" if hidden else "")


def _heading(figure: Figure, stage: Stage, title_y: float, legend_y: float, scale: float) -> None:
    figure.text(
        0.02, title_y, "diffupose_ros: 3D people with uncertainty from one camera", fontsize=14 * scale, weight="bold",
        color=TEXT, va="center",
    )  # fmt: skip
    line: dict[str, Any] = {"linewidth": 3, "solid_capstyle": "round"}
    handles: list[object] = [Line2D([], [], color=c, label=p, **line) for p, c in stage.colours.items()]
    first = next(iter(stage.colours.values()))
    handles += [
        Patch(facecolor=first + "22", edgecolor=first, label="90 % ellipsoid of where a joint is"),
        Patch(facecolor=UNSEEN + "2a", edgecolor=UNSEEN, label="the same, joint not seen in this image"),
        Line2D([], [], color=first, marker=">", markevery=[1], label=f"moves, in {MOVED:g} s"),
        Line2D([], [], color=first, alpha=0.28, **line, label=f"predicted, {AHEAD / 1e9:g} s ahead"),
        Line2D([], [], color=TRUTH, linewidth=1, label="ground truth"),
    ]
    figure.legend(
        handles=handles, loc="center left", bbox_to_anchor=(0.012, legend_y), frameon=False,
        ncol=len(handles) if scale == 1 else 4, fontsize=9 * scale, labelcolor=TEXT, handlelength=1.6,
        columnspacing=1.6,
    )  # fmt: skip
