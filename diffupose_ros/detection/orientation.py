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

"""Which way up pictures are shown: what cameras write beside their pixels, as photographs and videos say it."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

Orientation = tuple[float, float, float, float]
"""(a, b, c, d): the pixel at (x, y), y down, is shown at (a x + c y, b x + d y), but for where the picture begins.
Only which axes they are and their signs count."""

AS_STORED: Orientation = (1, 0, 0, 1)

EXIF: dict[Any, Orientation] = {
    1: AS_STORED,
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""Orientations by their number in EXIF."""

CLOCKWISE: dict[float, Orientation] = {0: EXIF[1], 90: EXIF[6], 180: EXIF[3], 270: EXIF[8]}
"""Orientations that are turns, by degrees."""


def swaps(orientation: Orientation) -> bool:
    """Return whether width and height change places."""
    a, b, c, d = map(abs, orientation)
    return b + c > a + d


def upright(image: Pixels, orientation: Orientation) -> Pixels:
    """Return a picture (H, W, 3) as it is to be shown: (H, W, 3), or (W, H, 3) where ``swaps(orientation)``."""
    a, b, c, d = orientation
    across, down = (c, b) if swaps(orientation) else (a, d)
    shown = cv2.transpose(image) if swaps(orientation) else image
    if across < 0 or down < 0:
        shown = cv2.flip(shown, -1 if across < 0 and down < 0 else int(across < 0))
    return np.asarray(shown, np.uint8)
