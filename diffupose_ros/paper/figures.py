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

"""The paper's figures: 2, how noise becomes poses; 4, what comes out; 5, which joints a joint listens to.

And charts of the tables that show a course. Each is about 1,000 pixels wide.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from diffupose_ros.data.observations import Observations
from diffupose_ros.drawing.style import FAINT, PAPER, RULE, TEXT, TRUTH
from diffupose_ros.lifting.checkpoint import Checkpoint
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.sampler import DenoiseGiven, Sampler
from diffupose_ros.lifting.engine.sampling import NO_NECK, Method, Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, ResidualBlock, skeleton_adjacency
from diffupose_ros.paper.drawing import (
    CAMERA,
    OBLIQUE,
    SIDE,
    LineStyle,
    draw_keypoints,
    draw_poses,
    frame,
    legend_handles,
)
from diffupose_ros.skeleton import H36M17, HEAD, NECK, THORAX, Status
from diffupose_ros.training.networks import checkpoint_of, read_any

FloatArray = npt.NDArray[np.float64]

HYPOTHESES = 10
DDIM_STEPS = 5
_SEED = 0
_ESTIMATE = "#0f9d76"
_LINES = ("#2563eb", "#f0540c", "#0f9d76")
_DPI = 100


def figures(name_or_path: str, people: Observations, out: Path) -> list[Path]:
    """Draw figures 2, 4 and 5 of a model, and its worst errors, into a folder; return the pictures' paths.

    Args:
        name_or_path: of a denoiser: a shipped checkpoint's name, a file, or best.pt of a run.
        people: to draw: in figure 2 the first, in figure 4 some of all, and the worst.
        out: the folder.

    Raises:
        FileNotFoundError: no such model.
        ValueError: not a denoiser of ours or the paper's, or no people.
    """
    found = read_any(name_or_path)
    try:
        checkpoint = found if isinstance(found, Checkpoint) else checkpoint_of(found.build(), found.diffusion)
    except TypeError:
        raise ValueError(f"{name_or_path}: expected a graph network: the figures show how one works") from None
    people = people[people.condition(checkpoint.denoiser.variant).valid]
    if not len(people):
        raise ValueError("nobody to draw: none of the people has joints enough to be lifted")
    paths = [out / f"{name}.png" for name in ("figure_2", "figure_4", "figure_5", "worst")]
    denoising(checkpoint, people[:1], paths[0])
    qualitative(checkpoint, people, paths[1])
    affinities(checkpoint.build(), paths[2])
    worst(checkpoint, people, paths[3])
    return paths


class _Watched:
    """A network that keeps the noisy poses it is given, by time step."""

    def __init__(self, network: DenoiseGiven) -> None:
        self.network, self.seen = network, dict[int, Tensor]()

    def __call__(self, x: Tensor, condition: Tensor, t: int) -> Tensor:
        """Run the network."""
        self.seen[t] = x.clone()
        return self.network(x, condition, t)


def denoising(checkpoint: Checkpoint, person: Observations, path: Path, hypotheses: int = 5) -> None:
    """Figure 2: draw hypotheses of one person on their way from noise, by DDPM and by DDIM.

    Args:
        checkpoint: the model.
        person: one.
        path: of the picture.
        hypotheses: how many.
    """
    figure = Figure(figsize=(10, 3.95), dpi=_DPI, facecolor=PAPER)
    rows = {
        "DDPM, 100 steps": _course(checkpoint, person, hypotheses, "ddpm", (99, 80, 60, 40, 20, 10)),
        f"DDIM, {DDIM_STEPS} steps": _course(checkpoint, person, hypotheses, "ddim", (99, 79, 59, 39, 19)),
    }
    columns, height, panel = max(map(len, rows.values())), 3.95, 1.36  # inches
    for row, (title, stages) in enumerate(rows.items()):
        result = next(reversed(stages.values()))
        top = height - 0.5 - row * 1.97
        figure.text(0.012, (top + 0.25) / height, title, fontsize=10, weight="bold", color=TEXT)
        for column, (label, poses) in enumerate(stages.items()):
            axes = figure.add_axes(
                (0.01 + column * 0.98 / columns, (top - panel) / height, 0.965 / columns, panel / height)
            )
            draw_poses(axes, poses, OBLIQUE, 1.7)
            frame(axes, OBLIQUE.project(result), half=1.0)
            axes.set_title(label, fontsize=8.5, color=FAINT, pad=3)
    figure.legend(handles=legend_handles(), loc="upper right", ncols=2, frameon=False, fontsize=8.5)
    _save(figure, path)


def _course(
    checkpoint: Checkpoint, person: Observations, hypotheses: int, method: Method, times: Sequence[int]
) -> dict[str, FloatArray]:
    """Hypotheses (N, 17, 3) in metres at the time steps, and in the end, by label."""
    network = _Watched(FoldedDenoiser(checkpoint.build(), checkpoint.diffusion.steps))
    joints, proposal = checkpoint.denoiser.joints, checkpoint.build_proposal()
    sampler = Sampler(network, checkpoint.diffusion, joints, "cpu", proposal)
    features = person.condition(checkpoint.denoiser.variant).features
    end = sampler.draw(features, Sampling(hypotheses, DDIM_STEPS, False, _SEED, method))[0]
    poses = {t: network.seen[t][:hypotheses].double().numpy() * checkpoint.diffusion.pose_scale for t in times}
    if sampler.joints == 16:  # as the sampler does in the end
        middle = [NO_NECK.index(j) for j in (THORAX, HEAD)]
        poses = {t: np.insert(pose, NECK, pose[:, middle].mean(1), 1) for t, pose in poses.items()}
    return {f"t = {t}": pose - pose[:, :1] for t, pose in poses.items()} | {"result": end}


def qualitative(checkpoint: Checkpoint, people: Observations, path: Path) -> None:
    """Figure 4: draw people from the least to the largest error: 2D input, hypotheses, mean and truth, from two sides.

    Args:
        checkpoint: the model.
        people: to choose from: the 10, 40, 70 and 95 % quantiles of the error are drawn.
        path: of the picture.
    """
    condition, poses, truth, error = _lifted(checkpoint, people)
    chosen = _spread(error, people.activity, (0.1, 0.4, 0.7, 0.95))
    titles = ("2D input", "hypotheses, as seen", "from the side", "mean and truth, as seen", "from the side")
    figure = Figure(figsize=(10, 8.55), dpi=_DPI, facecolor=PAPER)
    grid = figure.subplots(
        len(chosen), len(titles), gridspec_kw={"left": 0.07, "right": 0.99, "top": 0.94, "bottom": 0.01}
    )
    figure.subplots_adjust(wspace=0.05, hspace=0.05)
    for cells, i in zip(grid, chosen, strict=True):
        _draw_input(cells[0], condition, i)
        for axes, view in zip(cells[1:], (CAMERA, SIDE, CAMERA, SIDE), strict=True):
            frame(axes, view.project(np.concatenate([poses[i], truth[i : i + 1]])))
        for axes, view in zip(cells[1:3], (CAMERA, SIDE), strict=True):
            draw_poses(axes, poses[i], view, 1.6)
        for axes, view in zip(cells[3:], (CAMERA, SIDE), strict=True):
            draw_poses(axes, truth[i : i + 1], view, 2.2, TRUTH, ":")
            draw_poses(axes, poses[i : i + 1].mean(1), view, 2.2, _ESTIMATE)
        cells[0].set_ylabel(f"{people.activity[i] or 'person'}\n{error[i]:.0f} mm", fontsize=9, color=TEXT)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9.5, color=TEXT, pad=4)
    others: list[tuple[str, str, LineStyle]] = [("mean", _ESTIMATE, "-"), ("truth", TRUTH, ":")]
    figure.legend(handles=legend_handles(others), loc="upper right", ncols=4, frameon=False, fontsize=9)
    _save(figure, path)


def worst(checkpoint: Checkpoint, people: Observations, path: Path, count: int = 20) -> None:
    """Draw the people with the largest errors: 2D input, mean and truth as seen and from the side.

    Args:
        checkpoint: the model.
        people: to choose from; a second or more apart, or they are all of one moment.
        path: of the picture.
        count: how many, at most.
    """
    condition, poses, truth, error = _lifted(checkpoint, people)
    chosen = np.argsort(-error)[:count]
    columns, views = 4, 3
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(12, 1.35 * rows + 0.45), dpi=_DPI, facecolor=PAPER)
    grid = figure.subplots(rows, columns * views, squeeze=False)
    figure.subplots_adjust(left=0.005, right=0.995, top=1 - 0.55 / (1.35 * rows + 0.45), bottom=0.01, wspace=0.03)
    cells = grid.reshape(rows * columns, views)
    for axes in cells[len(chosen) :].flat:
        axes.set_axis_off()
    for (seen, front, side), i in zip(cells, chosen, strict=False):
        _draw_input(seen, condition, i)
        for axes, view in ((front, CAMERA), (side, SIDE)):
            frame(axes, view.project(np.concatenate([poses[i].mean(0, keepdims=True), truth[i : i + 1]])))
            draw_poses(axes, truth[i : i + 1], view, 1.8, TRUTH, ":")
            draw_poses(axes, poses[i].mean(0, keepdims=True), view, 1.8, _ESTIMATE)
        front.set_title(f"{people.activity[i] or 'person'}, {error[i]:.0f} mm", fontsize=8.5, color=TEXT, pad=3)
    others: list[tuple[str, str, LineStyle]] = [("mean", _ESTIMATE, "-"), ("truth", TRUTH, ":")]
    figure.legend(handles=legend_handles(others), loc="upper right", ncols=4, frameon=False, fontsize=9)
    _save(figure, path)


def _draw_input(axes: Axes, condition: Condition, person: int) -> None:
    """Draw one person's 2D joints as the network sees them, turned as the poses beside them are."""
    xy, status = condition.features[person, :, :2].astype(np.float64), condition.status[person]
    draw_keypoints(axes, xy, status)
    frame(axes, np.where(status[:, None] == Status.MISSING, np.nan, xy) * (1, -1))


