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

import cv2
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


class HogFinder:
    """OpenCV's people detector of 2005: histograms of oriented gradients and a linear SVM.

    A weak fallback that needs no weights. It sees people who stand upright, unoccluded, from head to foot, and
    who take up a third of the image's height or more; others are mostly missed, and furniture is found now and
    then, which the joint detector's scores then rule out. N. Dalal, B. Triggs: Histograms of Oriented Gradients
    for Human Detection, CVPR 2005.

    Raises:
        ImportError: an OpenCV without it.
    """

    MAX_SIDE = 640
    """px; larger images are shrunk to this."""
    MIN_CONFIDENCE = 0.3  # distance from the SVM's plane
    MAX_OVERLAP = 0.4  # of two people's boxes; intersection over union
    BODY = 0.75
    """A person's part of the 64x128 px window, in width and height: the rest is margin."""

    def __init__(self) -> None:
        if not hasattr(cv2, "HOGDescriptor"):
            raise ImportError(
                f"OpenCV {cv2.__version__} has no HOG people detector (since 5.0 it is a contrib module): "
                "pip install 'opencv-python-headless<5', or take the finder whole_image"
            )
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    def find(self, image: Image) -> FloatArray:
        """Return boxes (P, 4) around whole bodies, the surest first."""
        height, width = checked_image(image).shape[:2]
        scale = min(1.0, self.MAX_SIDE / max(height, width))
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        if image.shape[0] < 128 or image.shape[1] < 64:  # less than one window
            return np.zeros((0, 4))
        # By position: OpenCV renamed finalThreshold, which is 0 here to leave the grouping to the line below.
        boxes, confidence = self._hog.detectMultiScale(image, self.MIN_CONFIDENCE, (8, 8), (16, 16), 1.05, 0.0)
        if not len(boxes):
            return np.zeros((0, 4))
        found, sure = np.asarray(boxes, np.float64), np.asarray(confidence, np.float64).ravel()
        kept = cv2.dnn.NMSBoxes(found.tolist(), sure.tolist(), self.MIN_CONFIDENCE, self.MAX_OVERLAP)
        found = found[np.asarray(kept, np.int64).ravel()] / scale
        return np.concatenate([found[:, :2] + (1 - self.BODY) / 2 * found[:, 2:], self.BODY * found[:, 2:]], 1)
