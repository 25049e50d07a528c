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

"""What every engine samples by, so that one seed gives the same poses in each; of numpy alone."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from diffupose_ros.files import one_line
from diffupose_ros.skeleton import MIRROR, NECK

FloatArray = npt.NDArray[np.float64]
Method = Literal["ddim", "ddpm"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Stored = Literal["float32", "float16"]
"""Precisions of exported weights."""
NO_NECK = [j for j in range(17) if j != NECK]
"""The joints of a 16-joint network."""
MAX_BATCH = 2048
"""Poses drawn at once: bounds the memory, and how long an interruption takes."""
CPU_BATCH = 96
"""The same on a CPU: beyond about 120 the numbers leave the caches, which costs a quarter."""


class Interrupted(Exception):
    """The caller asked to give up."""


class OtherStepsError(ValueError):
    """A number of DDIM steps that the model cannot take."""


@dataclass(frozen=True)
class Sampling:
    """How the poses of a batch of people are drawn.

    Attributes:
        hypotheses: N, poses of each person.
        steps: DDIM steps; None: as many as suit the model (``usual_steps``); DDPM always takes all.
        flip: draw every second hypothesis for the mirror image, and mirror it back; of a single one, nothing. (The
            released code averages each with one for the mirror image, at twice the cost.)
        seed: of the noise, from 0 on; None for a fresh one.
        method: ``ddim`` or ``ddpm``.
    """

    hypotheses: int
    steps: int | None = None
    flip: bool = True
    seed: int | None = None
    method: Method = "ddim"


class Noise:
    """Standard normal noise of the hypotheses, drawn once for all people; further noise, for DDPM, at each call.

    Args:
        sampling: how poses are drawn.
        joints: J, of the network.

    Raises:
        ValueError: a negative seed.
    """

    def __init__(self, sampling: Sampling, joints: int) -> None:
        if sampling.seed is not None and sampling.seed < 0:
            raise ValueError(f"seed: expected a whole number from 0 on, or None, got {sampling.seed}")
        self._generator, self._shape = np.random.default_rng(sampling.seed), (sampling.hypotheses, joints, 3)

    def __call__(self) -> npt.NDArray[np.float32]:
        """Return noise (N, J, 3), centred over the hypotheses; of people, not of the images that they are seen in."""
        noise = self._generator.standard_normal(self._shape, np.float32)
        if (hypotheses := len(noise)) > 1:
            noise = (noise - noise.mean(0)) * np.float32((hypotheses / (hypotheses - 1)) ** 0.5)
        return noise


class Room:
    """How many poses are drawn at once, which a device's memory bounds.

    Args:
        rows: at first; half as many from then on where the memory is not enough.
        exhausted: tells whether that is what an error means.
        most: people at once, whatever their hypotheses; None: any number.
    """

    def __init__(self, rows: int, exhausted: Callable[[Exception], bool], most: int | None = None) -> None:
        self._rows, self._exhausted, self._most = rows, exhausted, most

    def draw(self, people: int, hypotheses: int, draw: Callable[[slice], FloatArray]) -> FloatArray:
        """Return what is drawn of some people at a time, one after the other.

        Args:
            people: P, at least 1.
            hypotheses: N of each.
            draw: returns (n, N, J, 3) of the people that a slice picks.

        Raises:
            MemoryError: the memory is not enough for one person.
        """
        while True:
            count = max(parts(people, hypotheses, self._rows), -(-people // (self._most or people)))
            bounds = -(-np.arange(count + 1) * people // count)  # of parts of like size, the largest first
            at_once = int(bounds[1])
            try:
                return np.concatenate([draw(slice(*part)) for part in pairwise(map(int, bounds))])
            except Exception as error:
                if not self._exhausted(error):
                    raise
                reason = one_line(error)
            if at_once == 1:
                raise MemoryError(f"not enough memory for the {hypotheses} hypotheses of one person: {reason}")
            self._rows = at_once // 2 * hypotheses
            warnings.warn(f"not enough memory for {at_once} people at once, now {at_once // 2}: {reason}", stacklevel=2)


def parts(people: int, hypotheses: int, rows: int) -> int:
    """Return in how many parts people are drawn, of so many poses at the most, but of one person at least."""
    return -(-people // max(1, rows // hypotheses))


def of_network(features: npt.NDArray[np.float32], joints: int) -> npt.NDArray[np.float32]:
    """Return features (P, J, C) of the joints that a network of 17 or 16 has, of those (P, 17, C) of all."""
    return features if joints == 17 else features[:, NO_NECK]


def mirror_image(joints: int) -> list[int]:
    """Return which of a network's 17 or 16 joints each one is in the mirror image."""
    return list(MIRROR) if joints == 17 else [NO_NECK.index(MIRROR[j]) for j in NO_NECK]
