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

"""How people move: where a joint will be, how fast, and how sure that is, as learned from motion capture.

The pelvis moves in the world, the other joints relative to it. A joint goes on with its velocity for about as long as
people do (limbs swing back), and what it does of its own accord grows with its speed: who stands still
mostly stays, and who walks may turn. Both are learned for each joint and horizon, so that a
prediction is one step however long it is.
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from diffupose_ros.resources import resource_path

FloatArray = npt.NDArray[np.float64]

STARTING = 0.6
"""m/s: noise variances go with speed x (speed + this); it makes them right for slow people as for fast ones."""
SLOWEST = 0.02
"""m/s, a speed below which nobody is stiller."""


@dataclass(frozen=True)
class Motion:
    """Transitions of 17 joints, row 0 the pelvis, over H horizons; between them interpolated.

    Attributes:
        horizons: (H,) seconds, increasing from 0.
        carried: (H, 17) displacement over horizon x velocity: 1 for uniform motion.
        kept: (H, 17) velocity then over velocity now.
        position_noise: (H, 17) variance of a coordinate over horizon^3 and speed x (speed + STARTING); 1/s.
        cross_noise: (H, 17) covariance of a coordinate and its velocity over horizon^2 and the same; 1/s.
        velocity_noise: (H, 17) variance of a velocity's coordinate over horizon and the same; 1/s.
    """

    horizons: FloatArray
    carried: FloatArray
    kept: FloatArray
    position_noise: FloatArray
    cross_noise: FloatArray
    velocity_noise: FloatArray

    def over(self, seconds: FloatArray, speed2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what happens to 17 joints of P people.

        Args:
            seconds: (P,) ahead, 0 or more.
            speed2: (P, 17) squared speeds now, m^2/s^2.

        Returns:
            Seconds (P, 17) by which the velocity displaces, the part (P, 17) of it that is kept, and the covariances
            (P, 17, 2, 2) of a coordinate and its velocity, m^2, m^2/s and m^2/s^2.
        """
        h = np.minimum(seconds, self.horizons[-1])[:, None]
        beyond = np.maximum(seconds, self.horizons[-1])[:, None] / self.horizons[-1]
        after = np.clip(np.searchsorted(self.horizons, seconds), 1, len(self.horizons) - 1)
        before, next_ = self.horizons[after - 1, None], self.horizons[after, None]
        share = (h - before) / (next_ - before)
        carried, kept, position, cross, velocity = (
            (1 - share) * table[after - 1] + share * table[after]
            for table in (self.carried, self.kept, self.position_noise, self.cross_noise, self.velocity_noise)
        )
        speed = np.sqrt(np.maximum(speed2, SLOWEST**2))
        growth = speed * (speed + STARTING) * h
        noise = np.empty((*speed.shape, 2, 2))
        noise[..., 0, 0] = growth * h**2 * position * beyond  # whoever walks on, walks anywhere
        noise[..., 0, 1] = noise[..., 1, 0] = growth * h * cross
        noise[..., 1, 1] = growth * velocity
        return h * carried, kept, noise


@cache
def load_motion() -> Motion:
    """Return the motion that ships, learned by ``diffupose learn-motion``."""
    numbers = json.loads(resource_path("resource/estimation/motion.json").read_text())
    return Motion(**{name: np.array(rows) for name, rows in numbers.items()})
