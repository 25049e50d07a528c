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

``body_<id>`` stands in the camera's frame: its origin the pelvis joint (the mid point of the hips), x forward out of
the body, y left, z towards the head, as ``Lifted.orientation`` has them. The joints stand in ``body_<id>``, under the
names of the links that ros4hri's human_description (urdf/human-tpl.xacro) puts at the same places. Their own
orientations are not estimated: they have the body's, as all links of that URDF have in its zero position.

Two people of one id, from two input topics, would share their frames.
"""

from typing import TYPE_CHECKING

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from diffupose_ros.nodes.common.conversions import FloatArray, quaternions
from diffupose_ros.skeleton import H36M17

if TYPE_CHECKING:
    from diffupose_ros.lifting import Lifted

_SIDES = {"l": "left", "r": "right"}
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LINKS = {
    "waist": "pelvis",  # the URDF bends the trunk there, at the origin of the body
    "torso": "thorax",  # between the shoulders, from where the URDF's head and arms start
    "head": "head",  # inside the skull; the URDF's is at the height of the eyes, ours about 5 cm above
    **{f"{side}_{limb}": f"{word}_{limb}" for side, word in _SIDES.items() for limb in _LIMBS},
}
"""The H36M-17 joint at the origin of each link. Spine and neck have no counterpart."""
_JOINTS = [H36M17.index(joint) for joint in LINKS.values()]


def body_frames(header: Header, ids: list[str], lifted: "Lifted", people: range) -> TFMessage:
    """Return the frames of those of ``people`` (indices into ``lifted``) who are valid.

    Args:
        header: of the 2D input; its frame is the parent of the bodies.
        ids: of the people. Any text will do: behind ``body_`` tf2 takes what it would refuse alone (nothing, a
            leading slash).
        lifted: their poses, in metres.
        people: indices into ``lifted``.
    """
    valid = [(name, i) for name, i in zip(ids, people, strict=True) if lifted.valid[i]]
    message = TFMessage()
    if not valid:  # older scipy has no rotations of nobody
        return message
    rows = [i for _, i in valid]
    origins, axes = lifted.root[rows], lifted.orientation[rows]
    # Row vectors: p @ R is what R^T p is to columns, from the camera's frame into the body's.
    inside = (lifted.mean[rows][:, _JOINTS] - origins[:, None]) @ axes
    unturned = Quaternion(w=1.0)
    for (name, _), origin, turn, points in zip(valid, _vectors(origins), quaternions(axes), inside, strict=True):
        body = Header(stamp=header.stamp, frame_id=f"body_{name}")
        message.transforms.append(frame(header, body.frame_id, origin, turn))
        for link, point in zip(LINKS, _vectors(points), strict=True):
            message.transforms.append(frame(body, f"{link}_{name}", point, unturned))
    return message


def frame(parent: Header, name: str, place: Vector3, turn: Quaternion) -> TransformStamped:
    """Return where the frame ``name`` stands in its parent's, in metres."""
    return TransformStamped(header=parent, child_frame_id=name, transform=Transform(translation=place, rotation=turn))


def _vectors(places: FloatArray) -> list[Vector3]:
    return [Vector3(x=x, y=y, z=z) for x, y, z in places.tolist()]
