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


"""Between image messages and BGR arrays: by cv_bridge where it works, by the same calls of our own otherwise."""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

Pixels = npt.NDArray[np.uint8]

ENCODINGS: dict[str, tuple[int, int | None]] = {
    "bgr8": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
}
"""Bytes of a pixel, and OpenCV's conversion to BGR, of each encoding that is read."""

_OURS = ("uyvy", "yuyv")  # names that cv_bridge of Humble does not know: yuv422 and yuv422_yuy2 anew
_JPEG, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_QUALITY = 90  # of JPEG
_TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}


class Bridge:
    """The calls of ``cv_bridge.CvBridge`` that are used here, for BGR images of 8 bits."""

    def imgmsg_to_cv2(self, message: Image, desired_encoding: str = "bgr8") -> Pixels:
        """Return the image (H, W, 3); of ``bgr8`` it is a view of the message's data."""
        channels, conversion = ENCODINGS[message.encoding]
        rows = np.frombuffer(message.data, np.uint8)[: message.height * message.step]
        rows = rows.reshape(message.height, message.step)[:, : message.width * channels]
        pixels = rows.reshape(message.height, message.width, channels)
        return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)

    def compressed_imgmsg_to_cv2(self, message: CompressedImage, desired_encoding: str = "passthrough") -> Any:
        """Return the image as it is stored; None where OpenCV cannot read it."""
        return cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)

    def cv2_to_imgmsg(self, image: Pixels, encoding: str = "bgr8") -> Image:
        """Return the message of an image (H, W, 3)."""
        height, width = image.shape[:2]
        message = Image(height=height, width=width, encoding=encoding, step=3 * width)
        message.data.frombytes(np.ascontiguousarray(image).reshape(-1))  # the one way without a second copy on rclpy
        return message


@cache
def _bridge() -> Any:
    probe = Bridge().cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), "rgb8")
    try:
        from cv_bridge import CvBridge

        CvBridge().imgmsg_to_cv2(probe, "bgr8")
    except Exception:  # noqa: BLE001 - not there, or built for another numpy, which raises several kinds
        return Bridge()
    return CvBridge()


def read_image(message: Image | CompressedImage) -> Pixels:
    """Return the image of a message as (H, W, 3) uint8 BGR, not copied where it is that already.

    Raises:
        ValueError: it cannot be read; says what is wrong with it.
    """
    return _read_compressed(message) if isinstance(message, CompressedImage) else _read_raw(message)


def image_message(image: Pixels, header: Header) -> Image:
    """Return the message of a BGR image (H, W, 3)."""
    message: Image = _bridge().cv2_to_imgmsg(image, "bgr8")
    message.header = header
    return message


def compressed_message(image: Pixels, header: Header) -> CompressedImage:
    """Return the message of a BGR image (H, W, 3), as a JPEG."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    message = CompressedImage(header=header, format="bgr8; jpeg compressed bgr8")
    message.data.frombytes(data.reshape(-1))
    return message


def _read_raw(message: Image) -> Pixels:
    width, height, encoding = message.width, message.height, message.encoding
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding {encoding!r}{_bits(encoding)}: expected one of {', '.join(ENCODINGS)}")
    if not width or not height:
        raise ValueError(f"the image has no pixels: it is {width}x{height}")
    channels = ENCODINGS[encoding][0]
    if channels == 2 and width % 2:
        raise ValueError(f"{encoding} has an even width, got {width}")
    if message.step < width * channels:
        raise ValueError(
            f"step is {message.step} bytes, but a row of {width} pixels of {encoding} has {width * channels}"
        )
    if len(message.data) < height * message.step:
        raise ValueError(
            f"truncated: {len(message.data)} bytes of data, but {height} rows of {message.step} bytes are "
            f"{height * message.step}"
        )
    try:
        bridge = Bridge() if encoding in _OURS else _bridge()
        return np.asarray(bridge.imgmsg_to_cv2(message, "bgr8"), np.uint8)
    except Exception as error:  # whatever cv_bridge raises
        raise ValueError(f"{encoding} of {width}x{height} cannot be converted: {error}") from error


def _read_compressed(message: CompressedImage) -> Pixels:
    data, form = bytes(message.data), message.format
    stored = form.partition(";")[0].strip()
    if not data:
        raise ValueError("the compressed image has no data")
    if _bits(stored) or "compressedDepth" in form:
        raise ValueError(f"format {form!r}{_bits(stored)}: expected a picture of 8 bits")
    if data.startswith(_JPEG) and data.rfind(_END) < data.rfind(_SCAN):
        raise ValueError(f"truncated JPEG: {len(data)} bytes without an end marker")
    try:
        image = _bridge().compressed_imgmsg_to_cv2(message)
    except Exception as error:  # cv2.error, or whatever cv_bridge raises
        raise ValueError(f"compressed image of {len(data)} bytes cannot be read: {error}") from error
    if image is None or not image.size:
        raise ValueError(f"corrupt, or no picture: {len(data)} bytes of format {form!r} cannot be decoded")
    if image.dtype != np.uint8:
        raise ValueError(f"a picture of {image.dtype}: expected one of 8 bits")
    channels = image.shape[2] if image.ndim == 3 else 1
    return np.asarray(cv2.cvtColor(image, _TO_BGR[channels]) if channels in _TO_BGR else image, np.uint8)


def _bits(encoding: str) -> str:
    """Return what is wrong with an encoding of more than 8 bits, for an error; nothing of others."""
    deep = any(bits in encoding for bits in ("16", "32", "64"))
    return " has more than 8 bits a channel (a depth image?)" if deep else ""
