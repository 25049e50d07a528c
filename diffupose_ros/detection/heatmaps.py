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


"""Around a top-down pose network: crops of people for its input, and joints from its heat maps.

Crop, flip test and the quarter-pixel rule are those of the code that the public weights were trained and
measured with (``pose_hrnet``). Positions are pixel indices, without half-pixel terms: pixel (x, y) of a heat
map is pixel (4 x, 4 y) of the crop.
"""

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.detector import FloatArray, Image
from diffupose_ros.skeleton import LAYOUTS

Maps = npt.NDArray[np.float32]
Refinement = Literal["quarter", "dark"]
STRIDE = 4
"""Pixels of the crop for each pixel of a heat map."""
PADDING = 1.25
"""Of the crop's size over the box's."""
_FARTHEST = 3.0  # pixels of a heat map from its highest pixel to the fitted centre; further is no fit
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, RGB
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_SWAPPED = {"left": "right", "right": "left"}
_NAMES = LAYOUTS["coco17"]
_MIRROR = [_NAMES.index("_".join(_SWAPPED.get(part, part) for part in name.split("_"))) for name in _NAMES]


def crop_affine(boxes: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return (P, 2, 3): pixels of the image to those of each box's crop. One scale for x and y, no rotation.

    The box grows around its centre to the crop's aspect, and by ``PADDING``.

    Args:
        boxes: (P, 4) x, y, width, height; width and height above 0.
        size: (height, width) of the crop.
    """
    height, width = size
    x, y, w, h = boxes.T
    scale = width / (PADDING * np.maximum(w, h * width / height))
    affine = np.zeros((len(boxes), 2, 3))
    affine[:, 0, 0] = affine[:, 1, 1] = scale
    affine[:, 0, 2] = width / 2 - scale * (x + w / 2)
    affine[:, 1, 2] = height / 2 - scale * (y + h / 2)
    return affine


def crop(image: Image, affine: FloatArray, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return the crops (P, H, W, 3), BGR; black where they reach out of the image."""
    crops = np.empty((len(affine), *size, 3), np.uint8)
    for matrix, out in zip(affine, crops, strict=True):
        cv2.warpAffine(image, matrix, size[::-1], dst=out, flags=cv2.INTER_LINEAR)
    return crops


def normalise(crops: npt.NDArray[np.uint8]) -> Maps:
    """Return the network's input (P, 3, H, W) from crops (P, H, W, 3): RGB, with ImageNet's mean and deviation."""
    rgb = crops[..., ::-1].astype(np.float32)
    rgb *= 1 / (255 * _STD)
    rgb -= _MEAN / _STD
    return np.moveaxis(rgb, -1, 1)


def flip_average(straight: Maps, mirrored: Maps) -> Maps:
    """Average heat maps (P, 17, h, w) of COCO's joints with those of the mirrored crops.

    Flipped back, the mirrored ones lie one pixel to the left, as the input's size is even: they are moved.
    """
    back = mirrored[:, _MIRROR, :, ::-1]
    average = straight + back
    average[..., 1:] = straight[..., 1:] + back[..., :-1]
    return average / np.float32(2)


def decode(
    heatmaps: Maps, affine: FloatArray, refinement: Refinement = "dark"
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each joint's position, score and covariance from its heat map.

    The covariance is the map's second moments around the joint, within three deviations of the Gaussian that
    networks are trained with, less that Gaussian's: a network that is sure draws it as it was trained to. It is no
    less than a position has that is known to a pixel of the map.

    Args:
        heatmaps: (P, J, h, w).
        affine: (P, 2, 3) of ``crop_affine``.
        refinement: of the maximum's position to less than a pixel: ``quarter`` moves it by a quarter towards
            the higher neighbour; ``dark`` fits a Gaussian to the smoothed map (Zhang et al., CVPR 2020).

    Returns:
        (P, J, 2) pixels of the image; (P, J) the maximum, in [0, 1]; (P, J, 2, 2) px^2 of the image. Position
        and covariance mean nothing where the score is 0.
    """
    people, joints, height, width = heatmaps.shape
    maps = np.where(np.isfinite(heatmaps), heatmaps, 0).reshape(-1, height * width)
    index = maps.argmax(-1)
    y, x = np.divmod(index, width)
    scores = np.take_along_axis(maps, index[:, None], -1)[:, 0].astype(np.float64).clip(0, 1)
    deviation = width / 24  # 2 and 3 pixels at the sizes that the networks are trained for
    reach = round(3 * deviation)
    around = _windows(maps.reshape(-1, height, width), y, x, reach + 2)
    if refinement == "dark":
        offset, fitted = _dark(around, deviation)
        inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2) & fitted
    else:
        offset = _quarter(around)
        inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    offset = np.where(inside[:, None], offset, 0)
    covariance = _beyond(_moments(around[:, 2:-2, 2:-2], offset), deviation)

    scale = STRIDE / affine[:, 0, 0]  # pixels of the image for one of the heat map
    corner = affine[:, None, :, 2] / affine[:, :1, :1]
    positions = (np.stack([x, y], -1) + offset).reshape(people, joints, 2)
    keypoints = positions * scale[:, None, None] - corner
    covariance = covariance.reshape(people, joints, 2, 2) * (scale**2)[:, None, None, None]
    return keypoints, scores.reshape(people, joints), covariance


def _windows(maps: Maps, y: npt.NDArray[np.intp], x: npt.NDArray[np.intp], reach: int) -> FloatArray:
    """Each map's surroundings (N, 2 reach + 1, 2 reach + 1) of its pixel (x, y); 0 outside of the map."""
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
    sides = (2 * reach + 1, 2 * reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, sides, (1, 2))
    return windows[np.arange(len(maps)), y, x].astype(np.float64)


def _quarter(around: FloatArray) -> FloatArray:
    c = around.shape[-1] // 2
    dx = around[:, c, c + 1] - around[:, c, c - 1]
    dy = around[:, c + 1, c] - around[:, c - 1, c]
    return np.asarray(0.25 * np.sign(np.stack([dx, dy], -1)))


def _dark(around: FloatArray, deviation: float) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Offset (N, 2) of the Gaussian's centre, and whether there is a maximum near the pixel.

    By one Newton step on the smoothed map's logarithm.
    """
    reach = around.shape[-1] // 2 - 2
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    smooth = np.stack([np.pad(kernel, (k, 4 - k)) for k in range(5)])
    log = np.log(np.maximum(smooth @ around @ smooth.T, 1e-10))
    dx = (log[:, 2, 3] - log[:, 2, 1]) / 2
    dy = (log[:, 3, 2] - log[:, 1, 2]) / 2
    dxx = (log[:, 2, 4] - 2 * log[:, 2, 2] + log[:, 2, 0]) / 4
    dyy = (log[:, 4, 2] - 2 * log[:, 2, 2] + log[:, 0, 2]) / 4
    dxy = (log[:, 3, 3] - log[:, 3, 1] - log[:, 1, 3] + log[:, 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    maximum = (determinant > 1e-9) & (dxx < 0)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1)
    step = step / np.where(maximum, determinant, 1)[:, None]
    return step, maximum & (np.abs(step) <= _FARTHEST).all(-1)


def _moments(around: FloatArray, offset: FloatArray) -> FloatArray:
    """Second moments (N, 2, 2) around the windows' centres plus ``offset``."""
    weights = np.maximum(around, 0)
    total = np.maximum(weights.sum((-1, -2)), 1e-9)
    steps = np.arange(around.shape[-1]) - around.shape[-1] // 2
    dx, dy = (steps - offset[:, i, None] for i in (0, 1))  # (N, side)
    xx = (weights.sum(1) * dx**2).sum(-1) / total
    yy = (weights.sum(2) * dy**2).sum(-1) / total
    xy = np.einsum("nyx,ny,nx->n", weights, dy, dx) / total
    covariance = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    return np.asarray(covariance)


def _beyond(covariance: FloatArray, deviation: float) -> FloatArray:
    """Covariances (N, 2, 2) less a Gaussian's of ``deviation``, no less than a pixel's extent in any direction."""
    spread, axes = np.linalg.eigh(covariance)
    spread = np.maximum(spread - deviation**2, 1 / 12)
    return np.asarray((axes * spread[:, None]) @ np.swapaxes(axes, -1, -2))
