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


"""Boxes of people that somebody else has found (vision_msgs), kept until the image comes that they belong to."""

import threading
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.nodes.common.conversions import stamp_ns
from diffupose_ros.nodes.common.optional import missing

FloatArray = npt.NDArray[np.float64]

_KEPT = 50  # messages; more than any box is old enough for


def boxes_message_type() -> Any:
    """Return vision_msgs/Detection2DArray.

    Raises:
        ModuleNotFoundError: there is no vision_msgs; says what to install.
    """
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError:
        raise missing("boxes_topic", "vision_msgs") from None
    return Detection2DArray


def read_boxes(message: Any, person: str = "") -> tuple[FloatArray, int]:
    """Return the boxes of people in a Detection2DArray, and how many of them are none.

    A turned box becomes the upright one about it. No box: numbers that are not finite, or no area.

    Args:
        message: what was detected.
        person: class of people; whose likeliest class is another is none. Empty: everything is a person.

    Returns:
        (P, 4) left, top, width, height in pixels; the number of people's detections left out.
    """
    rows = [
        (d.bbox.center.position.x, d.bbox.center.position.y, d.bbox.center.theta, d.bbox.size_x, d.bbox.size_y)
        for d in message.detections
        if not person or _likeliest_class(d) == person
    ]
    x, y, angle, width, height = np.array(rows, np.float64).reshape(-1, 5).T
    usable = np.isfinite([x, y, angle, width, height]).all(0) & (width > 0) & (height > 0)
    cos, sin = (np.abs(turn(np.where(usable, angle, 0))) for turn in (np.cos, np.sin))
    size = np.stack([width * cos + height * sin, width * sin + height * cos], 1)
    boxes = np.concatenate([np.stack([x, y], 1) - size / 2, size], 1)
    return boxes[usable], int((~usable).sum())


def _likeliest_class(detection: Any) -> str:
    likeliest = max(detection.results, key=lambda result: result.hypothesis.score, default=None)
    return "" if likeliest is None else str(likeliest.hypothesis.class_id)


class BoxBuffer:
    """The latest boxes, by the stamp of the image that they were found in; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Any] = deque(maxlen=_KEPT)

    def put(self, message: Any) -> None:
        """Keep a Detection2DArray."""
        with self._lock:
            self._messages.append(message)

    def of(self, stamp: int, max_age: float) -> Any:
        """Return the boxes of the image with a stamp in nanoseconds, or else the newest that are near enough to it.

        Args:
            stamp: of the image, in nanoseconds.
            max_age: seconds that the stamps may differ by.

        Returns:
            A Detection2DArray; None where there is none that fits.
        """
        with self._lock:
            messages = list(self._messages)
        near = [m for m in messages if abs(stamp_ns(m.header) - stamp) <= max_age * 1e9]
        return min(near, key=lambda m: (stamp_ns(m.header) != stamp, -stamp_ns(m.header)), default=None)
