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

"""Boxes of people: (P, 4) x, y, width, height in pixels, x right, y down; they may reach out of the image."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.detector import FloatArray, Image


def checked_image(image: Image) -> Image:
    """Return the image.

    Raises:
        ValueError: not (H, W, 3) uint8, or no pixel in it.
    """
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        came = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image: expected uint8 (height, width, 3), BGR, got {came}")
    if not image.size:
        raise ValueError(f"image: {image.shape[1]}x{image.shape[0]} has no pixel")
    return image


def checked_boxes(boxes: npt.ArrayLike) -> FloatArray:
    """Return boxes (P, 4) as floats; an empty list is no box.

    Raises:
        ValueError: another shape, numbers that are not finite, a width or height that is not above 0.
    """
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes: expected shape (P, 4), x y width height, got {array.shape}")
    if not (np.isfinite(array).all() and (array[:, 2:] > 0).all()):
        raise ValueError(f"boxes: expected finite numbers, width and height above 0, got {array.tolist()}")
    return array


def box_around(points: FloatArray, used: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the tight boxes (..., 4) around those of the points (..., J, 2) that are used (..., J); one at least."""
    low = np.where(used[..., None], points, np.inf).min(-2)
    high = np.where(used[..., None], points, -np.inf).max(-2)
    return np.concatenate([low, high - low], -1)


def grown(boxes: FloatArray, margin: float) -> FloatArray:
    """Return boxes (..., 4) with ``margin`` times their diagonal added on each side."""
    extra = margin * np.hypot(boxes[..., 2:3], boxes[..., 3:4])
    return np.concatenate([boxes[..., :2] - extra, boxes[..., 2:] + 2 * extra], -1)


def clipped(boxes: FloatArray, width: int, height: int) -> FloatArray:
    """Return the parts of boxes (..., 4) within an image; width or height 0 where there is none."""
    size = np.array([width, height])
    low = np.clip(boxes[..., :2], 0, size)
    high = np.clip(boxes[..., :2] + boxes[..., 2:], 0, size)
    return np.concatenate([low, high - low], -1)


def overlap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the intersection over union (P, Q) of boxes (P, 4) and (Q, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)
    union = a[:, None, 2:].prod(-1) + b[None, :, 2:].prod(-1) - common
    return np.asarray(common / np.maximum(union, 1e-9))
