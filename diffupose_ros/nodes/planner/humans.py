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

"""People as ROS4HRI has them (REP-155): who is there, how each is bent, each one's URDF, and frames on /tf.

Topics come and go with people, and are absolute, so it is no ``Output`` of one topic.
"""

import re
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage

from diffupose_ros.nodes.common.body_frames import body_frames
from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.qos import LATCHED, OUTPUT, TF
from diffupose_ros.nodes.planner.human_description import HumanDescription
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.planning.joint_angles import ANGLES, joint_angles
from diffupose_ros.skeleton import pelvis_axes

HUMANS = "humans"
"""The name by which users ask for it."""
_BODIES = "/humans/bodies"
_ID = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}")  # what may stand between two slashes of a topic's name
_WHOSE = f"the output {HUMANS}"


@dataclass(frozen=True)
class _Body:
    """What is published of one person.

    Attributes:
        joint_states: publisher.
        urdf: publisher.
        angles: names of the joints.
    """

    joint_states: Any
    urdf: Any
    angles: list[str]


class Humans:
    """Publishes people below ``/humans/bodies``, and their frames.

    Not for several threads at a time.

    Args:
        node: whose publishers it makes, and whose diagnostics tell of people who cannot have topics.

    Raises:
        ModuleNotFoundError: a package is missing; says what to install.
    """

    def __init__(self, node: Any) -> None:
        try:
            from hri_msgs.msg import IdsList
        except ImportError:
            raise missing(_WHOSE, "hri_msgs") from None
        self._node, self._ids, self._description = node, IdsList, HumanDescription(_WHOSE)
        self._bodies: dict[str, _Body] = {}
        self._header = Header()  # the latest
        self._tracked = node.create_publisher(IdsList, f"{_BODIES}/tracked", OUTPUT)
        self._frames = node.create_publisher(TFMessage, "/tf", TF)

    def publish(self, header: Header, people: Bodies) -> None:
        """Publish people, frames first: who hears of somebody looks for them next.

        Args:
            header: their time and frame.
            people: all there are; may be nobody.
        """
        self._header = header
        rows = [i for i, name in enumerate(people.ids) if self._may_have_topics(name)]
        ids, positions = [people.ids[i] for i in rows], people.positions[rows]
        for name in self._bodies.keys() - set(ids):
            self._dismiss(name)
        for name, stature in zip(ids, people.stature[rows].tolist(), strict=True):
            if name not in self._bodies:
                self._bodies[name] = self._meet(name, stature)
        if ids:
            self._frames.publish(body_frames(header, ids, positions, pelvis_axes(positions)))
        self._tracked.publish(self._ids(header=header, ids=ids))
        for name, angles in zip(ids, joint_angles(positions).tolist(), strict=True):
            body = self._bodies[name]
            body.joint_states.publish(JointState(header=header, name=body.angles, position=angles))

    def clear(self) -> None:
        """Say that nobody is there any more."""
        for name in list(self._bodies):
            self._dismiss(name)
        self._tracked.publish(self._ids(header=self._header))

    def close(self) -> None:
        """Destroy all publishers."""
        for name in list(self._bodies):
            self._dismiss(name)
        for publisher in (self._tracked, self._frames):
            self._node.destroy_publisher(publisher)

    def _may_have_topics(self, name: str) -> bool:
        if _ID.fullmatch(name):
            return True
        detail = f"{name!r} can have no topic: ids are of letters, digits and _, the first no digit, 100 at most"
        self._node.diagnostics.problem("bad id", detail)
        return False

    def _meet(self, name: str, stature: float) -> _Body:
        urdf = String(data=self._description.urdf(name, stature))
        topics = {"joint_states": (JointState, OUTPUT), "urdf": (String, LATCHED)}
        publishers = {
            topic: self._node.create_publisher(kind, f"{_BODIES}/{name}/{topic}", qos)
            for topic, (kind, qos) in topics.items()
        }
        # Once: hri_rviz and robot_state_publisher read it once, and statures are known to some cm from the start.
        publishers["urdf"].publish(urdf)
        return _Body(**publishers, angles=[f"{angle}_{name}" for angle in ANGLES])

    def _dismiss(self, name: str) -> None:
        body = self._bodies.pop(name)
        for publisher in (body.joint_states, body.urdf):
            self._node.destroy_publisher(publisher)
