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

"""Networks that see everybody and their joints in one look at an image, asked as those are that look into boxes."""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from diffupose_ros.detection.boxes import box_around, checked_boxes, checked_image, grown, overlap
from diffupose_ros.detection.detector import Detections, FloatArray, Image
from diffupose_ros.detection.tracking import MARGIN, MIN_JOINTS
from diffupose_ros.skeleton import LAYOUTS

_SEEN = 0.3  # score from which on a joint counts for the box around a person
_SAME = 0.3  # intersection over union from which on a box is a found person's


class OneStage(ABC):
    """A ``PersonFinder`` and a ``Detector`` in one.

    An image that ``find`` and then ``detect`` are asked about is looked at once. Each box gets the person whose own
    box overlaps it most, each person one box at most; the scores of other boxes are 0.
    """

    layout = "coco17"
    profile = "yolo-pose"

    def __init__(self) -> None:
        self._found: tuple[Image, FloatArray, FloatArray, FloatArray] | None = None  # of an image that find was given

    @abstractmethod
    def look(self, image: Image) -> tuple[FloatArray, FloatArray]:
        """Return keypoints (F, J, 2) in pixels of F people, the surest first, and scores (F, J) in [0, 1]."""

    def find(self, image: Image) -> FloatArray:
        """Return boxes (F, 4) around people's joints, with a margin; see ``PersonFinder``."""
        boxes, keypoints, scores = self._people(checked_image(image))
        self._found = image, boxes, keypoints, scores
        return boxes

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        keypoints = np.zeros((len(boxes), len(LAYOUTS[self.layout]), 2))
        scores = np.zeros(keypoints.shape[:2])
        before, self._found = self._found, None  # the memory of an image may hold the next one
        if len(boxes):
            own, their_keypoints, their_scores = (
                before[1:] if before is not None and before[0] is image else self._people(image)
            )
            same = overlap(boxes, own)
            for row, column in zip(*linear_sum_assignment(same, maximize=True), strict=True):
                if same[row, column] >= _SAME:
                    keypoints[row], scores[row] = their_keypoints[column], their_scores[column]
        return Detections(keypoints, scores, self.layout, profile=self.profile)

    def _people(self, image: Image) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (F, 4), keypoints and scores of those of whom enough is seen."""
        keypoints, scores = self.look(image)
        seen = scores >= _SEEN
        people = seen.sum(-1) >= MIN_JOINTS
        keypoints, scores, seen = keypoints[people], scores[people], seen[people]
        return grown(box_around(keypoints, seen), MARGIN), keypoints, scores
