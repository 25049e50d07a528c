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

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import NORMAL, ellipsoids
from diffupose_ros.nodes.conversions import FloatArray, quaternions
from diffupose_ros.skeleton import BONES, Status

JOINTS = 17
_BONE_ENDS = np.array(BONES).ravel()
_UNSEEN = ColorRGBA(r=1.0, g=0.25, b=0.1, a=1.0)
_GOLDEN_RATIO = 0.618


class MarkerBuilder:
    """Builds the markers of one topic's people, and knows whom it has drawn.

    Args:
        topic: part of the namespaces, so that the people of two topics do not replace each other.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._header = Header()
        self._slots: dict[str, int] = {}
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

        Args:
            header: of the 2D input.
            ids: of the people.
            lifted: their poses.
            people: indices into ``lifted``.
            probability: that a drawn ellipsoid holds its joint.
            hypotheses: how many of the sampled poses to draw for each person.
            lifetime: seconds after which RViz forgets a marker that is not renewed.
        """
        array = MarkerArray()
        self._header = header
        shown = {name: i for name, i in zip(ids, people, strict=True) if lifted.valid[i]}
        for name in set(self._slots) - set(shown):
            array.markers += _deleted(header, self._slots.pop(name))
        seconds, rest = divmod(lifetime, 1)
        duration = Duration(sec=int(seconds), nanosec=int(rest * 1e9))
        for name, i in shown.items():
            if name not in self._slots:
                self._slots[name], self._next_slot = self._next_slot, self._next_slot + 1
            markers = _person(header, self._slots[name], lifted, i, probability, hypotheses)
            for marker in markers:
                marker.lifetime = duration
            array.markers += markers
        return self._named(array)

    def clear(self) -> MarkerArray:
        """Return what takes everyone back."""
        array = MarkerArray()
        for slot in self._slots.values():
            array.markers += _deleted(self._header, slot)
        self._slots = {}
        return self._named(array)

    def _named(self, array: MarkerArray) -> MarkerArray:
        for marker in array.markers:
            marker.ns = f"{self._topic}/{marker.ns}"
        return array


def _person(header: Header, slot: int, lifted: Lifted, i: int, probability: float, hypotheses: int) -> list[Marker]:
    color = _color(slot)
    bones = _marker(header, "bones", slot, Marker.LINE_LIST, color, 0.03)
    bones.points = _points(lifted.mean[i, _BONE_ENDS])
    joints = _marker(header, "joints", slot, Marker.SPHERE_LIST, color, 0.05)
    joints.points = _points(lifted.mean[i])
    markers = [bones, joints, *_ellipsoid_markers(header, slot, lifted, i, probability)]
    if hypotheses:
        thin = _marker(header, "hypotheses", slot, Marker.LINE_LIST, color, 0.006, alpha=0.35)
        thin.points = _points(lifted.hypotheses[i, :hypotheses][:, _BONE_ENDS].reshape(-1, 3))
        markers.append(thin)
    return markers


def _ellipsoid_markers(header: Header, slot: int, lifted: Lifted, i: int, probability: float) -> list[Marker]:
    # The root relative to itself is certain: its ellipsoid shows where the person stands instead.
    covariance = lifted.covariance[i].copy()
    covariance[0] = lifted.root_covariance[i]
    freedom = np.where(np.arange(JOINTS) == 0, NORMAL, lifted.freedom[i])
    radii, axes = ellipsoids(covariance, probability, freedom)
    turns, places = quaternions(axes), _points(lifted.mean[i])
    markers = []
    for j in range(JOINTS):
        unseen = lifted.status[i, j] == Status.MISSING
        color = _UNSEEN if unseen else _color(slot)
        marker = _marker(header, "covariance", slot * JOINTS + j, Marker.SPHERE, color, 0.0, alpha=0.3)
        marker.pose.position = places[j]
        marker.pose.orientation = turns[j]
        x, y, z = np.maximum(2 * radii[j], 1e-3).tolist()
        marker.scale = Vector3(x=x, y=y, z=z)
        markers.append(marker)
    return markers


def _marker(
    header: Header, kind: str, number: int, shape: int, color: ColorRGBA, size: float, alpha: float = 1.0
) -> Marker:
    marker = Marker(header=header, ns=kind, id=number, type=shape, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=size, y=size, z=size)
    marker.color = ColorRGBA(r=color.r, g=color.g, b=color.b, a=alpha)
    return marker


def _deleted(header: Header, slot: int) -> list[Marker]:
    one_each = [(kind, slot) for kind in ("bones", "joints", "hypotheses")]
    numbers = one_each + [("covariance", slot * JOINTS + j) for j in range(JOINTS)]
    return [Marker(header=header, ns=kind, id=number, action=Marker.DELETE) for kind, number in numbers]


def _points(positions: FloatArray) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in positions.tolist()]


def _color(slot: int) -> ColorRGBA:
    red, green, blue = colorsys.hsv_to_rgb((0.55 + slot * _GOLDEN_RATIO) % 1, 0.75, 0.95)
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)
