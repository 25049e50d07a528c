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

"""Where images come from: a video file, a folder, a camera. Knows no messages."""

import math
import os
import re
import time
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.movie_files import read_movie
from diffupose_ros.detection.orientation import AS_STORED, CLOCKWISE, Pixels, upright
from diffupose_ros.detection.photographs import ENDINGS, read_photograph
from diffupose_ros.files import opencv_name, user_path

FOLDER_RATE = 10.0
"""Images per second of a folder, unless the user says another."""

_USUAL_RATE = 30.0  # of a file that does not tell its own
_DOUBTFUL_RATE = 1000.0  # what a file says from there on is its unit of time
_MEASURED = 30  # images, of which a rate is measured
_ROUNDING = 1e-3  # s; some containers know no finer times
_RUN_UP = 1.0  # s before the start that are read
_SQUARE, _MOST_STRETCH = 0.005, 4.0  # of pixels: by which they may be taken for square; what no camera has
_TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}

# Its complaints come as our errors. OpenCV looks when it opens the first file.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class Source(Protocol):
    """Images one after the other.

    Attributes:
        time: of the image read last, in seconds; increasing.
        focal: length in pixels of the image read last; None where nobody says.
    """

    time: float
    focal: float | None

    @property
    def rate(self) -> float | None:
        """Return its own images per second; None of a camera, which has its own clock."""
        ...

    def read(self, since: float = -math.inf) -> Pixels | None:
        """Return the next image (H, W, 3), uint8 BGR, that is not before ``since`` seconds; None at the end.

        Raises:
            ValueError: this one cannot be read; the next may be.
        """
        ...

    def rewind(self) -> None:
        """Start again."""
        ...

    def close(self) -> None:
        """Let go of the file or the camera."""
        ...


def open_source(source: str, start_at: float = 0.0, rate: float = 0.0) -> Source:
    """Return the images of a video file, a photograph, a folder of these, or a camera (its number or its device).

    Args:
        source: path, or number.
        start_at: seconds of a file or folder that are left out; so are they when it starts again.
        rate: images per second of a folder; 0: ``FOLDER_RATE``.

    Raises:
        ValueError: there is nothing there, or nothing that can be read; says what was expected.
    """
    path = user_path(source)
    if source.isdecimal() or path.is_char_device():
        return Camera(source)
    if source and (path.is_dir() or path.is_file()):
        return open_recording(path, start_at, rate or FOLDER_RATE)
    raise ValueError(
        f"nothing at source {source!r}: expected a video file, a folder of images, or the number of a camera"
    )


def open_recording(path: Path, start_at: float = 0.0, rate: float = FOLDER_RATE) -> "VideoFile | Photographs":
    """Return the images of a video file, of a photograph or of a folder of these, which have an end, and each its time.

    Args:
        path: of the file or folder.
        start_at: seconds that are left out.
        rate: images per second of a folder.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: nothing that can be read; says what was expected.
    """
    if not path.exists():
        raise FileNotFoundError(f"no video at {path}: expected a video file or a folder of images")
    if path.is_dir() or (_is_picture(path) and path.suffix.lower() != ".gif"):
        return Photographs(path, start_at, rate)
    return VideoFile(path, start_at)


class VideoFile:
    """A video file, shown as it says: the right way up, not mirrored, with square pixels, each image at its time.

    Attributes:
        rate: images per second, as the file says, or as its times tell; their mean where it varies.
        count: images that the file says it holds; 0 where it does not. Those that an editor cut away are among them.
        duration: in seconds, as the file says, without what was cut away; 0 where it does not.
        time: of the image read last, in seconds of the video; increasing.
    """

    time: float
    focal: float | None = None

    def __init__(self, path: Path, start_at: float) -> None:
        self._name, self._start = opencv_name(path), start_at
        self._capture = cv2.VideoCapture()
        if not self._open():
            hint = "nothing in it can be read. Is it truncated, or sound alone? Try to convert it"
            raise ValueError(f"{path} is no video that OpenCV can read: {hint}")
        movie, told = read_movie(path), self._capture.get(cv2.CAP_PROP_FPS)
        if self._turned:
            self._orientation = AS_STORED
        elif movie is not None:
            self._orientation = movie.orientation
        else:
            self._orientation = CLOCKWISE.get(self._capture.get(cv2.CAP_PROP_ORIENTATION_META) % 360, AS_STORED)
        self._stretch = _stretch(self._capture)
        self.rate = told if 0 < told < _DOUBTFUL_RATE else self._measured_rate()
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        counted = self.count / (told if 0 < told < math.inf else self.rate)
        cut = movie.duration if movie is not None else 0.0
        self.duration = min(counted, cut) if cut else counted
        if 0 < self.duration <= start_at:
            raise ValueError(f"start_at is {start_at:g} s, but {path} lasts {self.duration:.1f} s")
        self._seek()

    def read(self, since: float = -math.inf) -> Pixels | None:
        """Return the next image; None at the end, which is also where a damaged file breaks off."""
        since = max(since, self._start) - _ROUNDING
        while self._grab():
            if self.time >= since:
                there, image = self._capture.retrieve()
                if there:
                    return self._shown(_bgr(image))
        return None

    def rewind(self) -> None:
        """Start again; the file is opened anew, since not every format can go back."""
        self._open()
        self._seek()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _open(self) -> bool:
        """Return whether it can be opened; OpenCV is told to turn nothing, since which files it would turn differs."""
        there = bool(self._capture.open(self._name))
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._turned = self._capture.get(cv2.CAP_PROP_ORIENTATION_AUTO) > 0
        return there

    def _grab(self) -> bool:
        if not self._capture.grab():
            return False
        told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # some say 0 of the last one
        self.time = told if told > self.time else self.time + 1 / self.rate
        return True

    def _seek(self) -> None:
        """Go to the beginning, or to where the start is soon, which not every file lets one find."""
        self.time = -1 / self.rate  # of the image before the first
        if self._start > _RUN_UP:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * (self._start - _RUN_UP))
            self._grab()
            if not 0 < self.time < self._start - _ROUNDING:
                self._open()
                self.time = -1 / self.rate

    def _measured_rate(self) -> float:
        """Return the images per second that the times of the first ones mean, or a usual rate where they have none."""
        times: list[float] = []
        while len(times) < _MEASURED and self._capture.grab():
            times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        self._open()
        known = [time for time in times if time > 0]  # not the first; some say 0 where they do not know
        return (len(known) - 1) / (known[-1] - known[0]) if known and known[-1] > known[0] else _USUAL_RATE

    def _shown(self, image: Pixels) -> Pixels:
        if self._stretch != 1:
            size = max(1, round(image.shape[1] * self._stretch)), image.shape[0]
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        return upright(image, self._orientation)


