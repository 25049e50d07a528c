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

"""Videos as telephones and editors write them: those of OpenCV, with other words in their containers."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

_BEFORE_BOXES = {b"stsd": 8, b"mp4v": 78}  # bytes of a box that come before the boxes in it
_TRACK = (b"moov", b"trak")
_SAMPLES = (*_TRACK, b"mdia", b"minf", b"stbl")


def numbered_video(path: Path, codec: str, count: int = 20, rate: float = 10.0) -> Path:
    """Write images of 64x48, each of ten times its number; the upper left corner is white, the upper right black."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    for number in range(count):
        image = np.full((48, 64, 3), 10 * number, np.uint8)
        image[:12, :16], image[:12, -16:] = 255, 0
        writer.write(image)
    writer.release()
    return path


def corners(image: np.ndarray) -> tuple[str, str]:
    """Return where the white and where the black corner are, such as ("upper left", "upper right")."""
    height, width = image.shape[:2]
    means = {}
    for y, x in itertools.product((4, height - 4), (4, width - 4)):
        name = f"{'upper' if y == 4 else 'lower'} {'left' if x == 4 else 'right'}"
        means[name] = float(image[y - 2 : y + 2, x - 2 : x + 2].mean())
    return max(means, key=means.__getitem__), min(means, key=means.__getitem__)


def turn(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Let an MP4 say that its image is to be shown by that matrix."""
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    _edit(path, (*_TRACK, b"tkhd"), lambda content: content[:40] + matrix + content[76:])


def set_times(path: Path, steps: list[int]) -> None:
    """Let an MP4 say how long each image is shown, in hundredths of a second."""
    entries = b"".join(struct.pack(">II", 1, step) for step in steps)
    _edit(path, (*_SAMPLES, b"stts"), lambda content: struct.pack(">II", 0, len(steps)) + entries)
    _edit(path, (*_TRACK, b"mdia", b"mdhd"), lambda content: content[:12] + struct.pack(">I", 100) + content[16:])
    for kind, at in (((b"moov", b"mvhd"), 16), ((*_TRACK, b"tkhd"), 20), ((*_TRACK, b"edts", b"elst"), 8)):
        _edit(path, kind, lambda content, at=at: content[:at] + struct.pack(">I", 10 * sum(steps)) + content[at + 4 :])


def cut(path: Path, first: int, milliseconds: int) -> None:
    """Let an MP4 say that so much of it is left out at the beginning, as editors do; ``first``: in its own units."""
    _edit(
        path,
        (*_TRACK, b"edts", b"elst"),
        lambda content: content[:8] + struct.pack(">Ii", milliseconds, first) + content[16:],
    )
    for kind, at in (((b"moov", b"mvhd"), 16), ((*_TRACK, b"tkhd"), 20)):
        _edit(path, kind, lambda content, at=at: content[:at] + struct.pack(">I", milliseconds) + content[at + 4 :])


def widen(path: Path, across: int, down: int) -> None:
    """Let an MP4 say that its pixels are so wide and high."""
    pixels = struct.pack(">I4sII", 16, b"pasp", across, down)
    _edit(path, (*_SAMPLES, b"stsd", b"mp4v"), lambda content: content + pixels)


def claim_duration(path: Path, nanoseconds: int) -> None:
    """Let a Matroska file of ten images a second say how long each image is shown."""
    data = path.read_bytes()
    told = b"\x23\xe3\x83\x84\x05\xf5\xe1\x00"
    assert told in data
    path.write_bytes(data.replace(told, told[:4] + struct.pack(">I", nanoseconds)))


def _edit(path: Path, box: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(_edited(path.read_bytes(), box, change))


def _edited(content: bytes, box: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """Return boxes with what is in one of them changed; those before it, where the images are, stay in place."""
    position, found = 0, []
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        inside = content[position + 8 : position + size]
        if kind == box[0]:
            before = _BEFORE_BOXES.get(kind, 0) if len(box) > 1 else 0
            inside = inside[:before] + _edited(inside[before:], box[1:], change) if len(box) > 1 else change(inside)
        found.append(struct.pack(">I4s", len(inside) + 8, kind) + inside)
        position += size
    return b"".join(found)
