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
_SHORTEST = 1e-6  # m, of a capsule that has a direction


@dataclass(frozen=True)
class Part:
    """A part of the body between two joints.

    Attributes:
        name: of the part.
        start, end: names of the joints; the same where the part is a ball, as a hand is, which may point anywhere.
        radius: of the capsule about them, over the stature, without clothes.
    """

    name: str
    start: str
    end: str
    radius: float


PARTS = (
    Part("head", "neck", "head", 0.105),
    Part("throat", "thorax", "neck", 0.072),
    Part("shoulders", "left_shoulder", "right_shoulder", 0.057),
    Part("chest", "spine", "thorax", 0.114),
    Part("belly", "pelvis", "spine", 0.109),
    Part("hips", "left_hip", "right_hip", 0.089),
    *(
        Part(f"{side}_{name}", f"{side}_{start}", f"{side}_{end}", radius)
        for side in ("left", "right")
        for name, start, end, radius in (
            ("upper_arm", "shoulder", "elbow", 0.049),
            ("forearm", "elbow", "wrist", 0.033),
            ("hand", "wrist", "wrist", 0.110),
            ("thigh", "hip", "knee", 0.074),
            ("shank", "knee", "ankle", 0.052),
            ("foot", "ankle", "ankle", 0.130),
        )
    ),
)
"""Fitted to bodies of MakeHuman (``anny``): 60 adults of a body mass index of 18.5 to 30 in 7 postures each. Of their
skin 99 % is inside, and at least 97 % of each region; of the trunks of heavier people 91 %. See docs/capsules.md."""
_CLOTHES = 0.01  # m
_STARTS = np.array([H36M17.index(part.start) for part in PARTS])
_ENDS = np.array([H36M17.index(part.end) for part in PARTS])
_RADII = np.array([part.radius for part in PARTS])


@dataclass(frozen=True)
class Capsules:
    """The parts of P people, in the order of ``PARTS``: balls of one radius along a line. Metres.

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
    """Return the bodies of people of whom all is known, in clothes 1 cm thick.

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
    """Return capsules of the bodies that are larger by how far the ellipsoids of the joints reach.

    Across a part, the radius grows by the reach of the ellipsoid that reaches farther; along it, the ends move out as
    far as their ellipsoids are longer than that, or stand askew.

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
    direction = _direction(exact.start, exact.end)
    aside = np.eye(3) - np.einsum("pci,pcj->pcij", direction, direction)
    reaching = radius2(probability, freedom) * np.stack([covariance[:, _STARTS], covariance[:, _ENDS]])
    across = np.sqrt(np.linalg.eigvalsh(aside @ reaching @ aside)[..., -1].clip(0)).max(0)
    beyond = _beyond(reaching, direction, aside, across)
    length = np.linalg.norm(exact.end - exact.start, axis=-1)
    # Where it is long, an ellipsoid about one end reaches beyond the other end too.
    start, end = np.maximum(beyond, beyond[::-1] - length)[..., None] * direction
    return Capsules(exact.start - start, exact.end + end, exact.radius + across)


def _beyond(reaching: FloatArray, direction: FloatArray, aside: FloatArray, across: FloatArray) -> FloatArray:
    """How far (2, P, C) capsules must go beyond either end for ellipsoids x^T reaching^-1 x = 1 to be within.

    Least upper bound of (h - across) / cos over all directions, h the ellipsoid's extent in each, cos that direction's
    part along the capsule.
    """
    along = (reaching @ direction[..., None])[..., 0]
    length2 = np.einsum("bpci,pci->bpc", along, direction).clip(0)
    tilt = np.linalg.norm((aside @ along[..., None])[..., 0], axis=-1) / np.maximum(across, _SHORTEST)
    upright = np.sqrt((length2 - tilt**2).clip(0))
    return np.asarray(np.hypot(tilt, np.maximum(upright - across, 0)))


def interpolated(values: FloatArray, along: FloatArray) -> FloatArray:
    """Return what joints have, (P, 17, ...), at ``along`` (P, C, n) of each part, 0 at its start and 1 at its end.

    Of covariances it is the upper bound, as if both ends erred together.
    """
    weight = along.reshape(*along.shape, *(1 for _ in values.shape[2:]))
    return np.asarray((1 - weight) * values[:, _STARTS, None] + weight * values[:, _ENDS, None])


def _direction(start: FloatArray, end: FloatArray) -> FloatArray:
    """Unit vectors; zero where a line has no length: of a ball, all is across."""
    line = end - start
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    return np.where(length > _SHORTEST, line / np.maximum(length, _SHORTEST), 0)