class Photographs:
    """A photograph, or the images in a folder by name; each of a size and a camera of its own.

    Attributes:
        rate: images per second, as it was told.
        count: of the files.
        duration: of all, in seconds.
        time: of the image read last, in seconds since the first file's; one that cannot be read takes its time too.
        focal: length of the image read last, in pixels; None where its file does not say.
    """

    focal: float | None = None

    def __init__(self, path: Path, start_at: float, rate: float) -> None:
        self._files = _image_files(path) if path.is_dir() else [path]
        if not self._files:
            hint = f"expected files with one of the endings {', '.join(ENDINGS)}"
            raise ValueError(f"no images in {path}: nothing in it can be read, {hint}")
        self.rate, self.count, self.duration = rate, len(self._files), len(self._files) / rate
        self._start = self._next = round(start_at * rate)
        self.time = 0.0
        if self._start >= self.count:
            raise ValueError(f"start_at is {start_at:g} s, but {path} lasts {self.duration:.1f} s")

    def read(self, since: float = -math.inf) -> Pixels | None:
        """Return the next image that is not before ``since``.

        Raises:
            ValueError: the file is no image, or broken; says which.
        """
        index = max(self._next, math.ceil((since - _ROUNDING) * self.rate) if since > 0 else 0)
        self._next, self.time = index + 1, index / self.rate
        if index >= self.count:
            return None
        photograph = read_photograph(self._files[index])
        self.focal = photograph.focal
        return photograph.image

    def rewind(self) -> None:
        """Start again."""
        self._next = self._start

    def close(self) -> None:
        """Do nothing: no file is held."""


class Camera:
    """A camera of this machine.

    Attributes:
        time: of the image read last, by the machine's monotonic clock.
    """

    rate: float | None = None
    time = 0.0
    focal: float | None = None

    def __init__(self, device: str) -> None:
        self._device: int | str = int(device) if device.isdecimal() else device
        self._capture = cv2.VideoCapture(self._device)
        if not self._capture.isOpened():
            raise ValueError(f"camera {device} cannot be opened: is it there, is it used by another, may you use it?")

    def read(self, since: float = -math.inf) -> Pixels | None:
        """Wait for the next image; it is tried to open the camera again when it gives none.

        Raises:
            ValueError: it gave none.
        """
        there, image = self._capture.read()
        if not there:
            self._capture.release()
            self._capture.open(self._device)
            raise ValueError(f"camera {self._device} gives no images")
        self.time = time.monotonic()
        return _bgr(image)

    def rewind(self) -> None:
        """Do nothing: a camera has no beginning."""

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


def _image_files(folder: Path) -> list[Path]:
    """Return the images of a folder by name, numbers in the names by value: ``image2`` before ``image10``."""

    def natural(path: Path) -> tuple[list[tuple[int, str]], str]:
        parts = re.split(r"(\d+)", path.name)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name

    return sorted((file for file in folder.iterdir() if _is_picture(file) and file.is_file()), key=natural)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")  # ._IMG_1.jpg is none, but macOS's notes


def _stretch(capture: cv2.VideoCapture) -> float:
    """Return how much wider than high a video's pixels are; 1 where it does not say, or nonsense."""
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    ratio = across / down if across > 0 and down > 0 else 1.0
    return ratio if 1 / _MOST_STRETCH < ratio < _MOST_STRETCH and abs(ratio - 1) > _SQUARE else 1.0


def _bgr(image: npt.NDArray[Any]) -> Pixels:
    """Return what OpenCV gave, grey or of 16 bits or with transparency, as (H, W, 3) BGR of 8 bits."""
    if image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=1 / 257)
    channels = image.shape[2] if image.ndim == 3 else 1
    return np.asarray(cv2.cvtColor(image, _TO_BGR[channels]) if channels in _TO_BGR else image, np.uint8)
