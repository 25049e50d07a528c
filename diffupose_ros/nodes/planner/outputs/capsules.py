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

"""People as capsules in RViz: how large they are for a planner."""

from geometry_msgs.msg import Vector3
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.nodes.common.markers import Cast, duration, new_marker, person_color, rgba
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.nodes.planner.outputs.solids import BALLS, CYLINDERS, Solids, solids
from diffupose_ros.planning import Capsules

_ALPHA = 0.4


class CapsuleMarkers(Output):
    """Cylinders and spheres with ids that stay with a person; who is gone is deleted."""

    TOPIC = "capsules"
    message = MarkerArray

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._header = Header()
        self._cast = Cast(_Person)

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> MarkerArray:
        """Return the markers; the next call changes them."""
        self._header = header
        array = MarkerArray(markers=self._cast.dismiss(header, but=people.ids))
        lifetime = duration(self._parameters["marker_lifetime"])
        for name, parts in zip(people.ids, solids(capsules), strict=True):
            person = self._cast[name]
            person.show(parts)
            for marker in person.markers:
                marker.header, marker.lifetime = header, lifetime
            array.markers += person.markers
        return array

    def clear(self) -> MarkerArray | None:
        """Return what deletes everyone."""
        gone = self._cast.dismiss(self._header)
        return MarkerArray(markers=gone) if gone else None


class _Person:
    """The markers of one person, changed with each message.

    Args:
        slot: number of the person.
    """

    def __init__(self, slot: int) -> None:
        color = rgba(person_color(slot), _ALPHA)
        self._cylinders, self._balls = (
            [new_marker(f"capsules/{name}", slot * count + i, shape, color, 0.0) for i in range(count)]
            for name, count, shape in (("cylinders", CYLINDERS, Marker.CYLINDER), ("balls", BALLS, Marker.SPHERE))
        )
        self.markers = [*self._cylinders, *self._balls]

    def show(self, parts: Solids) -> None:
        for marker, pose, (length, radius) in zip(self._cylinders, parts.cylinders, parts.sizes.tolist(), strict=True):
            marker.pose, marker.scale = pose, Vector3(x=2 * radius, y=2 * radius, z=length)
        for marker, pose, radius in zip(self._balls, parts.balls, parts.radii.tolist(), strict=True):
            marker.pose, marker.scale = pose, Vector3(x=2 * radius, y=2 * radius, z=2 * radius)
