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


"""2D skeletons drawn into their image, for people to look at."""

import colorsys
from zlib import crc32

import cv2
import numpy as np

from diffupose_ros.detection.pipeline import TrackedPeople
from diffupose_ros.nodes.common.images import Pixels
from diffupose_ros.skeleton import BONES, Status, to_h36m

_FAR = 1e5  # px; OpenCV draws in integers


def draw_people(image: Pixels, people: TrackedPeople, min_score: float) -> Pixels:
    """Return a copy of the image (H, W, 3) with the joints that are sure enough, the boxes and the ids."""
    canvas = image.copy()
    width = max(1, round(min(image.shape[:2]) / 240))
    found = people.detections
    skeletons = to_h36m(found.keypoints, found.scores, found.layout, min_score)
    for i, name in enumerate(people.ids):
        colour = _colour(name)
        points = np.clip(skeletons.keypoints[i], -_FAR, _FAR).round().astype(int).tolist()
        seen = skeletons.status[i] != Status.MISSING
        for a, b in BONES:
            if seen[a] and seen[b]:
                cv2.line(canvas, points[a], points[b], colour, 2 * width, cv2.LINE_AA)
        for point in np.array(points)[seen].tolist():
            cv2.circle(canvas, point, 2 * width, (255, 255, 255), -1, cv2.LINE_AA)
        x, y, w, h = np.clip(np.nan_to_num(people.boxes[i]), -_FAR, _FAR).round().astype(int).tolist()
        cv2.rectangle(canvas, (x, y), (x + w, y + h), colour, width)
        corner = (max(x, 0) + 2 * width, max(y, 0) + 16 * width)  # in the image, where the box reaches out of it
        cv2.putText(canvas, name, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * width, colour, width, cv2.LINE_AA)
    return canvas


def _colour(name: str) -> tuple[int, int, int]:
    """Return the BGR colour of an id, always the same."""
    r, g, b = colorsys.hsv_to_rgb(crc32(name.encode()) % 360 / 360, 0.8, 1.0)
    return int(255 * b), int(255 * g), int(255 * r)
