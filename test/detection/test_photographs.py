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

"""Photographs of files as cameras and tools write them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from support.movies import corners

from diffupose_ros.detection.frames import open_recording
from diffupose_ros.detection.orientation import AS_STORED, EXIF
from diffupose_ros.detection.photographs import _exif, read_photograph

PICTURE = np.full((60, 80, 3), 128, np.uint8)
PICTURE[:10, :10], PICTURE[:10, -10:] = 255, 0
SHOWN = {  # where the white and the black corner, stored above, come to be
    1: ("upper left", "upper right"),
    2: ("upper right", "upper left"),
    3: ("lower right", "lower left"),
    4: ("lower left", "lower right"),
    5: ("upper left", "lower left"),
    6: ("upper right", "lower right"),
    7: ("lower right", "upper right"),
    8: ("lower left", "upper left"),
}


def write(path: Path, orientation: Any = None, details: dict[int, Any] | None = None) -> Path:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769).update(details or {})
    Image.fromarray(PICTURE).save(path, exif=exif.tobytes())
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", SHOWN)
def test_photographs_are_shown_the_right_way_up(tmp_path: Path, ending: str, orientation: int) -> None:
    image = read_photograph(write(tmp_path / f"a.{ending}", orientation)).image
    assert image.shape == ((80, 60, 3) if orientation > 4 else (60, 80, 3))
    assert corners(image) == SHOWN[orientation]


@pytest.mark.parametrize("orientation", [0, 9, None])
def test_an_orientation_that_is_none_turns_nothing(tmp_path: Path, orientation: int | None) -> None:
    assert corners(read_photograph(write(tmp_path / "a.jpg", orientation)).image) == SHOWN[1]


@pytest.mark.parametrize(
    ("details", "focal"),
    [
        ({0xA405: 26}, 26 / np.hypot(36, 24) * 100),
        ({0xA405: 26, 0xA002: 4000, 0xA003: 3000}, 26 / np.hypot(36, 24) * 100),  # made smaller
        ({0xA405: 26, 0xA002: 4000, 0xA003: 2250}, None),  # cut out of an image of another shape
        ({0x920A: 50.0, 0xA20E: 5000.0, 0xA210: 3, 0xA002: 800, 0xA003: 600}, 50 * 5000 / 10 / 10),  # px/cm, ten times
        ({0x920A: 50.0}, None),
        ({0xA405: 0}, None),
        ({}, None),
    ],
)
def test_the_focal_length_is_the_one_that_the_camera_wrote(
    tmp_path: Path, details: dict[int, Any], focal: float | None
) -> None:
    for orientation in (1, 6):
        found = read_photograph(write(tmp_path / "a.jpg", orientation, details)).focal
        assert found == (None if focal is None else pytest.approx(focal, rel=1e-3))


def test_damaged_tags_cost_no_photograph(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", 6, {0xA405: 26})
    data = path.read_bytes()
    begin = data.index(b"Exif")
    path.write_bytes(data[: begin + 6] + b"\xff" * 20 + data[begin + 26 :])
    assert read_photograph(path).image.shape == (60, 80, 3)


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    written = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def test_tags_of_large_photographs_are_read_without_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Image.Image] = []
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded.append)
    exif = Image.Exif()
    exif[0x0112] = 6
    tags = exif.tobytes().removeprefix(b"Exif\0\0")
    assert _exif(png(20000, 10000, (b"eXIf", tags)), 20000, 10000) == (EXIF[6], None)
    assert _exif(png(20000, 10000), 20000, 10000) == (AS_STORED, None)
    assert not decoded


def test_what_is_too_large_or_gone_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(100000, 100000))
    for name, reason in (("large", "cannot be read by OpenCV: pixels <= "), ("gone", ".*No such file ")):
        with pytest.raises(ValueError, match=rf"{name}.png:? {reason}[^\n]*$"):
            read_photograph(tmp_path / f"{name}.png")


def test_a_photograph_alone_is_read_and_one_that_nobody_reads_is_said(tmp_path: Path) -> None:
    write(tmp_path / "img_001.jpg", 6)
    write(tmp_path / "img_002.jpg", 1)
    source = open_recording(tmp_path / "img_001.jpg")
    image = source.read()
    assert image is not None and corners(image) == SHOWN[6]
    assert source.read() is None  # not the file that is named as the next one of a sequence
    (tmp_path / "IMG_3.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    with pytest.raises(ValueError, match=r"IMG_3\.HEIC is no image that OpenCV can read: convert it to JPEG"):
        open_recording(tmp_path / "IMG_3.HEIC").read()


def test_images_of_every_kind_are_in_a_folder_and_notes_of_macos_are_not(tmp_path: Path) -> None:
    for ending in ("bmp", "JPG", "jp2", "ppm", "tiff"):
        cv2.imwrite(str(tmp_path / f"a.{ending}"), PICTURE)
    (tmp_path / "._a.JPG").write_bytes(b"notes")
    source = open_recording(tmp_path)
    assert source.count == 5
    assert all(image is not None and image.shape == PICTURE.shape for image in (source.read() for _ in range(5)))
