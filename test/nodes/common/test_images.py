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


"""Image messages to BGR and back: every encoding, and what is wrong with the others."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from diffupose_ros.nodes.common import images
from diffupose_ros.nodes.common.images import ASSUMED, ENCODINGS, Bridge, compressed_message, image_message, read_image

GREY = np.full((4, 6, 3), 130, np.uint8)
SMOOTH = np.ascontiguousarray(
    np.stack(np.broadcast_arrays(*np.ogrid[0:120:2, 0:160:2], 77), -1).astype(np.uint8)
)  # (60, 80, 3)


def raw(data: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """Return the message of (H, W, C) bytes, with rows that are longer than they need be."""
    stored = np.ascontiguousarray(data).view(np.uint8)
    rows = np.pad(stored.reshape(len(data), -1), ((0, 0), (0, padding)), constant_values=255)
    message = Image(
        height=data.shape[0] * (2 if encoding.startswith("nv") else 3) // 3,
        width=data.shape[1],
        encoding=encoding,
        step=rows.shape[1],
    )
    message.data = array("B", rows.tobytes())
    return message


def encoded(image: np.ndarray, encoding: str) -> np.ndarray:
    """Return a BGR image in an encoding, as (H, W, C)."""
    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
    if encoding.startswith(("yu", "uy")):
        colour = np.where(np.arange(image.shape[1]) % 2 == 0, cb, cr)
        return np.stack([y, colour] if encoding in ("yuv422_yuy2", "yuyv") else [colour, y], -1)
    if encoding.startswith("nv"):
        first, second = (cb, cr) if encoding == "nv12" else (cr, cb)
        colour = np.where(np.arange(image.shape[1]) % 2 == 0, first, second)[::2]
        return np.concatenate([y, colour])[..., None]
    if encoding.startswith("bayer_"):
        colour = np.array(
            [["bgr".index(encoding[6]), "bgr".index(encoding[7])], ["bgr".index(c) for c in encoding[8:10]]]
        )
        rows, columns = np.indices(image.shape[:2])
        mosaic = np.take_along_axis(image, colour[rows % 2, columns % 2][..., None], -1)
        return mosaic.astype("<u2") * 257 if encoding.endswith("16") else mosaic
    if encoding.endswith("16"):
        return encoded(image, encoding.replace("16", "8")).astype("<u2") * 257
    codes = {
        "rgb8": cv2.COLOR_BGR2RGB,
        "bgra8": cv2.COLOR_BGR2BGRA,
        "rgba8": cv2.COLOR_BGR2RGBA,
        "mono8": cv2.COLOR_BGR2GRAY,
    }
    encoding = ASSUMED.get(encoding, encoding)
    made = image if encoding == "bgr8" else cv2.cvtColor(image, codes[encoding])
    return made.reshape(*image.shape[:2], -1)


@pytest.mark.parametrize("padding", [0, 10])
@pytest.mark.parametrize("encoding", [*ENCODINGS, *ASSUMED])
def test_every_encoding_gives_the_same_picture(encoding: str, padding: int) -> None:
    read = read_image(raw(encoded(SMOOTH, encoding), encoding, padding))
    assert read.shape == SMOOTH.shape and read.dtype == np.uint8
    expected = SMOOTH
    if ASSUMED.get(encoding, encoding).startswith("mono"):
        expected = cv2.cvtColor(cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if encoding == "mono16" or re.match("bayer.*16", encoding):  # of which the whole range is used
        expected = np.round((expected.astype(float) - expected.min()) * 255 / np.ptp(expected))
    # YUV's luma goes from 16 to 235 in video and from 0 to 255 here; hues must agree all the same.
    tolerance = 25 if encoding.startswith(("yu", "uy", "nv")) else 0
    difference = np.abs(read.astype(int) - expected)
    if encoding.startswith("bayer_"):  # colours between are guessed; a mosaic read as another errs by 70
        tolerance, difference = 3, difference[4:-4, 4:-4]
    assert difference.max() <= tolerance


def test_bgr_is_not_copied_and_comes_back_as_it_was() -> None:
    header = Header(frame_id="camera")
    message = image_message(SMOOTH, header)
    assert (message.header, message.encoding, message.step) == (header, "bgr8", 240)
    assert np.array_equal(read_image(message), SMOOTH)
    for padded in (message, raw(SMOOTH, "bgr8", padding=6)):
        assert np.shares_memory(Bridge().imgmsg_to_cv2(padded), np.frombuffer(padded.data, np.uint8))
    cut_out = SMOOTH[10:30, 10:40]
    assert np.array_equal(read_image(image_message(cut_out, header)), cut_out)


def test_the_largest_images_are_read() -> None:
    large = np.zeros((4000, 5000, 3), np.uint8)
    large[-1, -1] = 9
    assert read_image(image_message(large, Header()))[-1, -1].tolist() == [9, 9, 9]


@pytest.mark.parametrize("picture_format", ["jpg", "png", "bmp"])
def test_compressed_pictures_are_read_grey_ones_and_such_with_alpha_too(picture_format: str) -> None:
    grey = cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2GRAY)
    for image, expected in ((SMOOTH, SMOOTH), (grey, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))):
        data = cv2.imencode(f".{picture_format}", image)[1].tobytes()
        read = read_image(CompressedImage(format=picture_format, data=array("B", data)))
        assert read.shape == SMOOTH.shape
        assert np.abs(read.astype(int) - expected).mean() < 3
    alpha = cv2.imencode(".png", cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2BGRA))[1].tobytes()
    assert np.array_equal(read_image(CompressedImage(format="png", data=array("B", alpha))), SMOOTH)


def test_what_is_compressed_here_is_read_here() -> None:
    message = compressed_message(SMOOTH, Header(frame_id="camera"))
    assert message.header.frame_id == "camera"
    assert np.abs(read_image(message).astype(int) - SMOOTH).mean() < 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoding": "16UC1", "step": 12}, "16UC1.*is of measures.*a depth image.*expected one of bgr8"),
        ({"encoding": "32FC1"}, "is of measures"),
        ({"encoding": "nv24"}, "'nv24': expected one of"),
        ({"encoding": "mono16", "step": 6}, "step is 6 bytes, but a row of 6 pixels of mono16 has 12"),
        ({"encoding": "8UC3", "step": 17}, "step is 17 bytes, but a row of 6 pixels of 8UC3 has 18"),
        ({"encoding": "nv12", "step": 13}, "truncated: 72 bytes of data, but 6 rows of 13 bytes are 78"),
        ({"encoding": "nv12", "height": 3}, "nv12 has an even width and height, got 6x3"),
        ({"encoding": ""}, "encoding ''.*expected one of"),
        ({"width": 0}, "no pixels: it is 0x4"),
        ({"height": 0}, "no pixels: it is 6x0"),
        ({"step": 17}, "step is 17 bytes, but a row of 6 pixels of bgr8 has 18"),
        ({"step": 0}, "step is 0 bytes"),
        ({"height": 5}, "truncated: 72 bytes of data, but 5 rows of 18 bytes are 90"),
        ({"data": array("B")}, "truncated: 0 bytes"),
        ({"width": 5, "encoding": "yuv422"}, "even width"),
        ({"width": 5, "encoding": "yuyv"}, "even width"),
    ],
)
def test_a_bad_image_is_refused_with_what_is_wrong(changes: dict[str, object], reason: str) -> None:
    message = raw(GREY, "bgr8")
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=reason):
        read_image(message)


JPEG = cv2.imencode(".jpg", SMOOTH)[1].tobytes()
DEEP = cv2.imencode(".png", SMOOTH.astype(np.uint16) * 257)[1].tobytes()
DEEP_GREY = cv2.imencode(".png", SMOOTH[..., 0].astype(np.uint16) * 257)[1].tobytes()
PNG = cv2.imencode(".png", SMOOTH)[1].tobytes()
STREAM = b"\0\0\0\1\x67" + bytes(range(200))


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("jpeg", JPEG),
        ("jpg", JPEG),
        ("rgb8; jpeg compressed bgr8", JPEG),
        ("bgr8; jpeg compressed ", JPEG),
        ("bayer_rggb8; jpeg compressed bgr8", JPEG),
        ("", JPEG),
        ("png", PNG),
        ("rgb8; png compressed bgr8", PNG),
        ("rgb16; png compressed bgr16", DEEP),
        ("png", DEEP),
    ],
)
def test_every_format_of_pictures_is_read(form: str, data: bytes) -> None:
    read = read_image(CompressedImage(format=form, data=array("B", data)))
    assert read.dtype == np.uint8 and read.shape == SMOOTH.shape
    assert np.abs(read.astype(int) - SMOOTH).mean() < (3 if data is JPEG else 1e-9)


def test_a_grey_picture_of_sixteen_bits_is_read_where_it_says_so() -> None:
    read = read_image(CompressedImage(format="mono16; png compressed ", data=array("B", DEEP_GREY)))
    expected = SMOOTH[..., :1].astype(float)
    expected = np.round((expected - expected.min()) * 255 / np.ptp(expected))
    assert np.array_equal(read, np.broadcast_to(expected, SMOOTH.shape))


def test_the_other_order_of_bytes_and_a_few_bits_of_sixteen_are_read() -> None:
    grey = (1000 + 10 * np.arange(24)).reshape(4, 6, 1)
    for order in "<>":
        message = raw(grey.astype(f"{order}u2"), "mono16", padding=2)
        message.is_bigendian = order == ">"
        expected = np.round(np.arange(24) * 255 / 23).reshape(4, 6)
        assert np.array_equal(read_image(message)[..., 1], expected)
    assert read_image(raw(np.full((4, 6, 1), 9, "<u2"), "mono16")).max() == 0


@pytest.mark.parametrize(
    ("form", "data", "reason"),
    [
        ("jpeg", b"", "no data"),
        ("jpeg", b"\0" * 500, "corrupt"),
        ("jpeg", JPEG[: len(JPEG) // 2], "truncated JPEG"),
        ("jpeg", JPEG[:2] + b"\0" * 300 + JPEG[-2:], "corrupt"),
        ("png", DEEP_GREY, "a grey picture of uint16.*a depth image"),
        ("16UC1; png compressed", DEEP_GREY, "is of measures"),
        ("16UC1; compressedDepth png", DEEP_GREY, "is of measures"),
        ("16UC1; compressedDepth rvl", DEEP_GREY, "is of measures"),
        ("32FC1; compressedDepth png", DEEP_GREY, "is of measures"),
        ("; compressedDepth", DEEP_GREY, "is a depth image"),
        ("h264", STREAM, "'h264': part of a video stream.*republish"),
        ("", STREAM, "part of a video stream"),
        ("H.265", b"any", "part of a video stream"),
        ("theora", b"any", "part of a video stream"),
        ("ffmpeg packets", b"any", "part of a video stream"),
        ("rgb8; zstd", b"any", "corrupt, or no picture.*'rgb8; zstd'"),
    ],
)
def test_a_bad_compressed_image_is_refused_with_what_is_wrong(form: str, data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_image(CompressedImage(format=form, data=array("B", data)))


REAL = """
import numpy as np

