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

"""People as RViz markers: bones, joints, covariance ellipsoids, hypotheses.

A namespace a kind, and marker ids that stay with a person; people who leave are deleted one by one.
"""

from dataclasses import dataclass, fields

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Quaternion, Vector3
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import NORMAL
from diffupose_ros.msg import Skeleton3D
from diffupose_ros.nodes.common.conversions import points, quaternions, valid_people
from diffupose_ros.nodes.common.markers import (
    BONE_ENDS,
    ELLIPSOID_ALPHA,
    GREY,
    JOINTS,
    Cast,
    bone_ends,
    duration,
    ellipsoid_shapes,
    grouped,
    new_marker,
    person_color,
    rgba,
)
from diffupose_ros.skeleton import Status

_OWN, _UNSEEN, _NOVEL = range(3)  # colours of ellipsoids: the person's own, and these
_ORANGE, _HYPOTHESIS_ALPHA = (1.0, 0.25, 0.1), 0.35


@dataclass
class _Frame:
    """What the people of one message look like, each field with an entry for each of them.

    Attributes:
        places: of the 17 joints.
        turns: of their ellipsoids.
        sizes: of their ellipsoids, diameters.
        colors: of their ellipsoids: _OWN, _UNSEEN where the model alone placed the joint, _NOVEL of novel people.
        hypotheses: the ends of the bones of the sampled poses.
    """

    places: list[list[Point]]
    turns: list[list[Quaternion]]
    sizes: list[list[Vector3]]
    colors: list[list[int]]
    hypotheses: list[list[Point]]


class MarkerBuilder:
    """Builds the markers of one topic's people, and knows whom it has drawn.

    Args:
        topic: part of the namespaces, so that the people of two topics do not replace each other.
    """

    def __init__(self, topic: str) -> None:
        self._header = Header()
        self._cast = Cast(lambda slot: _Person(topic, slot))

    def build(
        self,
        header: Header,
        ids: list[str],
        lifted: Lifted,
        people: range,
        probability: float,
        hypotheses: int,
        lifetime: float,
    ) -> MarkerArray:
        """Return the markers of those of ``people`` (indices into ``lifted``) who are valid.

        They are to be published at once: the next call changes them.

        Args:
            header: of the 2D input.
            ids: of the people, unique.
            lifted: their poses.
            people: indices into ``lifted``.
            probability: that a drawn ellipsoid holds its joint.
            hypotheses: how many of the sampled poses to draw for each person.
            lifetime: seconds after which RViz forgets a marker that is not renewed.
        """
        self._header = header
        names, rows = valid_people(ids, lifted, people)
        array = MarkerArray(markers=self._cast.dismiss(header, but=names))
        if not rows:
            return array
        frame, lasting = _frame(lifted, rows, probability, hypotheses), duration(lifetime)
        for name, *person in zip(names, *(getattr(frame, field.name) for field in fields(frame)), strict=True):
            array.markers += self._cast[name].show(header, lasting, *person)
        return array

    def clear(self) -> MarkerArray:
        """Return what takes everyone back."""
        return MarkerArray(markers=self._cast.dismiss(self._header))


class _Person:
    """The markers of one person, changed with each message.

    Args:
        topic: at the start of the namespaces.
        slot: number of the person.
    """

    def __init__(self, topic: str, slot: int) -> None:
        color = person_color(slot)
        self._colors = [rgba(rgb, ELLIPSOID_ALPHA) for rgb in (color, _ORANGE, GREY)]
        self._bones = new_marker(f"{topic}/bones", slot, Marker.LINE_LIST, rgba(color), 0.03)
        self._joints = new_marker(f"{topic}/joints", slot, Marker.SPHERE_LIST, rgba(color), 0.05)
        thin = rgba(color, _HYPOTHESIS_ALPHA)
        self._hypotheses = new_marker(f"{topic}/hypotheses", slot, Marker.LINE_LIST, thin, 0.006)
        numbers = range(slot * JOINTS, (slot + 1) * JOINTS)
        self._ellipsoids = [
            new_marker(f"{topic}/covariance", number, Marker.SPHERE, self._colors[0], 0.0) for number in numbers
        ]
        self.markers = [self._bones, self._joints, self._hypotheses, *self._ellipsoids]

    def show(
        self,
        header: Header,
        lifetime: Duration,
        places: list[Point],
        turns: list[Quaternion],
        sizes: list[Vector3],
        colors: list[int],
        hypotheses: list[Point],
    ) -> list[Marker]:
        """Return the markers of this person; the values are those of one person of a ``_Frame``."""
        self._bones.points = [places[joint] for joint in BONE_ENDS]
        self._joints.points = places
        self._hypotheses.points = hypotheses
        for marker, place, turn, size, color in zip(self._ellipsoids, places, turns, sizes, colors, strict=True):
            pose = marker.pose
            pose.position, pose.orientation = place, turn
            marker.scale, marker.color = size, self._colors[color]
        shown = [self._bones, self._joints, *self._ellipsoids]
        if hypotheses:
            shown.append(self._hypotheses)
        for marker in shown:
            marker.header, marker.lifetime = header, lifetime
        return shown


def _frame(lifted: Lifted, rows: list[int], probability: float, hypotheses: int) -> _Frame:
    """Return what the people in the ``rows`` of ``lifted`` look like; see ``MarkerBuilder.build``."""
    # The root relative to itself is certain: its ellipsoid shows where the person stands instead.
    covariance, freedom = lifted.covariance[rows], lifted.freedom[rows]
    covariance[:, 0], freedom[:, 0] = lifted.root_covariance[rows], NORMAL
    sizes, axes = ellipsoid_shapes(covariance, probability, freedom)
    samples = lifted.hypotheses[rows, :hypotheses]
    of_person = np.where(lifted.novelty[rows] >= Skeleton3D.NOVEL, _NOVEL, _OWN)
    colors = np.where(lifted.status[rows] == Status.MISSING, _UNSEEN, of_person[:, None])
    return _Frame(
        places=grouped(points(lifted.mean[rows].reshape(-1, 3)), len(rows)),
        turns=grouped(quaternions(axes), len(rows)),
        sizes=grouped(sizes, len(rows)),
        colors=colors.tolist(),
        hypotheses=[bone_ends(points(poses.reshape(-1, 3))) for poses in samples],
    )
