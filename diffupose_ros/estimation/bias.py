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

"""Errors that last: how much of the error of each side from which people are seen is in their estimated joints.

What is wrong with a lifted pose depends on from where it is seen, and hardly changes while that stays the same. So a
side's error is a constant that is never learned, but of which an account is kept (Schmidt 1966): an estimate x that
moves by K (y - x) keeps I - K of each side's error that it had, and takes up K of that from which y is seen. Frames
from one side so never look better than one of them, and frames from two sides do.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SIDES = 3
"""Sides of which an account is kept."""
_SAME = np.cos(np.radians(25))
"""Of directions from which errors are the same."""


@dataclass(frozen=True)
class Bias:
    """P people.

    Attributes:
        direction: (P, SIDES, 3) unit vectors from where each side is seen; zero where there is none.
        covariance: (P, SIDES, 17, 3, 3) m^2 of each side's error.
        part: (P, SIDES, 17, 3, 3) of it that is in the estimate.
    """

    direction: FloatArray
    covariance: FloatArray
    part: FloatArray

    @classmethod
    def none(cls, people: int) -> "Bias":
        """Return people who were never seen: their estimates are nobody's."""
        return cls(
            np.zeros((people, SIDES, 3)), np.zeros((people, SIDES, 17, 3, 3)), np.zeros((people, SIDES, 17, 3, 3))
        )

    def __getitem__(self, rows: npt.NDArray[np.generic] | list[int]) -> "Bias":
        """Return the people of some rows."""
        return Bias(self.direction[rows], self.covariance[rows], self.part[rows])

    def joined(self, other: "Bias") -> "Bias":
        """Return the people of both."""
        return Bias(
            np.concatenate([self.direction, other.direction]),
            np.concatenate([self.covariance, other.covariance]),
            np.concatenate([self.part, other.part]),
        )

    def total(self) -> FloatArray:
        """Return the covariances (P, 17, 3, 3) in m^2 of all of it."""
        return np.asarray((self.part @ self.covariance @ np.swapaxes(self.part, -1, -2)).sum(1))

    def updated(self, gain: FloatArray, direction: FloatArray, covariance: FloatArray) -> "Bias":
        """Return the account after an update.

        Args:
            gain: (P, 17, 3, 3) K of the joints.
            direction: (P, 3) unit vectors from where people are seen.
            covariance: (P, 17, 3, 3) m^2 of the error that lasts.
        """
        people = np.arange(len(gain))
        likeness = np.einsum("psi,pi->ps", self.direction, direction)
        # The likest side, or else the one of which least is left.
        weight = np.einsum("psjii->ps", self.part**2)
        side = np.where(likeness.max(1) > _SAME, likeness.argmax(1), weight.argmin(1))
        part = (np.eye(3) - gain)[:, None] @ self.part
        part[people, side] += gain
        directions, covariances = self.direction.copy(), self.covariance.copy()
        directions[people, side], covariances[people, side] = direction, covariance
        return Bias(directions, covariances, part)
