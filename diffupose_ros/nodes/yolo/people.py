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

"""The people of a yolo_msgs/DetectionArray as arrays."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.detector import Detections
from diffupose_ros.skeleton import layout_joints

FloatArray = npt.NDArray[np.float64]

_LAYOUT, _PROFILE = "coco17", "yolo-pose"
_JOINTS = len(layout_joints(_LAYOUT))


@dataclass(frozen=True)
class YoloPeople:
    """The people of one image.

    Attributes:
        ids: of the P people, as yolo_ros' tracker gave them; empty text where it did not.
        detections: their 2D skeletons.
        bare: how many detections have no keypoints, and so are of no person.
        problems: what was wrong with the people who are left out, one line each.
    """

    ids: list[str]
    detections: Detections
    bare: int
    problems: list[str]


def read_people(message: Any) -> YoloPeople:
    """Return the people of a DetectionArray; one bad person costs no other.

    yolo_ros numbers COCO's 17 keypoints from 1 on, and leaves out those that score below its ``threshold``: they count
    as not seen, score 0, as do those at exactly (0, 0), which is how YOLO writes what it did not find.

    Args:
        message: of one image, keypoints in its pixels.
    """
    ids: list[str] = []
    found: list[FloatArray] = []
    problems: list[str] = []
    with_keypoints = [each for each in message.detections if each.keypoints.data]
    for detection in with_keypoints:
        try:
            found.append(_keypoints(detection.keypoints.data))
        except ValueError as error:
            problems.append(f"{detection.class_name!r} {detection.id!r} is left out: {error}")
        else:
            ids.append(detection.id)
    values = np.array(found).reshape(len(found), _JOINTS, 3)
    detections = Detections(values[..., :2], values[..., 2], _LAYOUT, profile=_PROFILE)
    return YoloPeople(ids, detections, len(message.detections) - len(with_keypoints), problems)


def _keypoints(points: Any) -> FloatArray:
    """Return (17, 3) x, y and score."""
    values = np.zeros((_JOINTS, 3))
    for point in points:
        x, y, score = point.point.x, point.point.y, point.score
        if not 1 <= point.id <= _JOINTS:
            raise ValueError(f"a keypoint with id {point.id}: expected 1 to {_JOINTS}, a model of COCO's people")
        if not all(map(math.isfinite, (x, y, score))):
            raise ValueError(f"keypoint {point.id} has numbers that are none: x {x}, y {y}, score {score}")
        if x or y:
            values[point.id - 1] = x, y, score
    return values
