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

"""2D skeletons by MediaPipe's BlazePose: 33 joints, on a CPU, with the weights that its wheel carries."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image, clipped, grown
from diffupose_ros.detection.detector import Detections, FloatArray, Image
from diffupose_ros.detection.quiet import quiet
from diffupose_ros.skeleton import LAYOUTS

_MARGIN = 0.2  # of the box's diagonal, on each side: on tight crops it sees nobody
_TORSO = [
    LAYOUTS["mediapipe33"].index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")
]
_MIN_SIDE = 16  # px
_MAX_SIDE = 512  # px; the network's own input has 256
# Its C++ part knows no other way to say less.
_CHATTER = ("INFO: Created TensorFlow Lite", "WARNING: All log messages before absl", "W0000 ")


class MediaPipeDetector:
    """MediaPipe's pose network, one person after the other. The score of a joint is its visibility.

    Args:
        complexity: of the network, 0 to 1; the heavier one, 2, is not in the wheel.

    Raises:
        ImportError: MediaPipe is not installed, not one with ``mediapipe.solutions``, or with a protobuf too new.
    """

    layout = "mediapipe33"

    def __init__(self, complexity: int = 1) -> None:
        try:
            import mediapipe

            with quiet(_CHATTER):
                self._pose = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=complexity)
                self._pose.process(np.zeros((64, 64, 3), np.uint8))
        except (ImportError, AttributeError) as error:  # the latter of an unsuitable MediaPipe or protobuf
            raise ImportError(
                f"the detector mediapipe cannot be used ({error}): pip install mediapipe==0.10.21, which "
                "needs Python 3.12 at most, numpy below 2 and protobuf below 5"
            ) from None
        self._spoke = False

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        regions = clipped(grown(boxes, _MARGIN), image.shape[1], image.shape[0])
        keypoints = np.zeros((len(regions), len(LAYOUTS[self.layout]), 2))
        scores = np.zeros(keypoints.shape[:2])
        for person, (box, region) in enumerate(zip(boxes, regions, strict=True)):
            x, y = np.floor(region[:2]).astype(int)
            width, height = np.ceil(region[2:]).astype(int)
            if min(width, height) < _MIN_SIDE:
                continue
            landmarks = self._landmarks(image[y : y + height, x : x + width])
            if landmarks is None:
                continue
            pixels = (x, y) + landmarks[:, :2] * (width, height)
            middle = pixels[_TORSO].mean(0)
            if (np.abs(middle - box[:2] - box[2:] / 2) <= box[2:] / 2).all():  # else it is a neighbour
                keypoints[person], scores[person] = pixels, landmarks[:, 2].clip(0, 1)
        return Detections(keypoints, scores, self.layout, profile="mediapipe")

    def _landmarks(self, crop: Image) -> FloatArray | None:
        """(33, 3) x and y as a part of the crop's width and height, visibility; None where it sees nobody."""
        scale = _MAX_SIDE / max(crop.shape[:2])
        if scale < 1:
            crop = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        found = self._process(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))
        if found is None:
            return None
        return np.array([(joint.x, joint.y, joint.visibility) for joint in found.landmark])

    def _process(self, rgb: npt.NDArray[Any]) -> Any:
        if self._spoke:
            return self._pose.process(rgb).pose_landmarks
        with quiet(_CHATTER):  # the networks say more when they run for the first time
            found = self._pose.process(rgb).pose_landmarks
        self._spoke = found is not None
        return found
