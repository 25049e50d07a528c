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

"""The frames in which a model errs most: which, and how they look."""

from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diffupose_ros.data.recordings import JOINTS, Recording
from diffupose_ros.drawing.style import FAINT, PEOPLE, TRUTH, UNSEEN, bones_between
from diffupose_ros.drawing.view import FROM_ABOVE, FROM_THE_SIDE, covariance_to_scene, outlines, to_scene
from diffupose_ros.evaluation.recordings.detections import detections
from diffupose_ros.evaluation.recordings.frames import Drawing, lift_frames
from diffupose_ros.evaluation.recordings.tables import View
from diffupose_ros.evaluation.recordings.tracks import Track
from diffupose_ros.lifting import Lifter

FloatArray = npt.NDArray[np.float64]

SHOWN = 6
"""Frames drawn at most."""
_LINES = bones_between(JOINTS)
_LEFT = [line for line in _LINES if JOINTS[line[0]].startswith("left") and JOINTS[line[1]].startswith("left")]


def worst_frames(views: list[View]) -> list[dict[str, Any]]:
    """Return the frame of each camera in which the joints err most, the worst camera's first.

    Each with its ``camera``, ``frame``, ``mpjpe_mm`` relative to the pelvis, ``in_90``, % of its joints in their 90 %
    ellipsoids, and whether the detector ``exchanged`` left and right.
    """
    return sorted((_worst(view) for view in views), key=lambda of: -of["mpjpe_mm"])


def _worst(view: View) -> dict[str, Any]:
    track = view.track
    total = np.where(track.counted, track.error, 0).sum(1) / np.maximum(track.counted.sum(1), 1)
    frame = int(total.argmax())
    inside = track.levels()["joints"][np.nonzero(track.counted)[0] == frame] <= 0.9
    return {
        "camera": view.camera,
        "frame": frame,
        "mpjpe_mm": 1000 * float(total[frame]),
        "in_90": 100 * float(inside.mean()),
        "exchanged": bool(view.detections.exchanged[frame] == 1),
    }


def draw_worst(lifter: Lifter, recordings: dict[str, Recording], reports: dict[str, Any], path: Path) -> None:
    """Draw the worst frames of reports of ``evaluate_recording`` into a file of matplotlib's kinds.

    The worst of each recording, then the second of each, and so on, ``SHOWN`` in all, a column each: the 2D over the
    projected truth; the joints relative to the root and their 90 % ellipses from the side and from above, over the
    truth. The person's left side is drawn bold.

    Raises:
        OSError: the file cannot be written.
        ValueError: a kind of file that matplotlib does not know, or no report with a frame to draw.
    """
    by_recording = [[(name, frame) for frame in report.get("worst", ())] for name, report in reports.items()]
    chosen = [one for one in chain(*zip_longest(*by_recording)) if one is not None][:SHOWN]
    if not chosen:
        raise ValueError(f"{path}: nothing to draw, no recording says anything of 3D")
    figure = Figure(figsize=(2.6 * len(chosen) + 0.4, 8.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, len(chosen), squeeze=False)
    for column, (name, frame) in zip(panels.T, chosen, strict=True):
        _draw(column, lifter, recordings[name], reports[name]["settings"], frame)
        marks = ", sides exchanged" if frame["exchanged"] else ""
        title = f"{name}, camera {frame['camera']}, frame {frame['frame']}\n{frame['mpjpe_mm']:.0f} mm{marks}"
        column[0].set_title(f"{title}\n{frame['in_90']:.0f} % in 90 %", fontsize=8)
    for axes, label in zip(panels[:, 0], ("2D", "from the side, m", "from above, m"), strict=True):
        axes.set_ylabel(label)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)


def _draw(
    panels: npt.NDArray[Any], lifter: Lifter, recording: Recording, settings: dict[str, Any], frame: dict[str, Any]
) -> None:
    camera, t = frame["camera"], frame["frame"]
    drawing = Drawing(settings["hypotheses"], settings["steps"], settings["flip"])
    here = slice(t, t + 1)
    truth = recording.truth(camera, settings["truth"] == "of the other cameras")
    seen = detections(recording, camera, truth)
    track = Track.of(lift_frames(lifter, recording, camera, here, drawing, settings["profile"]), truth[here])
    flat = panels[0]
    _skeleton(flat, seen.projected[t], TRUTH, "truth")
    _skeleton(flat, seen.pixels[t], UNSEEN if frame["exchanged"] else PEOPLE[0], "detector, lifted")
    flat.invert_yaxis()
    pose, true, covariance = to_scene(track.pose[0]), to_scene(track.true_pose[0]), track.covariance[0]
    for axes, view in zip(panels[1:], (FROM_THE_SIDE, FROM_ABOVE), strict=True):
        for outline in outlines(pose, covariance_to_scene(covariance), view):
            axes.fill(*outline.T, color=PEOPLE[0], alpha=0.10, linewidth=0)
        _skeleton(axes, true @ view.T, TRUTH, "truth")
        _skeleton(axes, pose @ view.T, PEOPLE[0], "detector, lifted")
        axes.tick_params(labelsize=6, colors=FAINT)
    flat.set(xticks=[], yticks=[])
    for axes in panels:
        axes.set_aspect("equal", adjustable="datalim")


def _skeleton(axes: Axes, joints: FloatArray, colour: str, label: str) -> None:
    for line in _LINES:
        ends = joints[list(line)]
        axes.plot(*ends.T, color=colour, linewidth=2.6 if line in _LEFT else 1.1, solid_capstyle="round")
    axes.plot([], [], color=colour, label=label)
