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

"""Between image messages and BGR arrays: by cv_bridge where it is safe, by the same calls of our own otherwise."""

import re
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from rclpy.logging import get_logger
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from diffupose_ros.detection.orientation import Pixels
from diffupose_ros.detection.picture_files import check_picture
from diffupose_ros.nodes.common import cv_bridge_probe


class Encoding(NamedTuple):
    """How the pixels of an image are stored.

    Attributes:
        channels: of a pixel; of planes, those of the first one.
        conversion: of OpenCV to BGR; None where it is that.
        bits: of a channel.
        planes: rows of stored pixels for each of the image; above 1: colours of two rows come after all brightness.
        even: whether two pixels beside each other have a colour in common, so that the width is even.
    """

    channels: int
    conversion: int | None
    bits: int = 8
    planes: float = 1
    even: bool = False


_BAYER = {  # ROS says the first row's beginning and the second's, OpenCV those of the second and the third
    "rggb": cv2.COLOR_BayerBG2BGR,
    "bggr": cv2.COLOR_BayerRG2BGR,
    "gbrg": cv2.COLOR_BayerGR2BGR,
    "grbg": cv2.COLOR_BayerGB2BGR,
}
_UYVY = Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even=True)
_YUYV = Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even=True)

ENCODINGS: dict[str, Encoding] = {
    "bgr8": Encoding(3, None),
    "rgb8": Encoding(3, cv2.COLOR_RGB2BGR),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2BGR),
    "mono8": Encoding(1, cv2.COLOR_GRAY2BGR),
    "bgr16": Encoding(3, None, 16),
    "rgb16": Encoding(3, cv2.COLOR_RGB2BGR, 16),
    "bgra16": Encoding(4, cv2.COLOR_BGRA2BGR, 16),
    "rgba16": Encoding(4, cv2.COLOR_RGBA2BGR, 16),
    "mono16": Encoding(1, cv2.COLOR_GRAY2BGR, 16),
    **{f"bayer_{name}{bits}": Encoding(1, code, bits) for bits in (8, 16) for name, code in _BAYER.items()},
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(1, cv2.COLOR_YUV2BGR_NV12, planes=1.5, even=True),
    "nv21": Encoding(1, cv2.COLOR_YUV2BGR_NV21, planes=1.5, even=True),
}
"""Those that are read."""

ASSUMED = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
"""What encodings are taken for that do not say what their channels are."""

_BY_CV_BRIDGE = ("bgr8", "rgb8", "bgra8", "rgba8", "mono8", "yuv422", "yuv422_yuy2")  # in every version of it
_QUALITY = 90  # of JPEG
_TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}
_MEASURES = re.compile(r"(8S|16[US]|32[SF]|64F)(C\d*)?$")  # not brightness
_STREAMS = re.compile(r"h\.?26[45]|hevc|avc|av1|vp[89]|mpeg|theora|ffmpeg|x26[45]", re.IGNORECASE)
_START_CODES = b"\0\0\0\1", b"\0\0\1"  # of H.264 and H.265


class Bridge:
    """The calls of ``cv_bridge.CvBridge`` that are used here, for BGR images of 8 bits."""

    def imgmsg_to_cv2(self, message: Image, desired_encoding: str = "bgr8") -> Pixels:
        """Return the image (H, W, 3); of ``bgr8`` it is a view of the message's data."""
        encoding, width, height = _encoding(message), message.width, message.height
        stored = np.dtype(np.uint8)
        if encoding.bits == 16:
            stored = np.dtype(">u2" if message.is_bigendian else "<u2")
        data = np.frombuffer(message.data, np.uint8)
        count = int(height * encoding.planes)
        rows = data[: count * message.step].reshape(count, message.step)
        pixels = rows[:, : width * encoding.channels * stored.itemsize]
        if encoding.bits == 16:
            pixels = _eight_bits(np.ascontiguousarray(pixels).view(stored), fully=encoding.channels == 1)
        pixels = pixels.reshape(count, width, encoding.channels)
        return (
            pixels if encoding.conversion is None else np.asarray(cv2.cvtColor(pixels, encoding.conversion), np.uint8)
        )

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
    if find_spec("cv_bridge") is None:
        return Bridge()
    if fault := cv_bridge_probe.fault():
        get_logger("images").warning(f"cv_bridge is not used: {fault}. Images are converted without it")
        return Bridge()
    from cv_bridge import CvBridge

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


