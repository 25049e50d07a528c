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

"""People as people_msgs: the social layers of costmaps."""

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import FloatArray, points
from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.planning import Capsules
from diffupose_ros.skeleton import PELVIS


class SocialPeople(Output):
    """Places and velocities of people_msgs/People. It has no covariances: deviations are among the tags.

    Its usual topic, ``people``, is that of our own people.
    """

    TOPIC = "social_people"

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        try:
            from people_msgs import msg
        except ImportError:
            source = "-b ros2 https://github.com/wg-perception/people"
            raise missing("the output social_people", "people_msgs", source) from None
        self._person, self.message = msg.Person, msg.People

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> Any:
        """Return the pelves and their velocities; 0 where one is not known."""
        velocity, of_velocity = people.walking(self._parameters["human_speed"])
        tags = {
            "position_deviation": _deviations(people.covariance[:, PELVIS]),
            "velocity_deviation": _deviations(of_velocity),
            "stature": [f"{stature:.2f}" for stature in people.stature],
            "coasting": [str(bool(coasting)).lower() for coasting in people.flags[:, 0]],
            "novel": [str(bool(novel)).lower() for novel in people.flags[:, 1]],
        }
        columns = people.ids, points(people.positions[:, PELVIS]), velocity.tolist(), zip(*tags.values(), strict=True)
        return self.message(
            header=header,
            people=[
                self._person(
                    name=name,
                    position=place,
                    velocity=Point(x=x, y=y, z=z),
                    reliability=1.0,
                    tagnames=list(tags),
                    tags=list(values),
                )
                for name, place, (x, y, z), values in zip(*columns, strict=True)
            ],
        )


def _deviations(covariance: FloatArray) -> list[str]:
    """The largest standard deviations of any direction, of (P, 3, 3)."""
    return [f"{deviation:.3f}" for deviation in np.sqrt(np.linalg.eigvalsh(covariance)[..., -1])]
