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


"""The turned squares of an image that BlazePose's networks look at."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.detector import FloatArray, Image

_MARGIN = 1.25  # of the square's side over the diameter of the circle around a person

_PART = 9 / 16  # of the image's longer side
_BESIDE, _STEP = 3.5, 0.5  # side, and distance to the person, over the radius of the circle around them


@dataclass(frozen=True)
class Region:
    """A square of an image.

    Attributes:
        x: px, of the middle.
        y: px.
        side: px.
        angle: rad by which it is turned, from the image's x to its y (clockwise as one sees it); 0: upright.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def points(self, within: FloatArray) -> FloatArray:
        """Return pixels of the image (..., 2) from positions in the square: from (0, 0), upper left, to (1, 1)."""
        return np.asarray((within - 0.5) @ self._axes.T + (self.x, self.y))

    def crop(self, image: Image, size: int, border: int = cv2.BORDER_REPLICATE) -> npt.NDArray[np.uint8]:
        """Return the square as RGB (size, size, 3); ``border``: what it has beyond the image, OpenCV's number."""
        to_image = np.concatenate([self._axes / size, self.points(np.zeros(2))[:, None]], 1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        square = cv2.warpAffine(image, to_image, (size, size), flags=flags, borderMode=border)
        return np.asarray(square[..., ::-1], np.uint8)

    @property
    def _axes(self) -> FloatArray:
        cos, sin = self.side * np.cos(self.angle), self.side * np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])


def whole_image(image: Image) -> Region:
    """Return the smallest square around an image."""
    height, width = image.shape[:2]
    return Region(width / 2, height / 2, max(height, width))


def parts(image: Image) -> list[Region]:
    """Return squares of an image, each overlapped by half by the next; of a widescreen image as high as it is."""
    height, width = image.shape[:2]
    side = _PART * max(height, width)

    def middles(length: int) -> FloatArray:
        if length <= side:
            return np.array([length / 2])
        return np.linspace(side / 2, length - side / 2, 1 + int(np.ceil(2 * (length / side - 1) - 1e-6)))

    return [Region(x, y, side) for y in middles(height) for x in middles(width)]


def around_box(box: FloatArray) -> Region:
    """Return the smallest square around a box (4,) x, y, width, height."""
    x, y, width, height = map(float, box)
    return Region(x + width / 2, y + height / 2, max(width, height))


def around_person(alignment: FloatArray) -> Region:
    """Return a person's square, turned so that they stand upright in it.

    Args:
        alignment: (2, 2) px, the middle of the hips, and a point of the circle around the person, above the head.
    """
    (x, y), (right, down) = alignment[0], alignment[1] - alignment[0]
    return Region(float(x), float(y), 2 * _MARGIN * float(np.hypot(right, down)), float(np.arctan2(right, -down)))


def beside(alignment: FloatArray) -> list[Region]:
    """Return the upright squares to both sides of a person in which people of their size are seen well."""
    (x, y), (right, down) = alignment[0], alignment[1] - alignment[0]
    side = _BESIDE * float(np.hypot(right, down))
    return [Region(float(x + step * down), float(y - step * right), side) for step in (_STEP, -_STEP)]


def box_of(alignment: FloatArray) -> FloatArray:
    """Return the upright box (4,) around the circle around a person; see ``around_person``."""
    radius = np.hypot(*(alignment[1] - alignment[0]))
    return np.array([*(alignment[0] - radius), 2 * radius, 2 * radius])
