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

"""A video as the offline run reads it, to its end with what is wrong counted, and as it writes one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from diffupose_ros.detection.frames import FOLDER_RATE, Pixels, open_recording
from diffupose_ros.files import opencv_name


@dataclass(frozen=True)
class Frame:
    """One image.

    Attributes:
        time: seconds since the first one; increasing.
        image: (H, W, 3) BGR.
    """

    time: float
    image: Pixels


class Video:
    """The frames of a file or directory, read once, one by one.

    What cannot be read, or is not as large as the first image, is left out and counted.

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
        self._source = open_recording(path, rate=rate)
        self.rate, self.count = self._source.rate, self._source.count
        self.problems: Counter[str] = Counter()
        self._frames = self._read()
        self._first = next(self._frames, None)
        if self._first is None:
            raise ValueError(f"{path}: no image in it can be read. Is it truncated? Try to convert it")
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

    def _read(self) -> Iterator[Frame]:
        tried = 0
        try:
            while True:
                try:
                    image = self._source.read()
                except ValueError:
                    self.problems["unreadable"] += 1
                else:
                    if image is None:
                        break
                    yield Frame(self._source.time, image)
                tried += 1
            if 0 < tried < self.count - 1:
                self.problems["missing at the end"] += self.count - tried
        finally:
            self._source.close()


class VideoWriter:
    """Writes an MPEG-4 video; leaving the with block makes it playable.

    Args:
        path: ends in ``.mp4``.
        rate: frames per second.
        size: width and height in pixels, both even.

    Raises:
        OSError: it cannot be written.
        ValueError: its name is not UTF-8.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        self._writer = cv2.VideoWriter(opencv_name(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not self._writer.isOpened():
            raise OSError(f"cannot write the video {path}: is its folder writable, and the disk not full?")

    def write(self, image: Pixels) -> None:
        """Append one image of the size."""
        self._writer.write(image)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()  # writes the index
