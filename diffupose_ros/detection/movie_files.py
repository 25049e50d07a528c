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

"""What MP4 and QuickTime files say of how their video is to be shown, which not every OpenCV tells."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diffupose_ros.detection.orientation import AS_STORED, Orientation

_LARGEST = 1 << 28  # bytes of a movie's description; that of a day of video has a tenth


@dataclass(frozen=True)
class Movie:
    """What a file says.

    Attributes:
        orientation: of the first video in it.
        duration: of that as it is shown, after cuts, in seconds; 0 where the file does not tell.
    """

    orientation: Orientation
    duration: float


def read_movie(path: Path) -> Movie | None:
    """Return what a file says; None where it is of another kind, or damaged there."""
    try:
        moov = _description(path)
        return None if moov is None else _first_video(moov)
    except (OSError, ValueError, struct.error):  # ValueError: a size that no file has
        return None


def _description(path: Path) -> bytes | None:
    """Return what is in the file's ``moov``; it is small, and may be at either end."""
    with open(path, "rb") as file:
        position, first = 0, True
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            begin = 8
            if size == 1:
                size, begin = struct.unpack(">Q", head[8:])[0], 16
            if first and kind not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
                return None
            if kind == b"moov":
                file.seek(position + begin)
                return file.read(size - begin) if begin <= size <= _LARGEST else None
            if size < begin:  # 0: up to the end of the file
                return None
            position, first = position + size, False
            file.seek(position)
    return None


def _first_video(moov: bytes) -> Movie | None:
    header = _box(moov, b"mvhd")
    if header is None:
        return None
    scale = struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
    whole = _matrix(header, 48 if header[0] else 36)
    for kind, track in _boxes(moov):
        if kind != b"trak":
            continue
        handler, shown = _box(track, b"mdia", b"hdlr"), _box(track, b"tkhd")
        if handler is None or shown is None or handler[8:12] != b"vide":
            continue
        long = bool(shown[0])
        duration = struct.unpack_from(">Q" if long else ">I", shown, 28 if long else 20)[0]
        told = scale and duration != (1 << (64 if long else 32)) - 1
        return Movie(_product(_matrix(shown, 52 if long else 40), whole), duration / scale if told else 0.0)
    return None


def _matrix(header: bytes, offset: int) -> Orientation:
    a, b, _, c, d = struct.unpack_from(">5i", header, offset)
    return (a, b, c, d) if any((a, b, c, d)) else AS_STORED


def _product(first: Orientation, then: Orientation) -> Orientation:
    a, b, c, d = first
    e, f, g, h = then
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if size < 8:
            return
        yield kind, content[position + 8 : position + size]
        position += size


def _box(content: bytes, *path: bytes) -> bytes | None:
    """Return what is in the box of a name, in that of the next name, ..."""
    for name in path:
        content = next((inside for kind, inside in _boxes(content) if kind == name), b"")
    return content or None
