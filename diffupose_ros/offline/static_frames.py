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

"""Where frames stand that do not move: /tf_static of a bag."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.offline.bag_reader import open_reader

FloatArray = npt.NDArray[np.float64]

TF = "tf2_msgs/msg/TFMessage"


@dataclass(frozen=True)
class StaticFrames:
    """A forest of frames.

    Attributes:
        parents: of each frame that has one, with the pose in it: (4, 4), from the frame to its parent.
    """

    parents: dict[str, tuple[str, FloatArray]]

    def in_root(self, frame: str) -> tuple[str, FloatArray]:
        """Return the root above a frame, and the pose (4, 4) in it, from the frame to the root.

        Raises:
            ValueError: the frame is not there, or the frames go round in a circle.
        """
        if frame not in self.parents:
            there = ", ".join(sorted(self.parents)) or "none"
            raise ValueError(f"/tf_static does not say where frame {frame!r} is; it knows {there}")
        pose, passed = np.eye(4), set()
        while frame in self.parents:
            if frame in passed:
                raise ValueError(f"/tf_static goes round in a circle at frame {frame!r}")
            passed.add(frame)
            frame, step = self.parents[frame]
            pose = step @ pose
        return frame, pose


def read_static_frames(path: Path) -> StaticFrames:
    """Return what /tf_static says in a bag; the last word counts.

    Raises:
        ValueError: the bag cannot be read, or a rotation in it is none.
    """
    parents = {}
    try:
        with open_reader(path) as reader:
            chosen = [c for c in reader.connections if c.msgtype == TF and c.topic == "/tf_static"]
            messages = [reader.deserialize(data, TF) for _, _, data in reader.messages(chosen)] if chosen else []
    except Exception as error:  # noqa: BLE001 - each storage raises other kinds
        raise ValueError(f"/tf_static of {path} cannot be read: {error}") from None
    for transform in (transform for message in messages for transform in message.transforms):
        turn, move = transform.transform.rotation, transform.transform.translation
        pose = np.eye(4)
        try:
            pose[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
        except ValueError as error:
            raise ValueError(f"/tf_static: rotation of {transform.child_frame_id!r}: {error}") from None
        pose[:3, 3] = move.x, move.y, move.z
        parents[transform.child_frame_id.lstrip("/")] = transform.header.frame_id.lstrip("/"), pose
    return StaticFrames(parents)