class CvBridge:
    def imgmsg_to_cv2(self, message, desired_encoding):
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, -1)
        sheared = rows.ravel()[: message.height * message.width * 3].reshape(message.height, message.width, 3)
        return sheared[..., ::-1] if message.encoding == "rgb8" else sheared
"""
CRASHING = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
REFUSING = "raise ImportError('numpy.core.multiarray failed to import')"
WRONG = REAL.replace("[..., ::-1]", "")


@pytest.fixture
def cv_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a package cv_bridge, not written yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    images._bridge.cache_clear()
    yield tmp_path / "cv_bridge.py"
    images._bridge.cache_clear()
    sys.modules.pop("cv_bridge", None)


def test_cv_bridge_converts_where_it_is_safe_but_never_padded_rows(cv_bridge: Path) -> None:
    cv_bridge.write_text(REAL)
    assert np.array_equal(read_image(raw(SMOOTH[..., ::-1], "rgb8")), SMOOTH)
    assert type(images._bridge()).__module__ == "cv_bridge"
    for padding in (4, 6):  # no multiple of the three channels, and one
        assert np.array_equal(read_image(raw(SMOOTH, "bgr8", padding)), SMOOTH)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(CRASHING, "SIGSEGV.*built for another numpy"), (REFUSING, "multiarray failed"), (WRONG, "other pixels")],
    ids=["crashes", "cannot be imported", "converts wrongly"],
)
def test_a_cv_bridge_that_does_harm_is_named_once_and_not_used(
    cv_bridge: Path, capfd: pytest.CaptureFixture[str], code: str, reason: str
) -> None:
    cv_bridge.write_text(code)
    for _ in range(2):
        assert np.array_equal(read_image(raw(SMOOTH, "bgr8")), SMOOTH)
    assert re.search(f"cv_bridge is not used: .*{reason}", said := "".join(capfd.readouterr()))
    assert said.count("cv_bridge is not used") == 1
