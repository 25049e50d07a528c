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


"""How 2D detectors err: figures of real recordings and of simulated detectors, side by side."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.detectors import independent_errors, real_errors
from diffupose_ros.data.recordings import JOINTS, Recording, load_recording
from diffupose_ros.data.sequences import World, sequences
from diffupose_ros.data.views import random_views
from diffupose_ros.evaluation.recordings.detections import Detections, detections
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, apparent_size

FloatArray = npt.NDArray[np.float64]

FIGURES = {
    "median": "of the deviation along an axis, in apparent sizes",
    "rms": "its root mean square, all errors counted",
    "above_0.2": "share of joints that are further away than 0.2 apparent sizes",
    "shared": "share of the variance that is a shift of the whole body",
    "hip_knee": "correlation of a hip's error with its knee's",
    "elbow_wrist": "correlation of an elbow's error with its wrist's",
    "frame_to_frame": "correlation of a joint's error with that of the frame before",
    "exchanged": "share of people with left and right exchanged",
}
"""What is said of errors, and what that is."""

_PAIRS = {"hip_knee": ("hip", "knee"), "elbow_wrist": ("elbow", "wrist")}
_PEOPLE = 4000
_LEAST_SIZE = 1e-3
_FEWEST = 20  # pairs of errors that a correlation is taken of


def recording_errors(path: Path) -> dict[str, float]:
    """Return the ``FIGURES`` of a recording, the mean over its cameras.

    Raises:
        ValueError: not a recording, or no joint in it whose truth is known.
    """
    values = _of_recording(load_recording(path))
    if values is None:
        raise ValueError(f"{path}: no joint that was detected and whose truth is known")
    return values


def _of_recording(recording: Recording) -> dict[str, float] | None:
    """The ``FIGURES``, the mean over the cameras; None without any joint whose truth is known."""
    found = [detections(recording, camera, recording.truth(camera)) for camera in range(recording.cameras)]
    of_cameras = [figures(of_camera) for of_camera in found if of_camera.known.any()]
    return _average(of_cameras) if of_cameras else None


def _average(of: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(_mean([values[name] for values in of])) for name in FIGURES}


def simulated_errors(seed: int = 0) -> dict[str, dict[str, float]]:
    """Return the ``FIGURES`` of the simulated detectors, all joints seen, of single people and of sequences.

    And of those whose joints err each alone.
    """
    rng = np.random.default_rng(seed)
    clips = load_clips(resource_path("resource/clips/people.npz"))
    poses = np.concatenate(list(clips.values()))
    joints, _ = random_views(poses[rng.integers(0, len(poses), _PEOPLE)], rng)
    joints = joints[(joints[..., 2] > 0.1).all(1)][:, [H36M17.index(name) for name in JOINTS]]
    xy = joints[..., :2] / joints[..., 2:]
    size = apparent_size(xy)[:, 0]
    scores, hidden = np.ones(xy.shape[:2]), np.zeros(xy.shape[:2], bool)
    level = np.exp(rng.uniform(np.log(0.005), np.log(0.12), (len(xy), 1)))
    drawn = {
        "simulated, as real ones": real_errors(xy, JOINTS, hidden, rng),
        "simulated, each joint alone": independent_errors(xy, JOINTS, level, rng),
    }
    single = {name: figures(Detections(found.xy, xy, scores, size)) for name, found in drawn.items()}
    seen = sequences(clips, seed, World(cameras=4, occlusion=0)).values()
    lasting = _average([values for values in map(_of_recording, seen) if values is not None])
    return single | {"simulated sequences": lasting}


def figures(found: Detections) -> dict[str, float]:
    """Return the ``FIGURES`` of people; exchanged ones count in the first three and the last alone."""
    error = (found.pixels - found.projected) / np.maximum(found.size, _LEAST_SIZE)[:, None, None]
    straight = error[~(found.exchanged > 0)]
    straight = np.where((np.linalg.norm(straight, axis=-1) < 0.2)[..., None], straight, np.nan)
    straight = straight - _mean(straight)  # what a joint's definition is off by in this camera
    shift = _mean(np.moveaxis(straight, 1, 0))
    count = np.isfinite(straight).sum(1)
    total = np.nanvar(straight)
    # The mean over n joints errs by its own errors too: total / n of them.
    shared = (np.nanmean(shift**2) - total / max(np.nanmean(count), 2)) / total
    values = {
        "median": np.nanmedian(np.abs(error)),
        "rms": np.sqrt(np.nanmean(error**2)),
        "above_0.2": np.nanmean((found.deviation > 0.2)[found.known]),
        "shared": max(shared, 0.0),
        "frame_to_frame": _correlation(straight[:-1], straight[1:]),
        "exchanged": np.nanmean(found.exchanged),
    }
    for name, parts in _PAIRS.items():
        first, second = ([i for i, joint in enumerate(JOINTS) if part in joint] for part in parts)
        values[name] = _correlation(straight[:, first], straight[:, second])
    return {name: float(values[name]) for name in FIGURES}


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Of the errors that are known in both; NaN where these are few."""
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[both], second[both])[0, 1]) if both.sum() > _FEWEST else float("nan")


def _mean(values: npt.ArrayLike) -> FloatArray:
    """The mean over the first axis of what is known; NaN where nothing is."""
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan))
