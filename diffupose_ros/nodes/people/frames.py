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

"""Where cameras and the floor are, by tf."""

from typing import Any

from tf2_ros import Buffer

from diffupose_ros.estimation import Floor
from diffupose_ros.nodes.common.conversions import FloatArray
from diffupose_ros.nodes.common.transforms import Transforms


class Frames(Transforms):
    """Poses in the frame that people are estimated in.

    Args:
        node: that listens to tf.
        buffer: that is filled; one for all the life of the node, as it stays with it.
        target: the frame; empty: that of the first camera that is asked for.
    """

    def __init__(self, node: Any, buffer: Buffer, target: str) -> None:
        super().__init__(node, buffer)
        self.target = target

    def camera(self, frame: str, stamp: Any) -> FloatArray:
        """Return the pose (4, 4) of a camera at a time; does not wait.

        Raises:
            TransformException: there is none, or not yet.
        """
        self.target = self.target or frame
        return self.pose(self.target, frame, stamp)

    def floor(self, frame: str, height: float, stamp: Any) -> Floor:
        """Return the floor: ``height`` metres above the plane z = 0 of a frame, at a time; does not wait.

        Raises:
            TransformException: that frame has no pose, or none yet.
        """
        pose = self.pose(self.target, frame, stamp)
        up = pose[:3, 2]
        return Floor(up, float(up @ pose[:3, 3]) + height)
