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


"""A simulated world: recorded people who move in front of a camera."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.clips import RATE, load_clips

FloatArray = npt.NDArray[np.float64]


class Scene:
    """People who move in front of a fixed camera: recorded motion, played forth and back.

    The clip file (.npz) holds one int16 array (T, 17, 3) a person, in millimetres, at 30 Hz, in a world
    frame with z up and the camera above the origin, looking along x. More people than the clip has repeat
    them, later in time and further away.

    Args:
        path: the clip.
        people: how many.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a clip.
    """

    RATE = RATE
    HEIGHT = 1.3  # m, of the camera above the ground
    TO_OPTICAL = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])

    def __init__(self, path: str | Path, people: int) -> None:
        clips = load_clips(path)
        self._tracks = [clips[name] for name in sorted(clips)]
        self.people = people
        self.camera = Camera.from_fov(np.radians(75), 1280, 720)

    @property
    def frames(self) -> int:
        """Number of frames until the longest track has been played forth and back."""
        return max(max(2 * len(track) - 2, 1) for track in self._tracks)

    def poses(self, frame: int) -> FloatArray:
        """Return where everyone is, (P, 17, 3) in metres in the camera's optical frame."""
        if not self.people:
            return np.zeros((0, 17, 3))
        placed = []
        for person in range(self.people):
            row, index = divmod(person, len(self._tracks))
            track = self._tracks[index]
            at = (frame + 41 * row) % max(2 * len(track) - 2, 1)
            placed.append(track[min(at, 2 * len(track) - 2 - at)] + (2.0 * row, 0.4 * row, 0))
        world = np.array(placed) - (0, 0, self.HEIGHT)
        return np.asarray(world @ self.TO_OPTICAL.T)
