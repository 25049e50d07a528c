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

"""Bodies as capsules, as they are and as large as what is not known of them asks for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.uncertainty import NORMAL, radius2
from diffupose_ros.skeleton import H36M17

FloatArray = npt.NDArray[np.float64]
_SHORTEST = 1e-6  # m, of a line that has a length


@dataclass(frozen=True)
class Part:
    """A part of the body between two joints.

    Attributes:
        name: of the part.
        start, end: names of the joints; the same where the part is a ball, as a hand is, which may point anywhere.
        radius: of the capsule about them, over the stature, without clothes.
        balls: how many, a little thicker, cover it.
    """

    name: str
    start: str
    end: str
    radius: float
    balls: int = 1


PARTS = (
    Part("head", "neck", "head", 0.105, 2),
    Part("throat", "thorax", "neck", 0.072, 2),
    Part("shoulders", "left_shoulder", "right_shoulder", 0.057, 4),
    Part("chest", "spine", "thorax", 0.114, 2),
    Part("belly", "pelvis", "spine", 0.109, 2),
    Part("hips", "left_hip", "right_hip", 0.089, 2),
    *(
        Part(f"{side}_{name}", f"{side}_{start}", f"{side}_{end}", radius, balls)
        for side in ("left", "right")
        for name, start, end, radius, balls in (
            ("upper_arm", "shoulder", "elbow", 0.049, 3),
            ("forearm", "elbow", "wrist", 0.033, 4),
            ("hand", "wrist", "wrist", 0.110, 1),
            ("thigh", "hip", "knee", 0.074, 3),
            ("shank", "knee", "ankle", 0.052, 4),
            ("foot", "ankle", "ankle", 0.130, 1),
        )
    ),
)
"""Fitted to bodies of MakeHuman (``anny``): 60 adults of a body mass index of 18.5 to 30 in 7 postures each. Of their
skin 99 % is inside, and at least 97 % of each region; of the trunks of heavier people 91 %. See docs/capsules.md."""
_CLOTHES = 0.01  # m
_STARTS = np.array([H36M17.index(part.start) for part in PARTS])
_ENDS = np.array([H36M17.index(part.end) for part in PARTS])
_RADII = np.array([part.radius for part in PARTS])
_COUNTS = np.array([part.balls for part in PARTS])
_BALLS = np.repeat(np.arange(len(PARTS)), _COUNTS)  # the part of each ball
_ALONG = np.concatenate([np.linspace(0, 1, count) for count in _COUNTS])  # where on its part
HELD = len(_BALLS)
"""Capsules of a person that ``holding`` makes."""


@dataclass(frozen=True)
class Capsules:
    """C capsules of each of P people: balls of one radius along a line. Metres.

    Attributes:
        start: (P, C, 3) ends of the lines.
        end: (P, C, 3)
        radius: (P, C)
    """

    start: FloatArray
    end: FloatArray
    radius: FloatArray

    def __len__(self) -> int:
        return len(self.radius)

    def __getitem__(self, people: slice) -> "Capsules":
        """Return the capsules of the people that a slice picks."""
        return Capsules(self.start[people], self.end[people], self.radius[people])

    def distance(self, points: FloatArray) -> FloatArray:
        """Return how far (P, C, n) points (P, n, 3) are from each capsule of their person: m, negative inside."""
        along, product, length2 = self._along(points)
        to_start2 = (points**2).sum(-1)[:, None] - 2 * self._products(self.start, points)
        to_start2 += (self.start**2).sum(-1)[..., None]
        distance2 = to_start2 + along * (along * length2 - 2 * product)
        return np.asarray(np.sqrt(distance2.clip(0)) - self.radius[..., None])

    def nearest(self, points: FloatArray) -> FloatArray:
        """Return where (P, C, n) on each line, 0 at its start and 1 at its end, it is nearest to points (P, n, 3)."""
        return self._along(points)[0]

    def at(self, along: FloatArray) -> FloatArray:
        """Return the points (P, C, n, 3) on the lines at ``along`` (P, C, n), 0 at the start and 1 at the end."""
        return np.asarray(self.start[:, :, None] + along[..., None] * (self.end - self.start)[:, :, None])

    def box(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and the highest corners (P, 3) of the boxes, along the axes, about all of each person."""
        radius = self.radius[..., None]
        low, high = np.minimum(self.start, self.end) - radius, np.maximum(self.start, self.end) + radius
        return low.min(1), high.max(1)

    def _along(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``nearest``, the products (P, C, n) of lines and points from their starts, squared lengths (P, C, 1)."""
        line = self.end - self.start
        length2 = np.maximum((line**2).sum(-1), _SHORTEST**2)[..., None]
        product = self._products(line, points) - (line * self.start).sum(-1)[..., None]
        return np.clip(product / length2, 0, 1), product, length2

    @staticmethod
    def _products(vectors: FloatArray, points: FloatArray) -> FloatArray:
        return np.asarray(vectors @ np.swapaxes(points, 1, 2))


def bodies(positions: FloatArray, stature: FloatArray) -> Capsules:
    """Return the bodies of people of whom all is known, in clothes 1 cm thick: a capsule for each of ``PARTS``.

    Args:
        positions: (P, 17, 3) metres.
        stature: (P,) metres.
    """
    return Capsules(positions[:, _STARTS], positions[:, _ENDS], np.asarray(_RADII * stature[:, None] + _CLOTHES))


def holding(
    positions: FloatArray,
    covariance: FloatArray,
    stature: FloatArray,
    probability: float,
    freedom: npt.ArrayLike = NORMAL,
) -> Capsules:
    """Return capsules that hold the bodies wherever the joints are within their ellipsoids, ``HELD`` of each person.

    Balls cover each part, and each is stretched into a capsule along the longest axis of the ellipsoid of where it is:
    what is not known of one direction, as of the distance from a single camera, makes people long, not thick. Between
    two balls a little may be outside, where the ellipsoids of a part's ends are unlike.

    Args:
        positions: (P, 17, 3) metres.
        covariance: (P, 17, 3, 3) m^2, of positions in their frame, as those of ``estimation.People``.
        stature: (P,) metres.
        probability: of the ellipsoids, in (0, 1).
        freedom: degrees of freedom of the positions' distribution, see ``lifting.uncertainty.radius2``.

    Raises:
        ValueError: a probability that is none.
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability: expected more than 0 and less than 1, got {probability}")
    exact = bodies(positions, stature)
    spacing = np.linalg.norm(exact.end - exact.start, axis=-1) / np.maximum(_COUNTS - 1, 1)
    balls = np.hypot(exact.radius, spacing / 2)[:, _BALLS]
    centres = _between(exact.start[:, _BALLS], exact.end[:, _BALLS], _ALONG[:, None])
    at = _between(covariance[:, _STARTS[_BALLS]], covariance[:, _ENDS[_BALLS]], _ALONG[:, None, None])
    variance, axes = np.linalg.eigh(radius2(probability, freedom) * at)
    across, along = np.sqrt(variance[..., 1:].clip(0)).transpose(2, 0, 1)
    stretch = (along - across)[..., None] * axes[..., -1]
    return Capsules(centres - stretch, centres + stretch, balls + across)


def at_ends(values: FloatArray) -> FloatArray:
    """Return what joints have, (P, 17, ...), at the start and at the end of each of ``PARTS``: (2, P, C, ...)."""
    return np.stack([values[:, _STARTS], values[:, _ENDS]])


def _between(start: FloatArray, end: FloatArray, along: FloatArray) -> FloatArray:
    return np.asarray((1 - along) * start + along * end)
