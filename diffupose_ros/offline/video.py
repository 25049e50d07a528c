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

"""A video file, or a directory of images, as frames with their times."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its complaints come as our errors

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.frames import FOLDER_RATE, IMAGES, image_files, rate_of

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One image.

    Attributes:
        time: seconds since the first one; increasing.
        image: (H, W, 3) BGR.
    """

    time: float
    image: Image


class Video:
    """The frames of a file or directory, read once, one by one.

    Images of a directory come by name, numbers in the names by value. What cannot be read, or is not as large as the
    first image, is left out and counted.

    Args:
        path: a video, or a directory of images.
        rate: images per second, of a directory.

    Attributes:
        width, height: of all images, in pixels.
        rate: frames per second.
        count: how many frames there may be; 0 where the file does not say.
        problems: how many frames were left out, by reason.

    Raises:
        FileNotFoundError: no such file or directory.
        ValueError: nothing in it that can be read as an image.
    """

    def __init__(self, path: Path, rate: float = FOLDER_RATE) -> None:
        if not path.exists():
            raise FileNotFoundError(f"no video at {path}: expected a video file or a directory of images")
        self.problems: Counter[str] = Counter()
        self.rate = rate
        self._frames = self._images(path) if path.is_dir() else self._file(path)
        self._first = next(self._frames, None)
        if self._first is None:
            what = f"no image ({' '.join(IMAGES)})" if path.is_dir() else "no frame"
            hint = "" if path.is_dir() else ": truncated, or not a video that this OpenCV decodes; try to convert it"
            raise ValueError(f"{path}: {what} in it can be read{hint}")
        self.height, self.width = self._first.image.shape[:2]

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        for frame in self._frames:
            if frame.image.shape[:2] == (self.height, self.width):
                yield frame
            else:
                self.problems["of another size"] += 1

    def _images(self, folder: Path) -> Iterator[Frame]:
        paths = image_files(folder)
        self.count = len(paths)
        for index, path in enumerate(paths):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                self.problems["unreadable"] += 1
            else:
                yield Frame(index / self.rate, np.asarray(image, np.uint8))

    def _file(self, path: Path) -> Iterator[Frame]:
        capture = cv2.VideoCapture(str(path))
        self.rate = rate_of(capture)
        self.count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        try:
            time, index = -1.0, 0
            while True:
                read, image = capture.read()
                if not read:
                    break
                told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # of this frame; variable rates exist
                time = told if told > time else time + 1 / self.rate
                yield Frame(max(time, 0.0), np.asarray(image, np.uint8))
                index += 1
            if 0 < index < self.count - 1:
                self.problems["missing at the end"] += self.count - index
        finally:
            capture.release()


class VideoWriter:
    """Writes an MPEG-4 video; leaving the with block makes it playable.

    Args:
        path: ends in ``.mp4``.
        rate: frames per second.
        size: width and height in pixels, both even.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not self._writer.isOpened():
            raise OSError(f"cannot write the video {path}: is its folder writable, and the disk not full?")

    def write(self, image: Image) -> None:
        """Append one image of the size."""
        self._writer.write(image)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()  # writes the index
