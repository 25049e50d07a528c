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

"""Depth images, kept until the people of their moment have been lifted."""

from collections import deque

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from diffupose_ros.estimation import Depth
from diffupose_ros.nodes.common.conversions import camera_from_info, stamp_ns

NEAR = 0.05
"""s between people and the depth image that counts for them, at most."""
_KEPT = 30  # images: lifting takes less than a second
_TYPES = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}


class DepthImages:
    """The latest depth images of one camera."""

    def __init__(self) -> None:
        self._images: deque[Image] = deque(maxlen=_KEPT)
        self._info: CameraInfo | None = None

    def add(self, image: Image) -> None:
        """Keep an image."""
        self._images.append(image)

    def set_info(self, info: CameraInfo) -> None:
        """Take the camera of all images that follow."""
        self._info = info

    def at(self, header: Header, rectified: bool) -> Depth | None:
        """Return the depths at the moment of an image of people; None where there is no depth image of it.

        Args:
            header: of the people.
            rectified: the depth image is: use P of its CameraInfo, no distortion.

        Raises:
            ValueError: it cannot be used; says why.
        """
        stamp = stamp_ns(header)
        nearest = min(self._images, key=lambda image: abs(stamp_ns(image.header) - stamp), default=None)
        if nearest is None or abs(stamp_ns(nearest.header) - stamp) > NEAR * 1e9:
            return None
        if self._info is None:
            raise ValueError("no camera_info of the depth image received yet")
        if nearest.header.frame_id != header.frame_id:
            raise ValueError(
                f"a depth image in frame {nearest.header.frame_id!r}, but people in {header.frame_id!r}: expected one "
                "that is registered to the image people were found in"
            )
        return Depth(read_depth(nearest), camera_from_info(self._info, rectified))


def read_depth(message: Image) -> npt.NDArray[np.generic]:
    """Return the pixels (H, W) of a depth image: uint16 millimetres or float32 metres (REP-118).

    Raises:
        ValueError: another encoding, or not as long as it says.
    """
    if message.encoding not in _TYPES:
        raise ValueError(f"a depth image of encoding {message.encoding!r}: expected one of {', '.join(_TYPES)}")
    stored = np.dtype((">" if message.is_bigendian else "<") + _TYPES[message.encoding])
    width, height, step = message.width, message.height, message.step
    if step < width * stored.itemsize or len(message.data) < height * step:
        raise ValueError(
            f"a depth image of {width}x{height} in {message.encoding} has rows of at least {width * stored.itemsize} "
            f"bytes, got {len(message.data)} bytes with a step of {step}"
        )
    rows = np.frombuffer(message.data, np.uint8)[: height * step].reshape(height, step)
    pixels = np.ascontiguousarray(rows[:, : width * stored.itemsize]).view(stored)
    return pixels.astype(stored.newbyteorder("="), copy=False)
