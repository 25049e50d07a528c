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


"""A detect node that takes coloured discs for people; run as a script, and the pictures it understands."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from diffupose_ros.detection.detector import Detections

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
RADIUS = 30
COVARIANCE = np.broadcast_to(np.diag([3.0, 5.0]), (1, 17, 2, 2))  # px^2
DEADLY = 200
"""Grey of a picture on which the detector crashes."""
_SPREAD = np.stack([np.linspace(-20, 20, 17), np.linspace(-25, 25, 17)], 1)  # px, of the joints about the centre


def picture(people: dict[str, tuple[int, int]], width: int = 320, height: int = 240, seconds: int = 0) -> np.ndarray:
    """Return a BGR picture of people by colour and centre; ``seconds`` is how long it takes the detector."""
    image = np.full((height, width, 3), 60, np.uint8)
    for name, centre in people.items():
        cv2.circle(image, centre, RADIUS, COLOURS[name], -1)
    image[:8, :8] = 50 * seconds  # a block, which survives JPEG
    return image


def joints(x: float, y: float) -> np.ndarray:
    """Return where somebody in the middle of a disc has which joint, (17, 2)."""
    return (x, y) + _SPREAD


class DiscDetector:
    """Finds no joints in a blank image, which is all that it is asked for."""

    layout = "coco17"
    closed = False

    def close(self) -> None:
        """Free what it holds."""
        self.closed = True

    def detect(self, image: np.ndarray, boxes: Any) -> Detections:
        """Return a skeleton without joints for each box."""
        return Detections(np.zeros((len(boxes), 17, 2)), np.zeros((len(boxes), 17)), self.layout)


class DiscPipeline:
    """Has the calls of ``detection.pipeline.Pipeline``; a person's id is the colour."""

    def __init__(self, weights: str = "", max_people: int = 10, **_: Any) -> None:
        if weights:
            raise FileNotFoundError(f"no weights at {weights}")
        self._max_people = max_people
        self.detector = DiscDetector()

    def process(self, image: np.ndarray, moment: float, boxes: np.ndarray | None = None) -> Any:
        """Return the people whose centre is in one of the boxes, all where there are none."""
        if (image[4, 4] == DEADLY).all():
            raise RuntimeError("the graphics card is on fire")
        time.sleep(round(float(image[4, 4].mean()) / 50))
        found = {}
        for name, colour in COLOURS.items():
            moments = cv2.moments(cv2.inRange(image, np.subtract(colour, 60), np.add(colour, 60)), binaryImage=True)
            if moments["m00"] > 500:
                x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
                if boxes is None or any(bx <= x <= bx + w and by <= y <= by + h for bx, by, w, h in boxes):
                    found[name] = (x, y)
        names = tuple(found)[: self._max_people]
        keypoints = np.array([joints(*found[name]) for name in names]).reshape(-1, 17, 2)
        scores = np.array([0.1 if name == "blue" else 0.9 for name in names])[:, None].repeat(17, 1).reshape(-1, 17)
        boxes = np.array([(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS) for x, y in found.values()])
        found_people = Detections(keypoints, scores, "coco17", COVARIANCE.repeat(len(names), 0), "hrnet")
        return SimpleNamespace(ids=names, detections=found_people, boxes=boxes)


if __name__ == "__main__":
    from diffupose_ros.nodes.common.main import run
    from diffupose_ros.nodes.detect.node import DetectNode

    raise SystemExit(run(lambda: DetectNode(DiscPipeline)))
