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
    """Draws frames of one camera.

    Args:
        camera: with its image's width and height.

    Attributes:
        size: width and height of the pictures in pixels, both even.
    """

    def __init__(self, camera: Camera) -> None:
        height = int(np.clip(camera.height, *HEIGHTS)) & ~1
        self._camera, self._scale = camera, height / camera.height
        self._image_size = 2 * max(1, round(camera.width * self._scale / 2)), height
        self.size = self._image_size[0] + height, height
        self._scene = SceneView(height, height, camera)
        self._colours: dict[str, Colour] = {}

    def draw(self, image: Image, people: LiftedPeople, time: float) -> Image:
        """Return the picture of an image (H, W, 3) BGR at ``time`` seconds."""
        for name in people.ids:
            self._colours.setdefault(name, bgr(PEOPLE[len(self._colours) % len(PEOPLE)]))
        shrinks = self._scale < 1
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        left = np.asarray(cv2.resize(image, self._image_size, interpolation=method), np.uint8)
        draw_people(left, self._scale, people, self._camera, self._colours)
        draw_legend(left)
        band = left[:28, :110]
        blend(band, np.zeros_like(band), 0.55)
        words(left, f"{time:7.2f} s", (10, 20), (255, 255, 255))
        return np.asarray(np.hstack([left, self._scene.draw(people, self._colours)]), np.uint8)
