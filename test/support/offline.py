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

"""What the offline tests share: a video of people as coloured discs, and a detector that finds the discs."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.detection.detector import Detections
from diffupose_ros.resources import resource_path

PEOPLE, RATE = 2, 30.0
SCENE = Scene(resource_path("resource/clips/people.npz"), PEOPLE)
CAMERA = Camera.from_fov(np.radians(75), 640, 360)
MARK = 200  # red of all discs; blue says the joint, green the person
IDS = ("ann", "bob")


def render(poses: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Draw the COCO joints of poses (P, 17, 3) as discs."""
    image = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
    pixels, scores = SimulatedDetector("coco17", noise=0).observe(poses, CAMERA, 0.0)
    for person, (joints, seen) in enumerate(zip(pixels, scores, strict=True)):
        for joint, (x, y) in enumerate(joints):
            if seen[joint]:
                colour = (10 * joint + 5, 50 * person + 50, MARK)
                cv2.circle(image, (round(x * 8), round(y * 8)), 2 * 8, colour, -1, cv2.LINE_8, 3)
    return image


class DiscPipeline:
    """Finds the discs by their colours, and so knows who is who; has the interface of ``detection.pipeline``."""

    layout = "coco17"

    def process(self, image: npt.NDArray[np.uint8], time: float, boxes: Any = None) -> SimpleNamespace:
        """Return ids and detections of all who have a disc in the image."""
        rows, columns = np.nonzero(image[..., 2] == MARK)
        blue, green = image[rows, columns, 0], image[rows, columns, 1]
        ids, keypoints, scores = [], [], []
        for person, name in enumerate(IDS):
            joints, seen = np.zeros((17, 2)), np.zeros(17)
            for joint in range(17):
                own = (green == 50 * person + 50) & (blue == 10 * joint + 5)
                if own.any():
                    joints[joint], seen[joint] = (columns[own].mean(), rows[own].mean()), 1.0
            if seen.any():
                ids.append(name)
                keypoints.append(joints)
                scores.append(seen)
        found = Detections(np.reshape(keypoints, (-1, 17, 2)), np.reshape(scores, (-1, 17)), self.layout)
        return SimpleNamespace(ids=tuple(ids), detections=found, boxes=np.zeros((len(ids), 4)))


def write_video(path: Path, images: Sequence[npt.NDArray[np.uint8]], rate: float = RATE) -> Path:
    """Write images without loss."""
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), rate, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return path
