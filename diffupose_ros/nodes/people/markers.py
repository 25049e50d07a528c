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

"""People over time as RViz markers: bones, covariance ellipsoids, velocities, and where they will be.

A namespace a kind, and marker ids that stay with a person; people who are gone are deleted one by one.
"""

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Quaternion, Vector3
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.estimation import People
from diffupose_ros.nodes.common.conversions import points, quaternions
from diffupose_ros.nodes.common.markers import (
    ELLIPSOID_ALPHA,
    GREY,
    Cast,
    bone_ends,
    duration,
    ellipsoid_shapes,
    grouped,
    new_marker,
    person_color,
    rgba,
)
from diffupose_ros.skeleton import H36M17

_ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
_SURE = [H36M17.index(joint) for joint in ("pelvis", "head", *_ENDS)]  # the others' ellipsoids would only hide them
_MOVING = [H36M17.index(joint) for joint in ("pelvis", *_ENDS)]
_ARROW = 0.3  # s of movement that an arrow shows
_SHORTEST = 0.03  # m, of an arrow
_SOLID, _COASTING, _GHOST = 1.0, 0.35, 0.25  # alphas of bones


class MarkerBuilder:
    """Builds people's markers, and knows whom it has drawn."""

    def __init__(self) -> None:
        self._header = Header()
        self._cast = Cast(_Person)

    def build(
        self, header: Header, people: People, later: People | None, probability: float, lifetime: float
    ) -> MarkerArray:
        """Return the markers of people; they are to be published at once: the next call changes them.

        Args:
            header: of the people.
            people: as they are.
            later: the same people as they will be; None: not drawn.
            probability: that a drawn ellipsoid holds its joint.
            lifetime: seconds after which RViz forgets a marker that is not renewed.
        """
        self._header = header
        array = MarkerArray(markers=self._cast.dismiss(header, but=people.ids))
        count, lasting = len(people), duration(lifetime)
        if not count:
            return array
        sizes, axes = ellipsoid_shapes(people.covariance[:, _SURE], probability, people.freedom[:, _SURE])
        moved = people.positions + _ARROW * people.velocities
        tips = np.where(np.linalg.norm(moved - people.positions, axis=-1, keepdims=True) > _SHORTEST, moved, np.nan)
        columns = (
            grouped(points(people.positions.reshape(-1, 3)), count),
            grouped(quaternions(axes), count),
            grouped(sizes, count),
            tips[:, _MOVING],
            [None] * count if later is None else grouped(points(later.positions.reshape(-1, 3)), count),
            people.flags.coasting.tolist(),
            people.flags.novel.tolist(),
        )
        for name, *person in zip(people.ids, *columns, strict=True):
            array.markers += self._cast[name].show(header, lasting, *person)
        return array

    def clear(self) -> MarkerArray:
        """Return what takes everyone back."""
        return MarkerArray(markers=self._cast.dismiss(self._header))


class _Person:
    """The markers of one person, changed with each message.

    Args:
        slot: number of the person.
    """

    def __init__(self, slot: int) -> None:
        color = person_color(slot)
        self._colors = {coasting: rgba(color, alpha) for coasting, alpha in ((False, _SOLID), (True, _COASTING))}
        self._of_ellipsoids = {novel: rgba(rgb, ELLIPSOID_ALPHA) for novel, rgb in ((False, color), (True, GREY))}
        self._bones = new_marker("people/bones", slot, Marker.LINE_LIST, self._colors[False], 0.03)
        self._ghost = new_marker("people/predicted", slot, Marker.LINE_LIST, rgba(color, _GHOST), 0.015)
        self._ellipsoids = [
            new_marker("people/covariance", slot * len(_SURE) + i, Marker.SPHERE, self._of_ellipsoids[False], 0.0)
            for i in range(len(_SURE))
        ]
        self._arrows = [
            new_marker("people/velocity", slot * len(_MOVING) + i, Marker.ARROW, self._colors[False], 0.0)
            for i in range(len(_MOVING))
        ]
        for arrow in self._arrows:
            arrow.scale = Vector3(x=0.02, y=0.05, z=0.0)  # shaft and head
        self.markers = [self._bones, self._ghost, *self._ellipsoids, *self._arrows]

    def show(
        self,
        header: Header,
        lifetime: Duration,
        places: list[Point],
        turns: list[Quaternion],
        sizes: list[Vector3],
        tips: np.ndarray,
        later: list[Point] | None,
        coasting: bool,
        novel: bool,
    ) -> list[Marker]:
        """Return the markers of this person."""
        self._bones.points, self._bones.color = bone_ends(places), self._colors[coasting]
        self._ghost.action = Marker.DELETE if later is None else Marker.ADD
        self._ghost.points = [] if later is None else bone_ends(later)
        for marker, joint, turn, size in zip(self._ellipsoids, _SURE, turns, sizes, strict=True):
            marker.pose.position, marker.pose.orientation = places[joint], turn
            marker.scale, marker.color = size, self._of_ellipsoids[novel]
        for marker, joint, tip in zip(self._arrows, _MOVING, tips, strict=True):
            still = bool(np.isnan(tip[0]))
            marker.action = Marker.DELETE if still else Marker.ADD
            marker.points = [] if still else [places[joint], *points(tip[None])]
            marker.color = self._colors[coasting]
        for marker in self.markers:
            marker.header, marker.lifetime = header, lifetime
        return self.markers