def _lifted(checkpoint: Checkpoint, people: Observations) -> tuple[Condition, FloatArray, FloatArray, FloatArray]:
    """What the network sees, hypotheses (P, N, 17, 3) and truth (P, 17, 3) in metres, errors of the mean (P,) in mm."""
    condition = people.condition(checkpoint.denoiser.variant)
    poses = Sampler.of(checkpoint).draw(condition.features, Sampling(HYPOTHESES, DDIM_STEPS, seed=_SEED))
    truth = people.truth(condition)
    return condition, poses, truth, 1000 * np.linalg.norm(poses.mean(1) - truth, axis=-1).mean(-1)


def _spread(error: FloatArray, activity: npt.NDArray[np.str_], quantiles: Sequence[float]) -> list[int]:
    """Return who is nearest to each quantile of the error, of different activities while there are any left."""
    chosen: list[int] = []
    for target in np.quantile(error, quantiles):
        left = ~np.isin(activity, activity[chosen])
        left = left if left.any() else ~np.isin(np.arange(len(error)), chosen)
        chosen.append(int(np.argmin(np.where(left, np.abs(error - target), np.inf))))
    return chosen


def affinities(network: Denoiser, path: Path) -> None:
    """Figure 5: draw the skeleton's affinity matrix beside those that three layers learnt."""
    middle = network.blocks[1]
    assert isinstance(middle, ResidualBlock)
    layers = {
        "input layer": network.input.gconv,
        "5th graph convolution": middle.gconv2.gconv,
        "output layer": network.output,
    }
    matrices = {"skeleton, before modulation": skeleton_adjacency(network.config.parents)}
    with torch.no_grad():
        for title, layer in layers.items():
            matrices[f"{title}, modulated"] = layer.affinity()
    joints = [H36M17[j].replace("_", " ") for j in (range(17) if network.config.joints == 17 else NO_NECK)]
    figure = Figure(figsize=(10, 9.6), dpi=_DPI, facecolor=PAPER)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    figure.subplots_adjust(left=0.125, right=0.89, top=0.97, bottom=0.125, wspace=0.05, hspace=0.08)
    reach = max(float(m.abs().max()) for m in matrices.values())
    for axes, (title, matrix) in zip(grid.flat, matrices.items(), strict=True):
        shown = axes.imshow(matrix.numpy(), cmap="RdBu_r", vmin=-reach, vmax=reach)
        axes.set_title(title, fontsize=10.5, color=TEXT)
        axes.set_xticks(range(len(joints)), joints, rotation=90, fontsize=9)
        axes.set_yticks(range(len(joints)), joints, fontsize=9)
        axes.set_xticks(np.arange(len(joints) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(joints) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=RULE, linewidth=0.6)
        axes.tick_params(which="both", length=0, colors=TEXT)
    bar = figure.colorbar(shown, cax=figure.add_axes((0.9, 0.3, 0.018, 0.5)))
    bar.set_label("how much the row's joint takes of the column's", fontsize=9.5, color=TEXT, labelpad=3)
    bar.ax.tick_params(labelsize=8.5, colors=TEXT)
    _save(figure, path)


def chart(result: dict[str, Any], path: Path) -> bool:
    """Draw a result of ``reproduce`` over its last label, a line for each value of the first; tables V and VI.

    Returns:
        Whether it is such a table.
    """
    names = list(result["rows"][0]["labels"])
    if len(names) != 2:
        return False
    speed = "people_per_second" in result["rows"][0]
    panels = [("MPJPE [mm], raw", lambda row: row["raw"]["mpjpe_mm"])]
    panels += [("people lifted a second", lambda row: row["people_per_second"])] if speed else []
    figure = Figure(figsize=(10, 4) if speed else (6, 4), dpi=_DPI, facecolor=PAPER, layout="constrained")
    for axes, (title, value) in zip(np.ravel(figure.subplots(1, len(panels))), panels, strict=True):
        for colour, first in zip(
            _LINES, dict.fromkeys(row["labels"][names[0]] for row in result["rows"]), strict=False
        ):
            rows = [row for row in result["rows"] if row["labels"][names[0]] == first]
            x = [int(row["labels"][names[1]]) for row in rows]
            y = [value(row) for row in rows]  # type: ignore[no-untyped-call]
            axes.plot(x, y, "o-", color=colour, label=f"{names[0]} = {first}")
        axes.set_xscale("log")
        axes.set_yscale("log" if value is not panels[0][1] else "linear")
        axes.set_xticks(x, [str(v) for v in x])
        axes.minorticks_off()
        axes.set(xlabel=names[1])
        axes.set_title(title, fontsize=10.5, color=TEXT, loc="left")
        axes.grid(color=RULE)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(frameon=False)
    _save(figure, path)
    return True


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor=PAPER)
