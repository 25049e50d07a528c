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

"""People as collision objects: MoveIt."""

from typing import Any

from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header

from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.nodes.planner.outputs.solids import Solids, solids
from diffupose_ros.planning import Capsules


class PlanningScene(Output):
    """Diffs of MoveIt's scene, one object a person: added anew with each message, removed when the person has left.

    ADD replaces an object of the same id; MOVE would keep its shapes, and uncertainty changes those.
    """

    TOPIC = "planning_scene"

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        try:
            from moveit_msgs import msg
        except ImportError:
            raise missing("the output planning_scene", "moveit_msgs") from None
        self._moveit, self.message = msg, msg.PlanningScene
        self._header = Header()
        self._there: set[str] = set()

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> Any:
        """Return the diff from the last message to these people."""
        self._header = header
        gone, self._there = self._there.difference(people.ids), set(people.ids)
        objects = [self._object(name, self._moveit.CollisionObject.REMOVE) for name in sorted(gone)]
        for name, parts in zip(people.ids, solids(capsules), strict=True):
            added = self._object(name, self._moveit.CollisionObject.ADD)
            added.primitives = _primitives(parts)
            added.primitive_poses = [*parts.cylinders, *parts.balls]
            objects.append(added)
        return self._diff(objects)

    def clear(self) -> Any:
        """Return the diff that removes everyone."""
        gone, self._there = sorted(self._there), set()
        return self._diff([self._object(name, self._moveit.CollisionObject.REMOVE) for name in gone]) if gone else None

    def _object(self, name: str, operation: bytes) -> Any:
        return self._moveit.CollisionObject(header=self._header, id=f"person_{name}", operation=operation)

    def _diff(self, objects: list[Any]) -> Any:
        scene = self.message(is_diff=True)
        scene.robot_state.is_diff = True  # else an empty state would count as the robot's
        scene.world.collision_objects = objects
        return scene


def _primitives(parts: Solids) -> list[SolidPrimitive]:
    cylinders = [SolidPrimitive(type=SolidPrimitive.CYLINDER, dimensions=size) for size in parts.sizes.tolist()]
    balls = [SolidPrimitive(type=SolidPrimitive.SPHERE, dimensions=[radius]) for radius in parts.radii.tolist()]
    return cylinders + balls
