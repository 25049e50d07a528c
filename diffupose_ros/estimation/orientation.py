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

"""How people are turned, and how fast they turn: read off their joints."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.people import People
from diffupose_ros.estimation.state import POSITION
from diffupose_ros.lifting.uncertainty import orientation_covariance, turning
from diffupose_ros.skeleton import pelvis_axes

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Orientation:
    """Of P people's pelvises, about the axes of the frame that the people are in.

    Attributes:
        axes: (P, 3, 3) columns are x forward, y left, z up.
        covariance: (P, 3, 3) rad^2.
        angular_velocity: (P, 3) rad/s.
        angular_velocity_covariance: (P, 3, 3) rad^2/s^2.
    """

    axes: FloatArray
    covariance: FloatArray
    angular_velocity: FloatArray
    angular_velocity_covariance: FloatArray


def orientation_of(people: People) -> Orientation:
    """Return how people are turned, to first order in their joints."""
    axes, state = pelvis_axes(people.positions), people._state
    turns = turning(people.positions, axes)
    relative = np.zeros_like(people.covariance)
    own = state.joints.covariance[..., POSITION, POSITION]
    relative[:, 1:] = state.scale[:, None, None, None] ** 2 * own + state.bias.total()[:, 1:]
    moving = people.velocity_covariance - people.velocity_covariance[:, :1]
    return Orientation(
        axes,
        orientation_covariance(people.positions, axes, relative),
        turns.rotation(people.velocities),
        turns.covariance(moving),
    )
