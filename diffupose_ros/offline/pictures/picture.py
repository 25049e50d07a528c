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

"""One frame of the video that `diffupose run` writes: the image with people in it, and the 3D view beside it."""

import cv2
import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.drawing.style import PEOPLE
from diffupose_ros.offline.pictures.overlay import draw_legend, draw_people
from diffupose_ros.offline.pictures.people import LiftedPeople
from diffupose_ros.offline.pictures.scene_view import SceneView
from diffupose_ros.offline.pictures.strokes import Colour, Image, bgr, blend, words

HEIGHTS = 480, 720  # px; images of other heights are resized


class Picture:
    """Draws frames; of photographs, each may be of another camera.

    Args:
        width, height: of the first image, in pixels; one of another shape leaves margins.

    Attributes:
        size: width and height of the pictures in pixels, both even.
    """

    def __init__(self, width: int, height: int) -> None:
        self._height = int(np.clip(height, *HEIGHTS)) & ~1
        self._width = 2 * max(1, round(width * self._height / height / 2))
        self.size = self._width + self._height, self._height
        self._scenes: dict[Camera, SceneView] = {}
        self._colours: dict[str, Colour] = {}

    def draw(self, image: Image, camera: Camera, people: LiftedPeople, time: float) -> Image:
        """Return the picture of an image (H, W, 3) BGR at ``time`` seconds, by the camera that took it."""
        for name in people.ids:
            self._colours.setdefault(name, bgr(PEOPLE[len(self._colours) % len(PEOPLE)]))
        left = self._fitted(image, camera, people)
        draw_legend(left)
        band = left[:28, :110]
        blend(band, np.zeros_like(band), 0.55)
        words(left, f"{time:7.2f} s", (10, 20), (255, 255, 255))
        if camera not in self._scenes:
            self._scenes[camera] = SceneView(self._height, self._height, camera)
        return np.asarray(np.hstack([left, self._scenes[camera].draw(people, self._colours)]), np.uint8)

    def _fitted(self, image: Image, camera: Camera, people: LiftedPeople) -> Image:
        """Return the image with people, as large as it can be, in the middle of its place."""
        height, width = image.shape[:2]
        scale = min(self._height / height, (self._width + 1) / width)  # + 1: an even width, of an odd one
        size = min(self._width, max(1, round(width * scale))), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
        draw_people(resized, scale, people, camera, self._colours)
        right, lower = self._width - size[0], self._height - size[1]
        margins = (lower // 2, lower - lower // 2), (right // 2, right - right // 2), (0, 0)
        return np.pad(resized, margins)
