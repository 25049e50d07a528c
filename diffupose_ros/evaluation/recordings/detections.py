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

"""What a real detector's 2D is like: how far off for which score, and whether it takes left for right."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import JOINTS, Recording
from diffupose_ros.skeleton import apparent_size, layout_joints

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SCORES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, np.inf)
"""Bounds of the score classes."""
APART = 0.2
"""Left and right joint can be told apart where their projections are this many apparent sizes from each other."""

_LEFT, _RIGHT = slice(0, None, 2), slice(1, None, 2)  # of JOINTS
_OTHER_SIDE = np.arange(len(JOINTS)) ^ 1


@dataclass(frozen=True)
class Detections:
    """2D joints of one camera in T frames, in the order of ``JOINTS``, beside the projected truth.

    Attributes:
        pixels: (T, 12, 2), NaN where not detected.
        projected: (T, 12, 2) px, the truth in the distorted image; NaN where not known, or behind the camera.
        scores: (T, 12) the detector's own.
        size: (T,) px, the person's apparent size: the RMS distance of the 12 joints' 2D from their mean.
    """

    pixels: FloatArray
    projected: FloatArray
    scores: FloatArray
    size: FloatArray

    @property
    def known(self) -> BoolArray:
        """Where the detector gave a joint whose truth is known, (T, 12)."""
        return np.asarray(np.isfinite(self.pixels).all(-1) & np.isfinite(self.projected).all(-1))

    @property
    def deviation(self) -> FloatArray:
        """Distance (T, 12) of the 2D from the projected truth in apparent sizes; NaN where not known."""
        return np.asarray(np.linalg.norm(self.pixels - self.projected, axis=-1) / self.size[:, None])

    @property
    def exchanged(self) -> FloatArray:
        """1 where the detector took left for right, 0 where it did not, (T,); NaN where it cannot be told.

        It can be told by the pairs, of six, whose joints are both known and whose projections are ``APART``. A pair
        is exchanged where its two 2D joints are nearer, in the sum of both distances, to the other side's truth than
        to their own; a frame is where more than half of its pairs are.
        """
        to_own, to_other = (
            np.linalg.norm(self.pixels - to, axis=-1) for to in (self.projected, self.projected[:, _OTHER_SIDE])
        )
        apart = np.linalg.norm(self.projected[:, _LEFT] - self.projected[:, _RIGHT], axis=-1)
        pair = self.known[:, _LEFT] & self.known[:, _RIGHT] & (apart >= APART * self.size[:, None])
        nearer = to_other[:, _LEFT] + to_other[:, _RIGHT] < to_own[:, _LEFT] + to_own[:, _RIGHT]
        count = pair.sum(1)
        return np.where(count > 0, (pair & nearer).sum(1) > count / 2, np.nan)


def detections(recording: Recording, camera: int, truth: FloatArray) -> Detections:
    """Return what a camera's detector gave.

    Args:
        recording: whose.
        camera: which.
        truth: (T, 12, 3) metres, in the camera's frame.
    """
    names = layout_joints(recording.layout)
    columns = [names.index(name) for name in JOINTS]
    scores = np.nan_to_num(recording.scores[camera][:, columns])
    pixels = np.where((scores > 0)[..., None], recording.keypoints[camera][:, columns], np.nan)
    pixels[~np.isfinite(pixels).all(-1)] = np.nan
    size = np.maximum(apparent_size(pixels)[:, 0], 1.0)
    return Detections(pixels, recording.camera(camera).project(truth), scores, size)


def score_classes(scores: FloatArray) -> dict[str, BoolArray]:
    """Return which of the scores, any shape, are in each class, by the class's name."""
    index = np.digitize(scores, SCORES[1:-1])
    names = [f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and above" for low, high in pairwise(SCORES)]
    return {name: np.asarray(index == i) for i, name in enumerate(names)}
