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

"""Where frames are, by tf."""

from typing import Any

import numpy as np
from geometry_msgs.msg import Transform
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from tf2_ros import Buffer, TransformListener

from diffupose_ros.nodes.common.conversions import FloatArray, stamp_ns


class Transforms:
    """Poses of frames in other frames; does not wait for any.

    Args:
        node: that listens to tf.
        buffer: that is filled; one for all the life of the node, as it stays with it.
    """

    def __init__(self, node: Any, buffer: Buffer) -> None:
        self._buffer = buffer
        self._listener = TransformListener(buffer, node)

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()

    def pose(self, target: str, frame: str, stamp: Any) -> FloatArray:
        """Return where a frame is in another at a time, as (4, 4), in metres.

        Raises:
            TransformException: there is none, or not yet.
        """
        if frame == target:
            return np.eye(4)
        return _matrix(self._buffer.lookup_transform(target, frame, Time.from_msg(stamp)).transform)

    def latest(self, target: str, frame: str) -> tuple[FloatArray, int]:
        """Return the newest pose (4, 4) of a frame in another, in metres, and its stamp in ns; 0: it holds always.

        Raises:
            TransformException: there is none.
        """
        if frame == target:
            return np.eye(4), 0
        found = self._buffer.lookup_transform(target, frame, Time())
        return _matrix(found.transform), stamp_ns(found.header)


def _matrix(transform: Transform) -> FloatArray:
    pose, turn, place = np.eye(4), transform.rotation, transform.translation
    pose[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    pose[:3, 3] = place.x, place.y, place.z
    return pose
