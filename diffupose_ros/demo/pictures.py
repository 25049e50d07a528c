"""The contact sheet and the animation of a recording."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

from diffupose_ros.demo.panels import (
    FAINT,
    PAPER,
    TEXT,
    TRUTH,
    UNSEEN,
    ImagePanel,
    LineUpPanel,
    MapPanel,
    ObliquePanel,
    Scene,
)
from diffupose_ros.demo.recording import Frame, Recording
from diffupose_ros.skeleton import H36M17

Progress = Callable[[int, int], None]

LIMBS = tuple(H36M17.index(f"{side}_{part}") for part in ("wrist", "elbow", "ankle", "knee") for side in ("left", "right"))
AZIMUTH, ELEVATION, SWAY = np.radians(28), np.radians(20), np.radians(14)
FRAME_MS = 110
_INFERRED = 2


def hidden_limbs(frame: Frame) -> list[str]:
    """Return what the model had to infer, such as ``left wrist of person_1``."""
    return [
        f"{H36M17[joint].replace('_', ' ')} of {person}"
        for person, estimate in sorted(frame.estimates.items())
        for joint in LIMBS
        if estimate.status[joint] == _INFERRED
    ]


def choose_moments(frames: list[Frame], count: int = 4) -> list[Frame]:
    """Return frames spread evenly over a recording; among them one with a hidden limb, if there is any.

    Raises:
        ValueError: no frames.
    """
    if not frames:
        raise ValueError("the recording has no results: nothing to draw")
    count = min(count, len(frames))
    parts = [list(part) for part in np.array_split(np.arange(len(frames)), count)]
    chosen = [part[len(part) // 2] for part in parts]
    if not any(hidden_limbs(frames[i]) for i in chosen):
        for index, part in enumerate(parts):
            hidden = [i for i in part if hidden_limbs(frames[i])]
            if hidden:
                chosen[index] = min(hidden, key=lambda i: abs(i - part[len(part) // 2]))
    return [frames[i] for i in chosen]


def choose_clip(frames: list[Frame], count: int, interval_ms: int = FRAME_MS) -> list[Frame]:
    """Return up to ``count`` frames at a real-time interval: the stretch with the most hidden limbs but one
    that begins without."""
    stamps = np.array([frame.stamp for frame in frames])
    step = interval_ms * 1_000_000
    length = min(count, int((stamps[-1] - stamps[0]) // step) + 1)
    starts = np.arange(stamps[0], stamps[-1] - (length - 1) * step + 1, 5 * step)
    hidden = np.array([bool(hidden_limbs(frame)) for frame in frames])

    def picked(start: int) -> list[int]:
        index = np.searchsorted(stamps, start + step * np.arange(length))
        return [int(i) for i in np.minimum(index, len(frames) - 1)]

    # Both states should be seen: a share of a half is best.
    best = min(starts, key=lambda start: abs(hidden[picked(start)].mean() - 0.5))
    return [frames[i] for i in picked(best)]


def contact_sheet(recording: Recording, path: Path, count: int = 4, progress: Progress | None = None) -> None:
    """Write a PNG: a row for each chosen moment; 2D input, 3D obliquely, from the side, from above.

    Raises:
        ValueError: the recording has no results.
    """
    moments, scene = choose_moments(recording.answered(), count), Scene.of(recording)
    start = recording.frames[0].stamp
    top, row = 1.15, 3.55  # inches
    figure = Figure(figsize=(18, top + row * len(moments)), dpi=100, facecolor=PAPER)
    height = figure.get_figheight()
    _heading(figure, scene, 1 - 0.30 / height, 1 - 0.70 / height, 1.0)
    grid = figure.add_gridspec(
        len(moments), 4, width_ratios=[1.3, 1.45, 1.6, 0.95], left=0.03, right=0.985, bottom=0.5 / height,
        top=1 - (top + 0.25) / height, wspace=0.11, hspace=0.34,
    )  # fmt: skip
    titles = ("2D input", "3D, from behind and above the camera", "3D, from the side", "from above: position")
    for index, frame in enumerate(moments):
        axes = [figure.add_subplot(grid[index, column]) for column in range(4)]
        image, oblique = ImagePanel(axes[0], scene), ObliquePanel(axes[1], scene, [AZIMUTH], ELEVATION)
        lined, above = LineUpPanel(axes[2], scene), MapPanel(axes[3], scene)
        image.show(frame), oblique.show(frame, AZIMUTH), lined.show(frame), above.show(frame)
        for axis, title in zip(axes, titles, strict=True):
            axis.set_title(title, fontsize=9, color=FAINT, loc="left", pad=5)
        _moment_title(figure, axes[0], frame, start, height)
        if progress:
            progress(index + 1, len(moments))
    figure.savefig(path, facecolor=PAPER)


def animation(recording: Recording, path: Path, count: int = 62, progress: Progress | None = None) -> None:
    """Write a looping GIF in real time: the 2D input beside the 3D skeletons.

    Raises:
        ValueError: the recording has no results.
    """
    scene = Scene.of(recording)
    frames = choose_clip(recording.answered(), count)
    figure = Figure(figsize=(9.6, 5.9), dpi=100, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    _heading(figure, scene, 0.965, 0.075, 0.86)
    image = ImagePanel(figure.add_axes((0.02, 0.44, 0.42, 0.43)), scene, 0.85)
    lined = LineUpPanel(figure.add_axes((0.06, 0.16, 0.38, 0.25)), scene, 0.75)
    sway = [AZIMUTH + SWAY * np.sin(2 * np.pi * i / len(frames)) for i in range(len(frames))]
    oblique = ObliquePanel(figure.add_axes((0.45, 0.11, 0.55, 0.8)), scene, [min(sway), max(sway)], ELEVATION)
    clock = figure.text(0.02, 0.9, "", fontsize=10, color=TEXT, family="monospace")
    pages = []
    for index, (frame, azimuth) in enumerate(zip(frames, sway, strict=True)):
        image.show(frame), lined.show(frame), oblique.show(frame, azimuth)
        clock.set_text(_caption(frame, recording.frames[0].stamp))
        canvas.draw()
        pages.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
        if progress:
            progress(index + 1, len(frames))
    _save_gif(pages, path)


def _save_gif(pages: list[Image.Image], path: Path) -> None:
    """Write pages with one palette for all, so that still parts stay still and the file small."""
    sample = Image.new("RGB", (pages[0].width, pages[0].height * min(4, len(pages))))
    for index, at in enumerate(np.linspace(0, len(pages) - 1, min(4, len(pages))).astype(int)):
        sample.paste(pages[at], (0, index * pages[0].height))
    palette = sample.quantize(96, dither=Image.Dither.NONE)
    flat = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    flat[0].save(path, save_all=True, append_images=flat[1:], duration=FRAME_MS, loop=0, optimize=False)


def _caption(frame: Frame, start: int) -> str:
    hidden = hidden_limbs(frame)
    more = f" and {len(hidden) - 2} more" if len(hidden) > 2 else ""
    return f"t = {(frame.stamp - start) / 1e9:5.2f} s" + (f"   hidden: {', '.join(hidden[:2])}{more}" if hidden else "")


def _moment_title(figure: Figure, axes: object, frame: Frame, start: int, height: float) -> None:
    box = axes.get_position()  # type: ignore[attr-defined]
    figure.text(box.x0, box.y1 + 0.27 / height, _caption(frame, start), fontsize=11, color=TEXT, weight="bold")


def _heading(figure: Figure, scene: Scene, title_y: float, legend_y: float, scale: float) -> None:
    figure.text(
        0.02, title_y, "diffupose_ros: 3D people with uncertainty from one camera", fontsize=14 * scale, weight="bold",
        color=TEXT, va="center",
    )  # fmt: skip
    line = {"linewidth": 3, "solid_capstyle": "round"}
    handles: list[object] = [Line2D([], [], color=c, label=p, **line) for p, c in scene.colours.items()]  # type: ignore[arg-type]
    first = next(iter(scene.colours.values()))
    handles += [
        Patch(facecolor=first + "22", edgecolor=first, label="90 % ellipsoid, joint seen (person's colour)"),
        Patch(facecolor=UNSEEN + "2a", edgecolor=UNSEEN, label="90 % ellipsoid, joint not seen"),
        Line2D([], [], color=TRUTH, linewidth=1, label="ground truth (moved to the estimated root, but not from above)"),
    ]
    figure.legend(
        handles=handles, loc="center left", bbox_to_anchor=(0.012, legend_y), ncol=len(handles), frameon=False,
        fontsize=9 * scale, labelcolor=TEXT, handlelength=1.6, columnspacing=1.6,
    )  # fmt: skip
