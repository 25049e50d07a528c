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

"""Lines, dots and words on images: OpenCV's, at fractions of a pixel. Points that are not finite are not drawn."""

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red."""

_SHIFT = 4  # binary digits behind the point
_FURTHEST = 20_000  # px; what OpenCV's fixed point holds
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def bgr(colour: str) -> Colour:
    """Return ``#rrggbb`` as OpenCV has it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return blue, green, red


def line(image: Image, points: FloatArray, colour: Colour, width: int = 1) -> None:
    """Draw a line through points (n, 2) in pixels."""
    if np.isfinite(points).all():
        cv2.polylines(image, [_fixed(points)], False, colour, width, cv2.LINE_AA, _SHIFT)


def surface(image: Image, points: FloatArray, colour: Colour) -> None:
    """Fill the polygon of points (n, 2) in pixels."""
    if np.isfinite(points).all():
        cv2.fillPoly(image, [_fixed(points)], colour, cv2.LINE_AA, _SHIFT)


def dot(image: Image, point: FloatArray, radius: float, colour: Colour, rim: Colour | None = None) -> None:
    """Draw a disc around a point (2,) in pixels, with a rim perhaps."""
    if not np.isfinite(point).all():
        return
    centre = tuple(_fixed(point).tolist())
    if rim is not None:
        cv2.circle(image, centre, int((radius + 1) * 2**_SHIFT), rim, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(image, centre, int(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)


def words(image: Image, text: str, at: tuple[int, int], colour: Colour, size: float = 0.5) -> None:
    """Write from the point ``at``, the left end of the baseline in pixels."""
    cv2.putText(image, text, at, _FONT, size, colour, 1, cv2.LINE_AA)


def width_of(text: str, size: float = 0.5) -> int:
    """Return how many pixels ``words`` would take."""
    return int(cv2.getTextSize(text, _FONT, size, 1)[0][0])


def tag(image: Image, text: str, above: FloatArray, colour: Colour, ink: Colour, size: float = 0.5) -> None:
    """Write on a coloured label that stands on the point ``above`` (2,), moved so that all of it is in the image."""
    if not np.isfinite(above).all():
        return
    width, height = width_of(text, size) + 12, int(36 * size)
    left = int(np.clip(above[0] - width / 2, 0, max(image.shape[1] - width, 0)))
    top = int(np.clip(above[1] - height, 0, max(image.shape[0] - height, 0)))
    cv2.rectangle(image, (left, top), (left + width, top + height), colour, -1, cv2.LINE_AA)
    words(image, text, (left + 6, top + int(25 * size)), ink, size)


def blend(image: Image, layer: Image, opacity: float) -> None:
    """Let a layer, a drawn-over copy of the image, shine through."""
    cv2.addWeighted(layer, opacity, image, 1 - opacity, 0, image)


def _fixed(points: FloatArray) -> npt.NDArray[np.int32]:
    return np.asarray(np.round(np.clip(points, -_FURTHEST, _FURTHEST) * 2**_SHIFT), np.int32)
