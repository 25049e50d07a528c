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

"""Where people are in an image, for detectors that want to be told."""

from typing import Protocol, runtime_checkable

import numpy as np

from diffupose_ros.detection.boxes import checked_image
from diffupose_ros.detection.detector import FloatArray, Image


@runtime_checkable
class PersonFinder(Protocol):
    """Finds people in an image of which nothing is known."""

    def find(self, image: Image) -> FloatArray:
        """Return boxes (P, 4) x, y, width, height in pixels, the surest first; P may be 0.

        Args:
            image: (H, W, 3) uint8 BGR.

        Raises:
            ValueError: not such an image, or an empty one.
        """
        ...


class WholeImage:
    """One box, the whole image: for a single person who fills a good part of it."""

    def find(self, image: Image) -> FloatArray:
        """Return the image as a box (1, 4)."""
        height, width = checked_image(image).shape[:2]
        return np.array([[0.0, 0.0, width, height]])
