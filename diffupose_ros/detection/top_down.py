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


"""HRNet as a detector: people's boxes in, their COCO skeletons out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from diffupose_ros.detection.detector import Detections, FloatArray, Image
from diffupose_ros.detection.heatmaps import Maps, Refinement, crop, crop_affine, decode, flip_average, normalise
from diffupose_ros.detection.hrnet import JOINTS, HRNet

MAX_BATCH = 16
"""People in one evaluation of the network: bounds the memory."""


class HRNetDetector:
    """Top-down detector: a crop around each person through HRNet, all people of an image in one batch.

    Args:
        weights: what ``HRNet.load`` takes: a name (``w32``, ``w48``, ...) or a file.
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        flip_test: average with the mirrored crops, as published figures are measured; twice the time.
        refinement: of the joints' positions, see ``heatmaps.decode``.

    Raises:
        FileNotFoundError: no such weights here; says how to get them.
        ValueError: broken weights, or a device that is not there.
    """

    layout = "coco17"

    def __init__(
        self,
        weights: str | Path = "w32",
        device: str = "auto",
        flip_test: bool = False,
        refinement: Refinement = "dark",
    ) -> None:
        self.flip_test, self.refinement = flip_test, refinement
        self._network = HRNet.load(weights, device)
        self._device = self._network.conv1.weight.device

    def close(self) -> None:
        """Free the network's memory, on a GPU too; the detector cannot be used any more."""
        del self._network
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; all scores are 0 where a box has no extent or shows none of the image.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (P, 4) x, y, width, height in pixels; P may be 0. They may reach out of the image.

        Raises:
            ValueError: shapes or types that do not fit; says what was expected.
        """
        _check_image(image)
        boxes = _checked_boxes(boxes)
        people = len(boxes)
        keypoints, scores = np.zeros((people, JOINTS, 2)), np.zeros((people, JOINTS))
        covariance = np.zeros((people, JOINTS, 2, 2))
        size = self._network.input_size
        shown = np.flatnonzero(_shown(boxes, image))
        for start in range(0, len(shown), MAX_BATCH):
            part = shown[start : start + MAX_BATCH]
            affine = crop_affine(boxes[part], size)
            heatmaps = self._heatmaps(normalise(crop(image, affine, size)))
            keypoints[part], scores[part], covariance[part] = decode(heatmaps, affine, self.refinement)
        return Detections(keypoints, scores, self.layout, covariance, "hrnet")

    @torch.inference_mode()
    def _heatmaps(self, crops: Maps) -> Maps:
        x = torch.from_numpy(crops).to(self._device)
        if not self.flip_test:
            return np.asarray(self._network(x).cpu().numpy())
        straight, mirrored = self._network(torch.cat((x, x.flip(-1)))).cpu().chunk(2)
        return flip_average(straight.numpy(), mirrored.numpy())


def _check_image(image: Image) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image: expected uint8 (H, W, 3), BGR, got {got}")
    if image.size == 0:
        raise ValueError(f"image: expected at least one pixel, got {image.shape}")


def _checked_boxes(boxes: npt.ArrayLike) -> FloatArray:
    boxes = np.asarray(boxes, np.float64)
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes: expected shape (P, 4), got {boxes.shape}")
    return boxes


def _shown(boxes: FloatArray, image: Image) -> npt.NDArray[np.bool_]:
    """Which boxes (P, 4) have an extent, and show a part of the image that is at least a pixel of the crop."""
    height, width = image.shape[:2]
    x, y, w, h = np.where(np.isfinite(boxes).all(-1, keepdims=True), boxes, 0).T
    inside = (x < width) & (y < height) & (x + w > 0) & (y + h > 0)
    return np.asarray((w >= 1) & (h >= 1) & inside & (np.maximum(w, h) < 100 * max(height, width)))
