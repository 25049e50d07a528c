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

"""Speed and separation monitoring: how fast a robot may be, by where people may be and how fast they move.

Every part of each body must stay farther from every link than the protective separation distance (ISO/TS 15066:2016,
5.5.4, equation 3)

    S_p = v_h (T_r + T_s) + v_r T_r + v_r T_s / 2 + C + Z_d + Z_r

at the robot's speed. v_h is no constant here: it is how fast the part moves towards the link, and as much more as the
uncertainty of that speed may hide. Nor is Z_d: it is how far the ellipsoid of the part's position reaches towards the
link. The braking distance v_r T_s / 2 is that of a constant deceleration. The age of the data counts to T_r.

No point of a part is nearer to a link, along the direction from its nearest, than that one; and none errs or moves
farther along a direction than one of its ends. So what is said of the nearest point by both ends holds for them all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from diffupose_ros.lifting.uncertainty import NORMAL, radius2
from diffupose_ros.planning.capsules import at_ends, bodies
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

_SCALES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Settings:
    """The terms of the protective separation distance.

    Attributes:
        robot_speed: m/s, v_r: towards people, at full speed.
        reaction_time: s, T_r: from a decision until the brakes work.
        stopping_time: s, T_s: from full speed to rest.
        intrusion_distance: m, C: how far somebody reaches before being seen.
        robot_uncertainty: m, Z_r: of the links' positions in the people's frame.
        human_speed: m/s, v_h of people whose speed is not known: K of ISO 13855 for walking.
        least_human_speed: m/s, below which v_h never falls: who stands still may start.
        probability: of the ellipsoids, and that a speed is within its bound, which is never below its mean.
    """

    robot_speed: float = 1.0
    reaction_time: float = 0.1
    stopping_time: float = 0.3
    intrusion_distance: float = 0.0
    robot_uncertainty: float = 0.02
    human_speed: float = 1.6
    least_human_speed: float = 0.5
    probability: float = 0.95

    def protective_distance(self, scale: Any, human_speed: Any, reach: Any, age: float) -> Any:
        """Return S_p in metres.

        Args:
            scale: of the robot's full speed, 0 to 1.
            human_speed: m/s, v_h.
            reach: m, Z_d.
            age: s, of the data.
        """
        speed, stopping, reaction = scale * self.robot_speed, scale * self.stopping_time, age + self.reaction_time
        moved = human_speed * (reaction + stopping) + speed * (reaction + stopping / 2)
        return moved + self.intrusion_distance + reach + self.robot_uncertainty


@dataclass(frozen=True)
class Links:
    """Balls about L links that hold all of the robot.

    Attributes:
        centres: (L, 3) metres, in the people's frame.
        radii: (L,) metres.
    """

    centres: FloatArray
    radii: FloatArray


@dataclass(frozen=True)
class Separation:
    """How fast the robot may be, and because of whom.

    Attributes:
        scale: 0 to 1, the part of full speed at which everybody keeps the distance.
        person, part, link: indices of who decides, of ``PARTS``, and of the link; -1 where nobody is there.
        distance: m, between that part of the body and that link; infinite where nobody is there.
        needed: m, the protective separation distance at full speed.
    """

    scale: float = 1.0
    person: int = -1
    part: int = -1
    link: int = -1
    distance: float = np.inf
    needed: float = 0.0


def separation(
    positions: FloatArray,
    covariance: FloatArray,
    velocities: FloatArray,
    velocity_covariance: FloatArray,
    stature: FloatArray,
    links: Links,
    settings: Settings,
    age: float = 0.0,
    freedom: npt.ArrayLike = NORMAL,
) -> Separation:
    """Return how fast a robot may be.

    Args:
        positions: (P, 17, 3) metres.
        covariance: (P, 17, 3, 3) m^2, of positions in their frame.
        velocities: (P, 17, 3) m/s; NaN where not known.
        velocity_covariance: (P, 17, 3, 3) m^2/s^2.
        stature: (P,) metres.
        links: of the robot.
        settings: of the distance to be kept.
        age: s, since the people were there.
        freedom: degrees of freedom of the positions' distribution, see ``lifting.uncertainty.radius2``.

    Raises:
        ValueError: an age below 0.
    """
    if age < 0:
        raise ValueError(f"age: expected 0 s or more, got {age}")
    if not (len(positions) and len(links.radii)):
        return Separation()
    capsules = bodies(positions, stature)
    centres = np.broadcast_to(links.centres, (len(positions), *links.centres.shape))
    offset = centres[:, None] - capsules.at(capsules.nearest(centres))  # (P, C, L, 3), from the part to the link
    towards, gap = unit(offset), np.linalg.norm(offset, axis=-1) - capsules.radius[..., None] - links.radii
    reach = np.sqrt(radius2(settings.probability, freedom) * _variance(covariance, towards))
    speed = _human_speed(velocities, velocity_covariance, towards, settings)
    needed = settings.protective_distance(_SCALES[:, None, None, None], speed, reach, age)
    kept = np.where(needed <= gap, _SCALES[:, None, None, None], 0).max(0)  # 0 where anything is not a number
    # Of those that allow no more than the slowest, the one that lacks most.
    worst = np.unravel_index(np.argmin(np.where(kept == kept.min(), gap - needed[-1], np.inf)), kept.shape)
    person, part, link = (int(i) for i in worst)
    return Separation(float(kept[worst]), person, part, link, float(gap[worst]), float(needed[-1][worst]))


def _human_speed(velocity: FloatArray, covariance: FloatArray, towards: FloatArray, settings: Settings) -> FloatArray:
    """Bounds (P, C, L) in m/s of how fast parts move towards links."""
    mean = (at_ends(velocity)[..., None, :] * towards).sum(-1).max(0)
    bound = mean + max(ndtri(settings.probability), 0) * np.sqrt(_variance(covariance, towards))
    return np.maximum(np.where(np.isnan(bound), settings.human_speed, bound), settings.least_human_speed)


def _variance(covariance: FloatArray, direction: FloatArray) -> FloatArray:
    """The larger of those of a part's ends along directions (P, C, L, 3)."""
    ends = at_ends(covariance)[..., None, :, :]
    return np.asarray(np.einsum("pcli,epclij,pclj->epcl", direction, ends, direction).clip(0).max(0))
