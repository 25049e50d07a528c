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

"""Who took the images of a video or of a folder: a calibration, a field of view, what a photograph says, or a guess."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

from diffupose_ros.camera import GUESSED_FIELD_OF_VIEW, Camera
from diffupose_ros.camera_files import read_camera_file
from diffupose_ros.offline.video import Video


class Cameras:
    """The camera of each image.

    Args:
        video: whose images these are.
        calibration: file of the camera; None where there is none.
        hfov: horizontal field of view of all images in degrees, where there is no calibration; None: not known.
        say: takes a line for the user; each comes once.

    Raises:
        ValueError: the calibration cannot be used, or is not of the size of the first image.
    """

    def __init__(self, video: Video, calibration: Path | None, hfov: float | None, say: Callable[[str], None]) -> None:
        if calibration is not None and hfov is not None:
            raise ValueError("--calibration and --hfov say the same: give one of them")
        self._calibrated = None if calibration is None else read_camera_file(calibration).camera
        self._hfov, self._say = hfov, cache(say)
        if self._calibrated is not None and not self._is_calibrated(video.width, video.height):
            size = f"{_size(self._calibrated.width, self._calibrated.height)}, but the images are "
            size += _size(video.width, video.height)
            raise ValueError(f"{calibration} is of {size}: calibrate at this size, or give --hfov")
        self._made = cache(self._make)  # one for all images that agree

    def of(self, width: int, height: int, focal: float | None = None) -> Camera:
        """Return the camera of an image.

        Args:
            width: in pixels.
            height: in pixels.
            focal: length in pixels that the image tells.
        """
        return self._made(width, height, focal)

    def _make(self, width: int, height: int, focal: float | None) -> Camera:
        if self._calibrated is not None:
            if self._is_calibrated(width, height):
                return self._calibrated
            self._say(f"images of {_size(width, height)} are not of the calibration's size: their cameras are guessed")
        elif self._hfov is not None:
            return Camera.from_fov(math.radians(self._hfov), width, height)
        if focal is not None:
            self._say("focal lengths are those that the photographs tell (EXIF); a --calibration is better")
            return Camera.from_focal(focal, width, height)
        degrees = f"{GUESSED_FIELD_OF_VIEW:.0f} degrees across the longer side"
        self._say(f"guessed a field of view of {degrees}; see --calibration and --hfov")
        return Camera.guess(width, height)

    def _is_calibrated(self, width: int, height: int) -> bool:
        assert self._calibrated is not None
        return (self._calibrated.width, self._calibrated.height) == (width, height)


def _size(width: int, height: int) -> str:
    return f"{width}x{height}"
