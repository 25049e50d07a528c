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
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.files import opencv_name, user_path

Pixels = npt.NDArray[np.uint8]

FOLDER_RATE = 10.0
"""Images per second of a folder, unless the user says another."""
_IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_FALLBACK_RATE = 30.0  # of a file that does not tell its own
_MAX_RATE = 1000.0  # what a file says above that is no rate

# Its complaints come as our errors. OpenCV looks when it opens the first file.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class Source(Protocol):
    """Images one after the other."""

    @property
    def rate(self) -> float | None:
        """Return its own images per second; None of a camera, which has its own clock."""
        ...

    def read(self, skip: int = 0) -> Pixels | None:
        """Return the image (H, W, 3) after ``skip`` others, uint8 BGR; None at the end.

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
    """Return the images of a video file, a folder of images, or a camera (its number or its device).

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


def open_recording(path: Path, start_at: float = 0.0, rate: float = FOLDER_RATE) -> "VideoFile | Folder":
    """Return the images of a video file or of a folder of images, which have an end, and each its time.

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
    return Folder(path, start_at, rate) if path.is_dir() else VideoFile(path, start_at)


class VideoFile:
    """A video file.

    Attributes:
        rate: images per second, as the file says.
        count: images that the file says it has; 0 where it does not.
        time: of the image read last, in seconds of the video; increasing.
    """

    time: float

    def __init__(self, path: Path, start_at: float) -> None:
        self._name, self._start = opencv_name(path), start_at
        self._capture = cv2.VideoCapture(self._name)
        if not self._capture.isOpened():
            hint = "nothing in it can be read. Is it truncated? Try to convert it"
            raise ValueError(f"{path} is no video that OpenCV can read: {hint}")
        self.rate = _rate_of(self._capture)
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        seconds = self.count / self.rate
        if 0 < seconds <= start_at:
            raise ValueError(f"start_at is {start_at:g} s, but {path} lasts {seconds:.1f} s")
        self._seek()

    def read(self, skip: int = 0) -> Pixels | None:
        """Return the next image; None at the end, which is also where a damaged file breaks off."""
        for _ in range(skip):
            self._capture.grab()
        there, image = self._capture.read()
        if not there:
            return None
        told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # of this image; variable rates exist
        self.time = told if told > self.time else self.time + (skip + 1) / self.rate
        return np.asarray(image, np.uint8)

    def rewind(self) -> None:
        """Start again; the file is opened anew, since not every format can go back."""
        self._capture.open(self._name)
        self._seek()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _seek(self) -> None:
        self.time = self._start - 1 / self.rate  # of the image before the first
        if self._start:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * self._start)


class Folder:
    """The images in a folder, by name.

    Attributes:
        rate: images per second, as it was told.
        count: of the files.
        time: of the image read last, in seconds since the first file's; one that cannot be read takes its time too.
    """

    def __init__(self, path: Path, start_at: float, rate: float) -> None:
        self._files = _image_files(path)
        if not self._files:
            hint = f"expected files with one of the endings {', '.join(_IMAGES)}"
            raise ValueError(f"no images in {path}: nothing in it can be read, {hint}")
        self.rate, self.count = rate, len(self._files)
        self._start = self._next = round(start_at * rate)
        self.time = 0.0
        if self._start >= self.count:
            raise ValueError(f"start_at is {start_at:g} s, but {path} lasts {self.count / rate:.1f} s")

    def read(self, skip: int = 0) -> Pixels | None:
        """Return the next image.

        Raises:
            ValueError: the file is no image, or broken; says which.
        """
        index = self._next + skip
        self._next, self.time = index + 1, index / self.rate
        if index >= self.count:
            return None
        try:
            content = np.fromfile(self._files[index], np.uint8)  # of any name; imread wants UTF-8
            image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        except (OSError, cv2.error) as error:  # too large, for instance
            raise ValueError(f"{self._files[index]}: {error}") from error
        if image is None:
            raise ValueError(f"{self._files[index]} is no image that OpenCV can read")
        return np.asarray(image, np.uint8)

    def rewind(self) -> None:
        """Start again."""
        self._next = self._start

    def close(self) -> None:
        """Do nothing: no file is held."""


class Camera:
    """A camera of this machine."""

    rate: float | None = None

    def __init__(self, device: str) -> None:
        self._device: int | str = int(device) if device.isdecimal() else device
        self._capture = cv2.VideoCapture(self._device)
        if not self._capture.isOpened():
            raise ValueError(f"camera {device} cannot be opened: is it there, is it used by another, may you use it?")

    def read(self, skip: int = 0) -> Pixels | None:
        """Wait for the next image; it is tried to open the camera again when it gives none.

        Raises:
            ValueError: it gave none.
        """
        there, image = self._capture.read()
        if not there:
            self._capture.release()
            self._capture.open(self._device)
            raise ValueError(f"camera {self._device} gives no images")
        return np.asarray(image, np.uint8)

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

    return sorted((file for file in folder.iterdir() if file.suffix.lower() in _IMAGES and file.is_file()), key=natural)


def _rate_of(capture: cv2.VideoCapture) -> float:
    """Return the images per second that a video file says it has, or a usual rate where that is none."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if math.isfinite(rate) and 0 < rate <= _MAX_RATE else _FALLBACK_RATE
