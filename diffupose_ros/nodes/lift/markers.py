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

import colorsys
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import NORMAL, ellipsoids, radius2
from diffupose_ros.msg import Skeleton3D
from diffupose_ros.nodes.common.conversions import points, quaternions, valid_people
from diffupose_ros.skeleton import BONES, Status

JOINTS = 17
_BONE_ENDS = np.array(BONES).ravel().tolist()
_OWN, _UNSEEN, _NOVEL = range(3)  # colours of ellipsoids: the person's own, and these
_ORANGE, _GREY = (1.0, 0.25, 0.1), (0.8, 0.8, 0.8)
_ELLIPSOID_ALPHA, _HYPOTHESIS_ALPHA = 0.3, 0.35
_GOLDEN_RATIO = 0.618
_Message = TypeVar("_Message")


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

    A person's markers are made once and changed with each message: making 20 costs more than all the rest.

    Args:
        topic: part of the namespaces, so that the people of two topics do not replace each other.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._header = Header()
        self._drawn: dict[str, _Person] = {}
        self._next_slot = 0

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
        array = MarkerArray()
        self._header = header
        names, rows = valid_people(ids, lifted, people)
        for name in set(self._drawn) - set(names):
            array.markers += self._drawn.pop(name).deleted(header)
        if not rows:
            return array
        seconds, rest = divmod(lifetime, 1)
        duration = Duration(sec=int(seconds), nanosec=int(rest * 1e9))
        frame = _frame(lifted, rows, probability, hypotheses)
        for name, *person in zip(names, *(getattr(frame, field.name) for field in fields(frame)), strict=True):
            if name not in self._drawn:
                self._drawn[name] = _Person(self._topic, self._next_slot)
                self._next_slot += 1
            array.markers += self._drawn[name].show(header, duration, *person)
        return array

    def clear(self) -> MarkerArray:
        """Return what takes everyone back."""
        array = MarkerArray()
        for person in self._drawn.values():
            array.markers += person.deleted(self._header)
        self._drawn = {}
        return array


class _Person:
    """The markers of one person, changed with each message.

    Args:
        topic: at the start of the namespaces.
        slot: number of the person.
    """

    def __init__(self, topic: str, slot: int) -> None:
        color = _color(slot)
        self._colors = [_rgba(rgb, _ELLIPSOID_ALPHA) for rgb in (color, _ORANGE, _GREY)]
        self._bones = _marker(f"{topic}/bones", slot, Marker.LINE_LIST, _rgba(color), 0.03)
        self._joints = _marker(f"{topic}/joints", slot, Marker.SPHERE_LIST, _rgba(color), 0.05)
        thin = _rgba(color, _HYPOTHESIS_ALPHA)
        self._hypotheses = _marker(f"{topic}/hypotheses", slot, Marker.LINE_LIST, thin, 0.006)
        numbers = range(slot * JOINTS, (slot + 1) * JOINTS)
        self._ellipsoids = [
            _marker(f"{topic}/covariance", number, Marker.SPHERE, self._colors[0], 0.0) for number in numbers
        ]

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
        self._bones.points = [places[joint] for joint in _BONE_ENDS]
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

    def deleted(self, header: Header) -> list[Marker]:
        """Return what takes this person back."""
        drawn = [self._bones, self._joints, self._hypotheses, *self._ellipsoids]
        return [Marker(header=header, ns=m.ns, id=m.id, action=Marker.DELETE) for m in drawn]


def _frame(lifted: Lifted, rows: list[int], probability: float, hypotheses: int) -> _Frame:
    """Return what the people in the ``rows`` of ``lifted`` look like; see ``MarkerBuilder.build``."""
    # The root relative to itself is certain: its ellipsoid shows where the person stands instead.
    covariance, freedom = lifted.covariance[rows], lifted.freedom[rows]
    covariance[:, 0], freedom[:, 0] = lifted.root_covariance[rows], NORMAL
    radii, axes = ellipsoids(covariance, probability)
    # The few values that there are of it: the distribution is what takes the time.
    values, which = np.unique(freedom, return_inverse=True)
    widening = np.sqrt(radius2(probability, values) / radius2(probability))[which].reshape(freedom.shape)
    diameters = np.maximum(2 * radii * widening[..., None], 1e-3)
    sizes = [Vector3(x=x, y=y, z=z) for x, y, z in diameters.reshape(-1, 3).tolist()]
    samples = lifted.hypotheses[rows, :hypotheses]
    of_person = np.where(lifted.novelty[rows] >= Skeleton3D.NOVEL, _NOVEL, _OWN)
    colors = np.where(lifted.status[rows] == Status.MISSING, _UNSEEN, of_person[:, None])
    return _Frame(
        places=_grouped(points(lifted.mean[rows].reshape(-1, 3)), len(rows)),
        turns=_grouped(quaternions(axes.reshape(-1, 3, 3)), len(rows)),
        sizes=_grouped(sizes, len(rows)),
        colors=colors.tolist(),
        hypotheses=[_bones(points(poses.reshape(-1, 3))) for poses in samples],
    )


def _grouped(messages: list[_Message], people: int) -> list[list[_Message]]:
    """Return as many messages for each of the people."""
    each = len(messages) // people
    return [messages[i * each : (i + 1) * each] for i in range(people)]


def _bones(joints: list[Point]) -> list[Point]:
    """Return the ends of the bones of poses of 17 joints each, one pose after the other."""
    return [joints[first + joint] for first in range(0, len(joints), JOINTS) for joint in _BONE_ENDS]


def _marker(namespace: str, number: int, shape: int, color: ColorRGBA, size: float) -> Marker:
    marker = Marker(ns=namespace, id=number, type=shape, action=Marker.ADD, color=color)
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=size, y=size, z=size)
    return marker


def _rgba(color: tuple[float, float, float], alpha: float = 1.0) -> ColorRGBA:
    red, green, blue = color
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def _color(slot: int) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb((0.55 + slot * _GOLDEN_RATIO) % 1, 0.75, 0.95)
