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

"""What is known of people at one time, and what will be."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.motion import Motion
from diffupose_ros.estimation.state import POSITION, SIZE, VELOCITY, Placed, State, joints_of, predicted
from diffupose_ros.estimation.stature import stature_of
from diffupose_ros.lifting.uncertainty import MIN_VARIANCE

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEFT_OUT = ("late", "repeated")
"""Kinds of problems of input that was left out."""
FREEDOM = 4.0
"""Degrees of freedom of the errors' distribution: their tails are longer than a normal distribution's."""


@dataclass(frozen=True)
class Flags:
    """What a consumer should know of P people.

    Attributes:
        coasting: (P,) not seen in the latest frame, but predicted.
        sides_uncertain: (P,) left and right were exchanged lately, by the detector or by us.
        novel: (P,) the model does not know such a pose or body, see ``Lifted.novelty``.
        depth_used: (P,) a depth image measured the distance lately.
    """

    coasting: BoolArray
    sides_uncertain: BoolArray
    novel: BoolArray
    depth_used: BoolArray


@dataclass(frozen=True)
class People:
    """P people at one time, joints as in H36M-17, in the frame of the camera pose's parent. Metres, seconds.

    Covariances are of the whole error of a position in that frame: nothing is to be added. Who takes them for those of
    normal distributions is right at 90 %, and careful below it (``lifting.uncertainty.radius2``, ``freedom``).

    Attributes:
        time: s, of everything here.
        ids: P names.
        positions: (P, 17, 3).
        covariance: (P, 17, 3, 3) m^2.
        velocities: (P, 17, 3) m/s.
        velocity_covariance: (P, 17, 3, 3) m^2/s^2.
        stature: (P, 2) metres, and its standard deviation.
        age: (P,) s since the person was first seen, or estimated anew.
        flags: what else a consumer should know.
        problems: (kind, detail) of what was wrong with the latest input, and was left out.
    """

    time: float
    ids: tuple[str, ...]
    positions: FloatArray
    covariance: FloatArray
    velocities: FloatArray
    velocity_covariance: FloatArray
    stature: FloatArray
    age: FloatArray
    flags: Flags
    problems: tuple[tuple[str, str], ...]
    _state: State
    _motion: Motion

    @classmethod
    def of(
        cls,
        time: float,
        ids: tuple[str, ...],
        state: State,
        motion: Motion,
        age: FloatArray,
        flags: Flags,
        problems: tuple[tuple[str, str], ...] = (),
    ) -> "People":
        """Return the people of states that are taken to ``time``."""
        state = predicted(state, time, motion)
        placed = joints_of(state)
        positions, covariance = placed.positions, covariance_of(state, placed)
        velocities, velocity_covariance = _moving(state)
        size = state.scale * np.sqrt(state.root.covariance[:, SIZE, SIZE])
        stature = stature_of(positions, placed.lasting)
        stature[:, 1] = np.hypot(stature[:, 1], stature[:, 0] * size)
        return cls(
            time, ids, positions, covariance, velocities, velocity_covariance, stature, age, flags, problems, state,
            motion,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def freedom(self) -> FloatArray:
        """(P, 17) degrees of freedom of the distributions of positions and velocities, see ``radius2``."""
        return np.full((len(self), 17), FREEDOM)

    @property
    def root(self) -> FloatArray:
        """(P, 3) of the pelvis."""
        return self.positions[:, 0]

    @property
    def root_covariance(self) -> FloatArray:
        """(P, 3, 3) m^2."""
        return self.covariance[:, 0]

    @property
    def root_velocity(self) -> FloatArray:
        """(P, 3) m/s."""
        return self.velocities[:, 0]

    @property
    def root_velocity_covariance(self) -> FloatArray:
        """(P, 3, 3) m^2/s^2."""
        return self.velocity_covariance[:, 0]

    @property
    def left_out(self) -> bool:
        """Whether the latest input was, as it came too late or twice."""
        return any(kind in LEFT_OUT for kind, _ in self.problems)

    def predict(self, seconds: float) -> "People":
        """Return where the people will be, and how sure that is.

        Raises:
            ValueError: a time that is negative or not finite.
        """
        if not (np.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"seconds: expected 0 or more, got {seconds}")
        time = self.time + seconds
        return People.of(time, self.ids, self._state, self._motion, self.age + seconds, self.flags, self.problems)


def covariance_of(state: State, placed: Placed) -> FloatArray:
    """Return the covariances (P, 17, 3, 3) in m^2 of joints in the world."""
    covariance = placed.by_root @ state.root.covariance[:, None] @ np.swapaxes(placed.by_root, -1, -2)
    covariance += placed.lasting + MIN_VARIANCE * np.eye(3)
    own = state.joints.covariance[..., POSITION, POSITION]
    covariance[:, 1:] += state.scale[:, None, None, None] ** 2 * own
    return np.asarray(covariance)


def _moving(state: State) -> tuple[FloatArray, FloatArray]:
    """Velocities (P, 17, 3) in the world and their covariances (P, 17, 3, 3)."""
    scale = state.scale[:, None, None]
    velocities = scale * _added(state.root.mean[:, VELOCITY], state.joints.mean[..., VELOCITY])
    covariance = _added(state.root.covariance[:, VELOCITY, VELOCITY], state.joints.covariance[..., VELOCITY, VELOCITY])
    return velocities, scale[..., None] ** 2 * covariance


def _added(root: FloatArray, relative: FloatArray) -> FloatArray:
    """(P, 17, ...) the root's, and for each other joint the sum with its own."""
    return np.concatenate([root[:, None], root[:, None] + relative], 1)
