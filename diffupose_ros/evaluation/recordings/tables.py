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

"""What a recording says by joint, by the detector's score, and by bone: tables over all of its cameras."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import JOINTS
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.recordings.detections import Detections, score_classes
from diffupose_ros.evaluation.recordings.tracks import LEAST_FRAMES, Track

FloatArray = npt.NDArray[np.float64]
Table = dict[str, dict[str, float]]
"""Figures by name, by what they are of; NaN where there is no answer."""

_SIDED = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
BONES: dict[str, list[tuple[int, int]]] = {
    **{
        bone: [(JOINTS.index(f"{side}_{upper}"), JOINTS.index(f"{side}_{lower}")) for side in ("left", "right")]
        for bone, (upper, lower) in _SIDED.items()
    },
    "hip_width": [(JOINTS.index("left_hip"), JOINTS.index("right_hip"))],
    "shoulder_width": [(JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder"))],
}
"""Bones whose lengths are compared, by the columns of ``JOINTS`` at their ends."""


@dataclass(frozen=True)
class View:
    """One camera that saw the person: what its detector gave, what the lifter made of it."""

    camera: int
    detections: Detections
    track: Track

    @property
    def measured(self) -> bool:
        """Whether it has frames enough to say anything of 3D."""
        return int(self.track.frames.sum()) >= LEAST_FRAMES


def per_joint(views: list[View]) -> Table:
    """Return the error and coverages of each of ``JOINTS``, relative to the root, where they count."""
    report: Table = {}
    counted, error, level = (np.concatenate(arrays) for arrays in zip(*map(_of_joints, views), strict=True))
    for column, joint in enumerate(JOINTS):
        here = counted[:, column]
        report[joint] = {"joints": int(here.sum()), **_said(error[here, column], level[here, column], (50, 90))}
    return report


def per_score(views: list[View]) -> Table:
    """Return by the detector's score how far off the 2D is, and what is made of it in 3D, as far as that counts.

    ``deviation_*`` are in apparent sizes, see ``Detections``.
    """
    if not views:
        return {}
    counted, error, level = (np.concatenate(arrays) for arrays in zip(*map(_of_joints, views), strict=True))
    known, scores, deviation = (
        np.concatenate([getattr(view.detections, name) for view in views]) for name in ("known", "scores", "deviation")
    )
    report: Table = {}
    for name, inside in score_classes(scores).items():
        here = inside & known
        if here.any():
            lifted = here & counted
            off = deviation[here]
            report[name] = {
                "joints": int(here.sum()),
                "deviation_median": np.median(off),
                "deviation_rms": np.sqrt((off**2).mean()),
                **_said(error[lifted], level[lifted], (90,)),
            }
    return report


def _of_joints(view: View) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Of a view's joints (T, 12): those that count, their errors, and the probabilities they lie at."""
    counted = view.track.counted
    level = np.full(counted.shape, np.nan)
    level[counted] = view.track.levels()["joints"]
    return counted & view.measured, view.track.error, level


def _said(error: FloatArray, level: FloatArray, percents: tuple[int, ...]) -> dict[str, float]:
    if not len(error):
        return {"error_mm": np.nan, **{f"in_{p}": np.nan for p in percents}}
    covered = {f"in_{p}": 100 * metrics.coverage(level, p / 100) for p in percents}
    return {"error_mm": 1000 * float(error.mean()), **covered}


def bone_lengths(views: list[View]) -> Table:
    """Return lengths in the mean pose and true ones, both sides together, and the mean of a bone's ratio of them."""
    report: Table = {}
    for bone, ends in BONES.items():
        lengths = []
        for view in views:
            for a, b in ends:
                both = view.track.counted[:, a] & view.track.counted[:, b]
                poses = (view.track.pose, view.track.true_pose)
                lengths.append([metrics.joint_errors(pose[both, a], pose[both, b]) for pose in poses])
        predicted, true = np.concatenate(lengths, 1)
        report[bone] = {
            "bones": len(true),
            "predicted_mm": 1000 * mean(predicted),
            "true_mm": 1000 * mean(true),
            "ratio": mean(predicted / np.maximum(true, 1e-3)),
        }
    return report


def of_detections(seen: Detections) -> dict[str, float]:
    """Return how far off a camera's 2D is, in apparent sizes, and the share of exchanged frames of those that tell."""
    deviation, exchanged = seen.deviation[seen.known], seen.exchanged
    told = np.isfinite(exchanged)
    return {
        "joints": int(seen.known.sum()),
        "deviation_median": float(np.median(deviation)) if len(deviation) else np.nan,
        "told_frames": int(told.sum()),
        "exchanged_percent": 100 * mean(exchanged),
    }


def mean(values: npt.ArrayLike) -> float:
    """Return the mean of those that are finite; NaN without any."""
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
