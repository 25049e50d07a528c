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

"""What evidence is: scalar measurements of where joints are, or of how large people are."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class View:
    """P people, as they are estimated at the time of a frame, before the evidence. Metres, in the world.

    Attributes:
        ids: their names.
        positions: (P, 17, 3).
        covariance: (P, 17, 3, 3) m^2.
        measured: (P, 17) bool, joints that the detector gave.
        camera_pose: (4, 4) of the camera in the world.
        size: (P,) n = 1 - 1 / k of people k times as large as the model takes them for.
    """

    ids: tuple[str, ...]
    positions: FloatArray
    covariance: FloatArray
    measured: npt.NDArray[np.bool_]
    camera_pose: FloatArray
    size: FloatArray


@dataclass(frozen=True)
class Measurements:
    """M measurements: ``direction`` . joint = ``value``, or, without a joint, of a person's size, see ``View.size``.

    Attributes:
        person: (M,) rows of the people; each at most once for a joint.
        joint: (M,) of the H36M joints.
        direction: (M, 3) unit vectors in the world; all zero for one of the size.
        value: (M,) metres, or the size.
        variance: (M,) of it.
    """

    person: IntArray
    joint: IntArray
    direction: FloatArray
    value: FloatArray
    variance: FloatArray

    @classmethod
    def of_size(cls, person: IntArray, value: FloatArray, variance: FloatArray) -> "Measurements":
        """Return measurements of people's sizes, see ``View.size``."""
        return cls(person, np.zeros_like(person), np.zeros((len(person), 3)), value, variance)

    def __len__(self) -> int:
        return len(self.person)

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Measurements":
        """Return those that a mask or index array picks."""
        return Measurements(
            self.person[rows], self.joint[rows], self.direction[rows], self.value[rows], self.variance[rows]
        )


class Evidence(Protocol):
    """A source of measurements beside the lifted poses; of each class one for a camera's frame.

    Attributes:
        memory: s, for which its errors last: no two measurements within are independent.
        rounds: how often it wants to be asked for one frame; each time with the people as the last round left them.
    """

    memory: float
    rounds: int

    def measure(self, view: View, round_: int) -> Measurements:
        """Return what it says of the people."""
        ...
