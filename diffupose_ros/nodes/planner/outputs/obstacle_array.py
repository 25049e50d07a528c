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

"""People as dynamic obstacles: Nav2's navigation2_dynamic."""

import uuid
from typing import Any

from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import points, vectors
from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.planning import Capsules
from diffupose_ros.skeleton import PELVIS

_IDS = uuid.UUID("c9d8c1d6-5f8e-5b5a-9a4f-3d0f6c2b7e11")  # the namespace in which names of people become UUIDs


class DynamicObstacles(Output):
    """One obstacle a person: where, how large, how fast, with covariances; a UUID that stays with the person's id."""

    TOPIC = "obstacle_array"

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        try:
            from nav2_dynamic_msgs import msg
        except ImportError:
            source = "https://github.com/ros-navigation/navigation2_dynamic"
            raise missing("the output obstacle_array", "nav2_dynamic_msgs", source) from None
        self._obstacle, self.message = msg.Obstacle, msg.ObstacleArray

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> Any:
        """Return the obstacles: the box along the axes of the frame about the capsules, and the pelvis' velocity."""
        array = self.message(header=header)
        low, high = capsules.box()
        velocity, of_velocity = people.walking(self._parameters["human_speed"])
        columns = points((low + high) / 2), vectors(high - low), people.covariance[:, PELVIS], vectors(velocity)
        for name, centre, size, covariance, moving, spread in zip(people.ids, *columns, of_velocity, strict=True):
            obstacle = self._obstacle(score=1.0, position=centre, velocity=moving, size=size)
            obstacle.uuid.uuid = list(uuid.uuid5(_IDS, name).bytes)
            obstacle.position_covariance, obstacle.velocity_covariance = covariance.ravel(), spread.ravel()
            array.obstacles.append(obstacle)
        return array