def _encoding(message: Image) -> Encoding:
    name = ASSUMED.get(message.encoding, message.encoding)
    if name not in ENCODINGS:
        raise ValueError(f"encoding {name!r}{_measures(name)}: expected one of {', '.join((*ENCODINGS, *ASSUMED))}")
    return ENCODINGS[name]


def _read_raw(message: Image) -> Pixels:
    width, height, name = message.width, message.height, message.encoding
    encoding = _encoding(message)
    if not width or not height:
        raise ValueError(f"the image has no pixels: it is {width}x{height}")
    if encoding.even and (width % 2 or (encoding.planes > 1 and height % 2)):
        raise ValueError(
            f"{name} has an even width{' and height' if encoding.planes > 1 else ''}, got {width}x{height}"
        )
    row, rows = width * encoding.channels * encoding.bits // 8, int(height * encoding.planes)
    if message.step < row:
        raise ValueError(f"step is {message.step} bytes, but a row of {width} pixels of {name} has {row}")
    if len(message.data) < rows * message.step:
        raise ValueError(
            f"truncated: {len(message.data)} bytes of data, but {rows} rows of {message.step} bytes are "
            f"{rows * message.step}"
        )
    # Rows with padding are not for cv_bridge: it shears some of these.
    bridge = _bridge() if name in _BY_CV_BRIDGE and message.step == row else Bridge()
    try:
        return np.asarray(bridge.imgmsg_to_cv2(message, "bgr8"), np.uint8)
    except Exception as error:  # whatever cv_bridge raises
        raise ValueError(f"{name} of {width}x{height} cannot be converted: {error}") from error


def _read_compressed(message: CompressedImage) -> Pixels:
    data, form = bytes(message.data), message.format
    stored = form.partition(";")[0].strip()
    if not data:
        raise ValueError("the compressed image has no data")
    if _STREAMS.search(form) or data.startswith(_START_CODES):
        raise ValueError(
            f"format {form!r}: part of a video stream, of which no picture can be read alone: expected jpeg or png. "
            "Its transport makes images of it: ros2 run image_transport republish"
        )
    if _MEASURES.match(stored) or "compressedDepth" in form:
        raise ValueError(f"format {form!r}{_measures(stored) or ' is a depth image'}: expected a picture")
    check_picture(data)
    try:
        image = _bridge().compressed_imgmsg_to_cv2(message)
    except Exception as error:  # cv2.error, or whatever cv_bridge raises
        raise ValueError(f"compressed image of {len(data)} bytes cannot be read: {error}") from error
    if image is None or not image.size:
        raise ValueError(f"corrupt, or no picture: {len(data)} bytes of format {form!r} cannot be decoded")
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype == np.uint16 and (channels > 1 or stored in ENCODINGS):
        image = _eight_bits(image, fully=channels == 1)
    if image.dtype != np.uint8:
        raise ValueError(f"a grey picture of {image.dtype} in format {form!r} (a depth image?): expected one of 8 bits")
    return np.asarray(cv2.cvtColor(image, _TO_BGR[channels]) if channels in _TO_BGR else image, np.uint8)


def _eight_bits(values: npt.NDArray[np.uint16], fully: bool) -> Pixels:
    """Return an image of 16 bits in 8.

    Args:
        values: of any shape.
        fully: from the darkest to the brightest, since infrared cameras fill only some of the bits.
    """
    low, high = (int(values.min()), int(values.max())) if fully else (0, 65535)
    return ((values.astype(np.float32) - low) * (255 / max(high - low, 1)) + 0.5).astype(np.uint8)


def _measures(encoding: str) -> str:
    """Return what is wrong with an encoding of what is no brightness, for an error; nothing of others."""
    return " is of measures, not of colours (a depth image?)" if _MEASURES.match(encoding) else ""
