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

"""Measures the lifter, as users call it, on recordings of real people."""

from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import Recording
from diffupose_ros.defaults import HYPOTHESES
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.evaluate import versions
from diffupose_ros.evaluation.recordings.detections import detections
from diffupose_ros.evaluation.recordings.frames import SEED, Drawing, lift_cameras, profile_name
from diffupose_ros.evaluation.recordings.tables import View, bone_lengths, mean, of_detections, per_joint, per_score
from diffupose_ros.evaluation.recordings.tracks import FIGURES, LEAST_FRAMES, LEAST_JOINTS, Track, figures
from diffupose_ros.evaluation.recordings.worst import worst_frames
from diffupose_ros.lifting import Lifter

FloatArray = npt.NDArray[np.float64]

KINDS = ("joints", "root", "absolute")
"""What ellipsoids are of: joints relative to the root, the root, joints in the camera's frame."""


def evaluate_recording(
    lifter: Lifter,
    recording: Recording,
    hypotheses: int = HYPOTHESES,
    steps: int | None = None,
    flip: bool = True,
    leave_one_out: bool = False,
    generic: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Return a report on a model; the same for the same arguments.

    The report holds ``tracks.FIGURES``, the mean over the cameras that say them (None where there is no answer);
    ``per_camera``, the same of each; ``reliability`` (``nominal``, and the mean empirical coverages of each of
    ``KINDS``); ``per_joint`` and ``bones``, of all cameras together; ``worst``, the frames with the largest errors.
    What the 2D is like, wherever the truth is known, say ``detections`` of each camera, their mean
    ``exchanged_percent``, and ``per_score``. ``settings`` say what was run. Where no camera sees enough, ``nothing``
    says so in place of all that would be said of 3D alone.

    Args:
        lifter: the model.
        recording: whose truth is known.
        hypotheses: N.
        steps: DDIM steps; None: as many as suit the model.
        flip: draw every second hypothesis for the mirror image.
        leave_one_out: compare each camera with the truth from the others only.
        generic: read scores as those of a detector that nobody measured, even where its profile ships.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: numbers that do not fit, or no truth from the other cameras where it is asked for.
    """
    truth = [recording.truth(camera, leave_one_out) for camera in range(recording.cameras)]
    seen = {camera: detections(recording, camera, of) for camera, of in enumerate(truth)}
    seen = {camera: of for camera, of in seen.items() if np.isfinite(of.pixels).any()}
    profile = "generic" if generic else profile_name(recording)
    lifted = lift_cameras(lifter, recording, list(seen), Drawing(hypotheses, steps, flip), profile, progress)
    views = [View(c, of, Track.of(lifted[c], truth[c])) for c, of in seen.items()]
    measured = [view for view in views if view.measured]
    report = _report(measured, recording.rate) if measured else {}
    if not measured:
        report["nothing"] = f"no camera with both hips, {LEAST_JOINTS} joints and truth in {LEAST_FRAMES} frames"
    of_2d = {str(view.camera): of_detections(view.detections) for view in views}
    report |= {
        "exchanged_percent": mean([of["exchanged_percent"] for of in of_2d.values()]),
        "detections": of_2d,
        "per_score": per_score(views),
    }
    return {
        **rounded(report),
        "settings": {
            "frames": len(recording.gt_world),
            "cameras": recording.cameras,
            "detector": recording.detector,
            "profile": profile,
            "layout": recording.layout,
            "truth": "of the other cameras" if leave_one_out else "of all cameras",
            "hypotheses": hypotheses,
            "steps": steps or lifter.usual_steps,
            "flip": flip,
            "seed": SEED,
            "versions": versions(),
        },
    }


def _report(views: list[View], rate: float) -> dict[str, Any]:
    """What is said of 3D; of cameras that saw enough."""
    of_cameras = {str(view.camera): figures(view.track, rate) for view in views}
    levels = [view.track.levels() for view in views]
    curves = {kind: np.mean([metrics.reliability(of[kind]) for of in levels], 0).tolist() for kind in KINDS}
    return {
        **{name: mean([of[name] for of in of_cameras.values()]) for name in FIGURES},
        "reliability": {"nominal": metrics.QUANTILES.tolist(), **curves},
        "per_camera": of_cameras,
        "per_joint": per_joint(views),
        "bones": bone_lengths(views),
        "worst": worst_frames(views),
    }


def rounded(report: Any) -> Any:
    """Return a report with all numbers rounded to what can be read; None for NaN, which JSON has no word for."""
    if isinstance(report, dict):
        return {name: rounded(value) for name, value in report.items()}
    if isinstance(report, list):
        return [rounded(value) for value in report]
    if isinstance(report, (str, int)):
        return report
    return round(float(report), 4) if np.isfinite(report) else None
