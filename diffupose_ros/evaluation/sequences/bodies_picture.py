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

"""A picture of planners' capsules: how large somebody is for a robot, by what sees the person."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from diffupose_ros.data.recordings import Recording
from diffupose_ros.drawing.style import FAINT, RULE, TRUTH
from diffupose_ros.drawing.view import FROM_ABOVE, FROM_THE_SIDE
from diffupose_ros.estimation.people import FREEDOM
from diffupose_ros.estimation.stature import stature_of
from diffupose_ros.evaluation.recordings.frames import Drawing, lift_cameras, profile_name
from diffupose_ros.evaluation.sequences.report import People
from diffupose_ros.evaluation.sequences.scenes import sighted
from diffupose_ros.evaluation.sequences.tracks import estimates
from diffupose_ros.lifting import Lifter
from diffupose_ros.planning import Capsules, bodies, holding
from diffupose_ros.skeleton import PELVIS, unit

FloatArray = npt.NDArray[np.float64]

SHOWN = ("one camera", "depth", "two cameras")
"""Scenarios, a column each."""
_PROBABILITY = 0.95
_HELD = "#9dbdf7"
_HALF_TURN = np.linspace(-np.pi / 2, np.pi / 2, 25)


def draw_bodies(lifter: Lifter, people: People, drawing: Drawing, path: Path) -> None:
    """Draw the capsules that hold the 95 % ellipsoids of the first of some simulated people, half through the sequence.

    They are drawn about the true body, from the side and from above, a column for each of ``SHOWN``; in metres from
    the first camera, which looks to the right. The file is of matplotlib's kinds.

    Raises:
        OSError: the file cannot be written.
        ValueError: people who are not simulated, or a kind of file that matplotlib does not know.
    """
    if not people.simulated:
        raise ValueError(f"{path}: expected clips of simulated people, of whom the whole body is known")
    recording = next(iter(people.recordings.values()))
    lifted = lift_cameras(lifter, recording, sighted(recording), drawing, profile_name(recording))
    middle = len(recording.gt_world) // 2
    truth = recording.gt_world[[middle]]
    true, scene_axes = bodies(truth, stature_of(truth)[:, 0]), _scene_axes(recording, truth[0, PELVIS])
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(SHOWN), sharex=True, sharey="row")
    for column, name in zip(panels.T, SHOWN, strict=True):
        (scene, *_) = people.scenarios[name](recording)
        seen = estimates(scene, lifted)[middle]
        held = holding(seen.positions, seen.covariance, seen.stature[:, 0], _PROBABILITY, FREEDOM)
        for axes, view in zip(column, (FROM_THE_SIDE, FROM_ABOVE), strict=True):
            _fill(axes, held, scene_axes, view, _HELD, f"capsules at {_PROBABILITY:g}")
            _fill(axes, true, scene_axes, view, TRUTH, "true body")
            axes.set(aspect="equal", axisbelow=True)
            axes.grid(color=RULE, linewidth=0.6)
            axes.tick_params(labelsize=8, colors=FAINT)
        column[0].set_title(name)
        column[1].set_xlabel("from the camera, m")
    for axes, label in zip(panels[:, 0], ("from the side, m", "from above, m"), strict=True):
        axes.set_ylabel(label)
    panels[0, 0].get_gridspec().set_height_ratios([np.ptp(row[0].get_ylim()) for row in panels])  # a metre is a metre
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)


def _scene_axes(recording: Recording, place: FloatArray) -> FloatArray:
    """The pose (4, 4) in the world, z up, of a frame on the floor below the first camera: y towards a place, z up."""
    pose = np.eye(4)
    pose[:2, 3] = (-recording.R[0].T @ recording.t[0])[:2]
    forward = unit((place - pose[:3, 3]) * (1, 1, 0))
    pose[:3, :3] = np.stack([np.cross(forward, (0, 0, 1)), forward, (0, 0, 1)], 1)
    return pose


def _fill(axes: Axes, capsules: Capsules, frame: FloatArray, view: FloatArray, colour: str, label: str) -> None:
    """Fill the outlines of the first person's capsules: those of two discs and all between."""
    start, end = ((of[0] - frame[:3, 3]) @ frame[:3, :3] @ view.T for of in (capsules.start, capsules.end))
    angle = np.arctan2(*(end - start).T[::-1])[:, None] + _HALF_TURN
    half = capsules.radius[0][:, None, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    outlines = np.concatenate([end[:, None] + half, start[:, None] - half], 1)
    axes.add_collection(PolyCollection(list(outlines), facecolor=colour, edgecolor="none"))
    axes.autoscale_view()
    axes.fill([], [], color=colour, label=label)
