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

"""People as the tf frames of REP-155 (https://www.ros.org/reps/rep-0155.html, "Body Frames").

``body_<id>`` stands in the frame of the people: its origin the pelvis joint (the mid point of the hips), x forward out
of the body, y left, z towards the head. In it stand all links of ros4hri's human_description (urdf/human-tpl.xacro),
at our joints and along our limbs, so that what draws that URDF by tf draws our people.

Two people of one id, from two input topics, would share their frames.
"""

import numpy as np
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from diffupose_ros.nodes.common.conversions import FloatArray, frame, quaternions, vectors
from diffupose_ros.planning.human_links import LINKS, link_rotations
from diffupose_ros.skeleton import H36M17, PELVIS

_JOINTS = [H36M17.index(joint) for joint in LINKS.values()]


def body_frames(header: Header, ids: list[str], positions: FloatArray, axes: FloatArray) -> TFMessage:
    """Return the frames of people.

    Args:
        header: the time and the frame of the people, which is the parent of the bodies.
        ids: of the people. Any text will do: behind ``body_`` tf2 takes what it would refuse alone (nothing, a
            leading slash).
        positions: (P, 17, 3) metres, of their joints.
        axes: (P, 3, 3), of their bodies; columns are x forward, y left, z up.
    """
    message = TFMessage()
    if not ids:  # older scipy has no rotations of nobody
        return message
    origins = positions[:, PELVIS]
    # Row vectors: p @ R is what R^T p is to columns, from the people's frame into the body's.
    places = (positions[:, _JOINTS] - origins[:, None]) @ axes
    turns = np.swapaxes(axes, -1, -2)[:, None] @ link_rotations(positions)
    for name, *of_body, points, rotations in zip(ids, vectors(origins), quaternions(axes), places, turns, strict=True):
        body = Header(stamp=header.stamp, frame_id=f"body_{name}")
        message.transforms.append(frame(header, body.frame_id, *of_body))
        for link, point, turn in zip(LINKS, vectors(points), quaternions(rotations), strict=True):
            message.transforms.append(frame(body, f"{link}_{name}", point, turn))
    return message
