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

"""What planners take: one module for each kind of message, all of capsules that hold people's uncertainty."""

from diffupose_ros.nodes.planner.outputs.body_points import BodyPoints
from diffupose_ros.nodes.planner.outputs.capsules import CapsuleMarkers
from diffupose_ros.nodes.planner.outputs.obstacle_array import DynamicObstacles
from diffupose_ros.nodes.planner.outputs.obstacles import Obstacles
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.nodes.planner.outputs.planning_scene import PlanningScene
from diffupose_ros.nodes.planner.outputs.social_people import SocialPeople

OUTPUTS: dict[str, type[Output]] = {
    kind.TOPIC: kind for kind in (Obstacles, CapsuleMarkers, PlanningScene, DynamicObstacles, SocialPeople, BodyPoints)
}
"""By topic, which is the name by which users ask for them."""

__all__ = ["OUTPUTS", "Output"]
