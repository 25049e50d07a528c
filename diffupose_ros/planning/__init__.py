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

"""What planners need of people: bodies as capsules, points on them, and how near a robot may come.

>>> from diffupose_ros.planning import bodies, holding, surface_points
>>> capsules = holding(people.positions, people.covariance, people.stature[:, 0], probability=0.95)
>>> points = surface_points(capsules, resolution=0.05)

``capsules`` is the shape of bodies and of where they may be; ``surface`` samples it; ``separation`` is speed and
separation monitoring (ISO/TS 15066).
"""

from diffupose_ros.planning.capsules import HELD, PARTS, Capsules, bodies, holding
from diffupose_ros.planning.separation import Links, Separation, Settings, separation
from diffupose_ros.planning.surface import surface_points

__all__ = [
    "HELD", "PARTS", "Capsules", "Links", "Separation", "Settings", "bodies", "holding", "separation", "surface_points",
]  # fmt: skip
