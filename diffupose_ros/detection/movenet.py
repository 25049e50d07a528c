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

"""2D skeletons by MoveNet singlepose lightning (Google, Apache-2.0): small, quick, on PyTorch alone."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image
from diffupose_ros.detection.detector import Detections, Image
from diffupose_ros.detection.heatmaps import crop, crop_affine
from diffupose_ros.detection.movenet_files import NETWORKS
from diffupose_ros.detection.movenet_network import JOINTS, SIZE, MoveNetwork
from diffupose_ros.pytorch import select_device

MAX_BATCH = 16
"""People in one evaluation of the network: bounds the memory."""


class MoveNet:
    """Top-down detector: a square crop around each person, in which the network takes the one nearest to the middle.

    The score of a joint is its heat map's value; nobody has measured what it means, so the profile is ``generic``.

    Args:
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        files: graph and weights; None: those of ``movenet_files``, fetched if need be.

    Raises:
        OSError, ValueError: the network is not here and cannot be fetched, or no such device.
    """

    layout = "coco17"

    def __init__(self, device: str = "auto", files: tuple[Path, Path] | None = None) -> None:
        place = select_device(device)
        graph, weights = files or NETWORKS.fetch_aloud()
        self._network = MoveNetwork(graph, weights, place)

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        keypoints, scores = np.zeros((len(boxes), JOINTS, 2)), np.zeros((len(boxes), JOINTS))
        affine = crop_affine(boxes, (SIZE, SIZE))
        for start in range(0, len(boxes), MAX_BATCH):
            part = slice(start, start + MAX_BATCH)
            positions, scores[part] = self._network(crop(image, affine[part], (SIZE, SIZE))[..., ::-1])
            keypoints[part] = (positions - affine[part, None, :, 2]) / affine[part, None, :1, 0]
        return Detections(keypoints, scores, self.layout, profile="generic")
