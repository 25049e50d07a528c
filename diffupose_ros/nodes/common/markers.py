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

"""What all RViz markers of people share: shapes, colours, and who is drawn."""

import colorsys
from collections.abc import Callable, Collection
from typing import Generic, Protocol, TypeVar

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from diffupose_ros.lifting.uncertainty import NORMAL, ellipsoids, radius2
from diffupose_ros.nodes.common.conversions import FloatArray
from diffupose_ros.skeleton import BONES

JOINTS = 17
BONE_ENDS = np.array(BONES).ravel().tolist()
GREY = (0.8, 0.8, 0.8)
"""Of novel people's ellipsoids."""
ELLIPSOID_ALPHA = 0.3
_GOLDEN_RATIO = 0.618
_Message = TypeVar("_Message")


class _Drawn(Protocol):
    """The markers of one person.

    Attributes:
        markers: all that there are of the person.
    """

    markers: list[Marker]


_Person = TypeVar("_Person", bound=_Drawn)


class Cast(Generic[_Person]):
    """Who is drawn. A person's markers are made once and changed with each message: making them costs the most.

    Args:
        make: makes the markers of a person from a number that no other person has.
    """

    def __init__(self, make: Callable[[int], _Person]) -> None:
        self._make = make
        self._drawn: dict[str, _Person] = {}
        self._next = 0

    def __getitem__(self, name: str) -> _Person:
        """Return the markers of a person, made where there are none yet."""
        if name not in self._drawn:
            self._drawn[name] = self._make(self._next)
            self._next += 1
        return self._drawn[name]

    def dismiss(self, header: Header, but: Collection[str] = ()) -> list[Marker]:
        """Return what takes all people back but some."""
        gone = [self._drawn.pop(name) for name in set(self._drawn) - set(but)]
        return [
            Marker(header=header, ns=m.ns, id=m.id, action=Marker.DELETE) for person in gone for m in person.markers
        ]


def new_marker(namespace: str, number: int, shape: int, color: ColorRGBA, size: float) -> Marker:
    """Return a marker that can be shown once it has a place, or points."""
    marker = Marker(ns=namespace, id=number, type=shape, action=Marker.ADD, color=color)
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=size, y=size, z=size)
    return marker


def rgba(color: tuple[float, float, float], alpha: float = 1.0) -> ColorRGBA:
    """Return a colour as a message."""
    red, green, blue = color
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def person_color(slot: int) -> tuple[float, float, float]:
    """Return the colour of the person with this number."""
    return colorsys.hsv_to_rgb((0.55 + slot * _GOLDEN_RATIO) % 1, 0.75, 0.95)


def duration(seconds: float) -> Duration:
    """Return seconds as a message."""
    whole, rest = divmod(seconds, 1)
    return Duration(sec=int(whole), nanosec=int(rest * 1e9))


def bone_ends(joints: list[Point]) -> list[Point]:
    """Return the ends of the bones of poses of 17 joints each, one pose after the other."""
    return [joints[first + joint] for first in range(0, len(joints), JOINTS) for joint in BONE_ENDS]


def grouped(messages: list[_Message], people: int) -> list[list[_Message]]:
    """Return as many messages for each of the people."""
    each = len(messages) // people
    return [messages[i * each : (i + 1) * each] for i in range(people)]


def ellipsoid_shapes(
    covariance: FloatArray, probability: float, freedom: FloatArray | None = None
) -> tuple[list[Vector3], FloatArray]:
    """Return the ellipsoids that hold ``probability`` of the errors.

    Args:
        covariance: (P, J, 3, 3) m^2.
        probability: in (0, 1).
        freedom: (P, J) see ``uncertainty.radius2``; None: of normal distributions.

    Returns:
        The P x J diameters, and the axes (P x J, 3, 3).
    """
    radii, axes = ellipsoids(covariance, probability)
    freedom = np.full(covariance.shape[:2], NORMAL) if freedom is None else freedom
    # The few values that there are of it: the distribution is what takes the time.
    values, which = np.unique(freedom, return_inverse=True)
    widening = np.sqrt(radius2(probability, values) / radius2(probability))[which].reshape(freedom.shape)
    diameters = np.maximum(2 * radii * widening[..., None], 1e-3)
    return [Vector3(x=x, y=y, z=z) for x, y, z in diameters.reshape(-1, 3).tolist()], axes.reshape(-1, 3, 3)
