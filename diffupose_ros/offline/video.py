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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from diffupose_ros.detection.frames import FOLDER_RATE, Pixels, open_recording
from diffupose_ros.files import opencv_name

_UNTOLD = 0.5  # s at the end that a file may say it has without having them: its sound may last longer
_FINEST = 65535  # units of time in a second, of MPEG-4
_RATES = 0.1, 1000.0  # images per second of a video that players play


@dataclass(frozen=True)
class Frame:
    """One image.

    Attributes:
        time: seconds since the first one; increasing.
        image: (H, W, 3) BGR.
        focal: length in pixels, of a photograph that tells it; None else.
    """

    time: float
    image: Pixels
    focal: float | None = None


class Video:
    """The frames of a file or directory, read once, one by one; photographs may differ in size.

    What cannot be read is left out and counted.

    Args:
        path: a video, a photograph, or a directory of these.
        rate: images per second, of a directory.
        say: takes a line for the user about each file that cannot be read.

    Attributes:
        width, height: of the first image, in pixels.
        rate: frames per second.
        count: about how many frames there may be; 0 where the file does not say.
        problems: how many frames were left out, by reason.

    Raises:
        FileNotFoundError: no such file or directory.
        ValueError: nothing in it that can be read as an image.
    """

    def __init__(self, path: Path, rate: float = FOLDER_RATE, say: Callable[[str], None] = lambda line: None) -> None:
        self._say = say
        self._source = open_recording(path, rate=rate)
        self.rate, self.count = self._source.rate, round(self._source.duration * self._source.rate)
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
        yield from self._frames

    def _read(self) -> Iterator[Frame]:
        tried, end, source = 0, 0.0, self._source
        try:
            while True:
                try:
                    image = source.read()
                except ValueError as error:
                    self.problems["unreadable"] += 1
                    self._say(str(error))
                else:
                    if image is None:
                        break
                    yield Frame(source.time, image, source.focal)
                tried, end = tried + 1, source.time + 1 / source.rate
            if tried and tried < source.count and source.duration - end > _UNTOLD:
                self.problems["missing at the end"] += min(
                    source.count - tried, round((source.duration - end) * source.rate)
                )
        finally:
            source.close()


class VideoWriter:
    """Writes an MPEG-4 video, as far as that can be done; leaving the with block makes it playable.

    Args:
        path: ends in ``.mp4``.
        rate: frames per second; kept as well as the format can.
        size: width and height in pixels, both even.

    Attributes:
        problem: why there is no whole video; "" while there is none. Writing goes on to be harmless.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        self.problem, self._path, self._written = "", path, 0
        self._writer = cv2.VideoWriter()
        try:
            there = self._writer.open(opencv_name(path), cv2.VideoWriter.fourcc(*"mp4v"), _writable(rate), size)
        except (ValueError, cv2.error) as error:
            self.problem = f"{path} cannot be written: {error}"
        else:
            if not there:
                self.problem = f"{path} cannot be written: is its folder writable, and the disk not full?"

    def write(self, image: Pixels) -> None:
        """Append one image of the size."""
        if self.problem:
            return
        try:
            self._writer.write(image)
        except cv2.error as error:
            self.problem = f"{self._path} breaks off after {self._written} images: {error}"
        self._written += 1

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()  # writes the index
        if self.problem or not self._written:
            return
        capture = cv2.VideoCapture(opencv_name(self._path))  # a full disk raises nothing
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) < self._written:
            self.problem = f"{self._path} is not whole: is the disk full?"
        capture.release()


def _writable(rate: float) -> float:
    """Return a rate near that one in whole thousandths, hundredths, ... of which the format has enough."""
    rate = min(max(rate, _RATES[0]), _RATES[1])
    return next(round(rate, digits) for digits in (3, 2, 1, 0) if rate * 10**digits <= _FINEST)
