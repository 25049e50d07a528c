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

"""The people that are lifted: recorded ones in front of a camera, as a detector sees them."""

from functools import cache

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.resources import resource_path

FloatArray = npt.NDArray[np.float64]
LAYOUT, DETECTOR = "coco17", "simulated"


def seen(people: int, frame: int = 0) -> tuple[FloatArray, FloatArray, Camera]:
    """Return pixels (P, J, 2), scores (P, J) and the camera."""
    scene = _scene(people)
    pixels, scores = SimulatedDetector(LAYOUT).observe(scene.poses(frame), scene.camera, frame / Scene.RATE)
    return pixels, scores, scene.camera


def truth(people: int, frame: int) -> FloatArray:
    """Return where their joints are, (P, 17, 3) metres in the camera's frame."""
    return _scene(people).poses(frame)


@cache
def _scene(people: int) -> Scene:
    return Scene(resource_path("resource/clips/people.npz"), people)
