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

"""The floor: whoever stands has a foot on it, and that says how far away he is."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.evidence.measurement import FloatArray, Measurements, View
from diffupose_ros.skeleton import H36M17, PELVIS

_ANKLES = np.array([H36M17.index("right_ankle"), H36M17.index("left_ankle")])
_ANKLE_HEIGHT = 0.09
"""m, of the lower ankle over the floor: 0.07 to 0.12 in motion capture of people who walk and stand."""
_SPREAD = 0.03  # m, of that, and of the floor
_STANDING = 0.4  # m, a pelvis at least that far above the ankle: who sits or lies has his feet anywhere
_ELSEWHERE = 0.05  # chance that the foot is not on this floor: a step, a jump
_UNDER = 0.002  # chance that it is under it: the floor is wrong
_ELSEWHERE_RANGE = 1.0  # m, where it is then


class Floor:
    """A plane on which people stand, in the frame in which they are estimated.

    Args:
        normal: (3,) up, of any length.
        height: metres along the normal from the frame's origin to the plane.

    Raises:
        ValueError: a normal that is none.
    """

    memory = 2.0
    rounds = 1

    def __init__(self, normal: npt.ArrayLike = (0, 0, 1), height: float = 0.0) -> None:
        up = np.asarray(normal, np.float64)
        if up.shape != (3,) or not np.isfinite(up).all() or not np.linalg.norm(up) > 0 or not np.isfinite(height):
            raise ValueError(f"floor: expected a normal of three numbers and a height, got {normal!r} and {height}")
        self.normal, self.height = up / np.linalg.norm(up), float(height)

    def measure(self, view: View, round_: int) -> Measurements:
        """Return the height of the lower ankle of everybody who stands."""
        above = view.positions @ self.normal - self.height
        lower = np.argmin(above[:, _ANKLES], 1)
        people = np.arange(len(above))
        ankle = _ANKLES[lower]
        variance = np.einsum("i,pij,j->p", self.normal, view.covariance[people, ankle], self.normal) + _SPREAD**2
        standing = above[:, PELVIS] - above[people, ankle] > _STANDING
        stands = standing & view.measured[people, ankle]
        too_high = above[people, ankle] - _ANKLE_HEIGHT
        on = (1 - _ELSEWHERE) * _density(too_high, variance)
        off = np.where(too_high > 0, _ELSEWHERE, _UNDER) / _ELSEWHERE_RANGE
        chance = on / (on + off)
        return Measurements(
            people, ankle, np.tile(self.normal, (len(people), 1)),
            np.full(len(people), self.height + _ANKLE_HEIGHT), _SPREAD**2 / np.maximum(chance, 1e-6),
        )[stands]  # fmt: skip


def _density(offset: FloatArray, variance: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * offset**2 / variance) / np.sqrt(2 * np.pi * variance))
