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


"""BlazePose's pose network: the landmarks of the person in a crop."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffupose_ros.detection.blazepose_regions import Region
from diffupose_ros.detection.detector import FloatArray, Image
from diffupose_ros.detection.litert import Network, Tensor

SIZE = 256
"""px, of the network's input."""
JOINTS = 33
_LANDMARKS = 39  # the joints, the two points of the alignment, and four that nobody uses
_REACH = 4  # pixels of the heat map, around a landmark, that refine it
_MIN_PEAK = 0.5  # of the heat map there; below it says nothing


@dataclass(frozen=True)
class Pose:
    """What the network sees in a region of an image.

    Attributes:
        presence: in [0, 1], of a person.
        keypoints: (33, 2) px.
        visibility: (33,) in [0, 1].
        alignment: (2, 2) px, see ``around_person``: where to look in the next image.
    """

    presence: float
    keypoints: FloatArray
    visibility: FloatArray
    alignment: FloatArray


class PoseNetwork:
    """The network.

    Args:
        path: pose_landmark_full.tflite.
        threads: see ``Network``.

    Raises:
        ImportError, ValueError: see ``Network``.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._network = Network(path, threads)

    def look(self, image: Image, region: Region) -> Pose:
        """Return the pose of the person in a region."""
        values, presence, _, heatmaps, _ = self._network(
            region.crop(image, SIZE)[None].astype(np.float32) / np.float32(255)
        )
        landmarks = values.reshape(_LANDMARKS, 5).astype(np.float64)
        points = region.points(refined(landmarks[:, :2] / SIZE, heatmaps[0]))
        visibility = _sigmoid(landmarks[:JOINTS, 3])
        return Pose(float(presence[0, 0]), points[:JOINTS], visibility, points[JOINTS : JOINTS + 2])


def refined(points: FloatArray, heatmaps: Tensor) -> FloatArray:
    """Return landmarks, each moved to the centre of its heat map around it, where that has a clear peak there.

    Args:
        points: (L, 2) x and y as parts of the crop's side; those outside of the crop stay.
        heatmaps: (H, W, L) logits.
    """
    height, width, _ = heatmaps.shape
    result = points.copy()
    for index, (x, y) in enumerate((points * (width, height)).astype(int)):
        if not (0 <= x < width and 0 <= y < height):
            continue
        left, top = max(x - _REACH, 0), max(y - _REACH, 0)
        around = _sigmoid(heatmaps[top : y + _REACH + 1, left : x + _REACH + 1, index].astype(np.float64))
        if around.max() >= _MIN_PEAK:
            across, down = around.sum(0), around.sum(1)
            centre = across @ np.arange(len(across)), down @ np.arange(len(down))
            result[index] = ((left, top) + np.array(centre) / around.sum()) / (width, height)
    return result


def _sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-values.clip(-100, 100))))
