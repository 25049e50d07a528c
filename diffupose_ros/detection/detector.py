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

"""What every detector of 2D skeletons offers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
"""(H, W, 3) BGR, as OpenCV has it."""


@dataclass(frozen=True)
class Detections:
    """2D skeletons of P people in one image.

    Attributes:
        keypoints: (P, J, 2) pixels of the image, x right, y down.
        scores: (P, J) confidence in [0, 1]; 0 where the detector found nothing.
        layout: joint order, a key of ``diffupose_ros.skeleton.LAYOUTS``; J is its number of joints.
        covariance: (P, J, 2, 2) px^2 of the keypoints, or None where the detector does not tell.
        profile: name of what its scores mean, one of ``diffupose_ros.profiles.PROFILES``; empty: nobody knows.
    """

    keypoints: FloatArray
    scores: FloatArray
    layout: str
    covariance: FloatArray | None = None
    profile: str = ""

    @property
    def variance(self) -> FloatArray | None:
        """(P, J) px^2 along each axis, mean of both; None where the detector does not tell."""
        return None if self.covariance is None else np.trace(self.covariance, axis1=-2, axis2=-1) / 2


class Detector(Protocol):
    """Finds the joints of people whose boxes are known."""

    layout: str

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (P, 4) x, y, width, height in pixels; P may be 0. They may reach out of the image.

        Raises:
            ValueError: shapes or types that do not fit; says what was expected.
        """
        ...
