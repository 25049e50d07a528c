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

"""People as points of their bodies: the speed and separation monitors of CNR-STIIMA (ssm_safety)."""

from geometry_msgs.msg import Pose, PoseArray
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import points
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.planning import Capsules, surface_points


class BodyPoints(Output):
    """The points of ``obstacles`` as poses: they stand for bodies' thickness and uncertainty, where joints do not."""

    TOPIC = "body_points"
    message = PoseArray

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> PoseArray:
        """Return the points; none where nobody is."""
        surface = points(surface_points(capsules, self._parameters["resolution"]))
        return PoseArray(header=header, poses=[Pose(position=point) for point in surface])
