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


"""Random numbers of people who know nothing of each other, and of one person as time goes by."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_SLOW = 1.0  # s
_STEADY = 3.0  # s
_BURST = (0.15, 0.45)  # s


class Draws(Protocol):
    """Random numbers along a first axis of N people or frames."""

    def normal(self, *shape: int) -> FloatArray:
        """Return standard normal numbers (N, *shape), of what changes from frame to frame."""

    def slow(self, *shape: int) -> FloatArray:
        """Return standard normal numbers (N, *shape), of what hardly changes from frame to frame."""

    def chisquare(self, freedom: int, *shape: int) -> FloatArray:
        """Return chi-square numbers (N, *shape) of ``freedom`` degrees, of what changes from frame to frame."""

    def events(self, share: float, *shape: int) -> BoolArray:
        """Return what is the case (N, *shape), each with probability ``share``."""


class OfPeople:
    """Numbers of N people, each independent of all others.

    Args:
        people: N.
        rng: source of the numbers.
    """

    def __init__(self, people: int, rng: np.random.Generator) -> None:
        self._people, self._rng = people, rng

    def normal(self, *shape: int) -> FloatArray:
        """Return standard normal numbers (N, *shape)."""
        return self._rng.normal(0, 1, (self._people, *shape))

    slow = normal

    def chisquare(self, freedom: int, *shape: int) -> FloatArray:
        """Return chi-square numbers (N, *shape) of ``freedom`` degrees."""
        return self._rng.chisquare(freedom, (self._people, *shape))

    def events(self, share: float, *shape: int) -> BoolArray:
        """Return what is the case (N, *shape), each with probability ``share``."""
        return self._rng.random((self._people, *shape)) < share


class OfFrames:
    """Numbers of N frames that follow each other, each distributed as ``OfPeople``'s are.

    Args:
        frames: N.
        rate: Hz.
        memory: s, after which a ``normal`` number has forgotten all but exp(-1) of what it was.
        steady: part of its variance that stays for about 3 s.
        rng: source of the numbers.
    """

    def __init__(self, frames: int, rate: float, memory: float, steady: float, rng: np.random.Generator) -> None:
        self._frames, self._rate, self._memory, self._steady, self._rng = frames, rate, memory, steady, rng

    def normal(self, *shape: int) -> FloatArray:
        """Return standard normal numbers (N, *shape) with the memory that is asked for."""
        fast, slow = self._walk(self._memory, shape), self._walk(_STEADY, shape)
        return np.asarray(np.sqrt(1 - self._steady) * fast + np.sqrt(self._steady) * slow)

    def slow(self, *shape: int) -> FloatArray:
        """Return standard normal numbers (N, *shape) that change within about a second."""
        return self._walk(_SLOW, shape)

    def chisquare(self, freedom: int, *shape: int) -> FloatArray:
        """Return chi-square numbers (N, *shape) of ``freedom`` degrees, with that memory."""
        return np.asarray((self.normal(freedom, *shape) ** 2).sum(1))

    def events(self, share: float, *shape: int, lasting: tuple[float, float] = _BURST) -> BoolArray:
        """Return what is the case (N, *shape), in bursts.

        Args:
            share: part of the time, below 1.
            shape: of each frame.
            lasting: s, from the shortest to the longest burst.
        """
        before = int(np.ceil(lasting[1] * self._rate))  # what started then may still last
        frame = np.arange(-before, self._frames).reshape(-1, *(1 for _ in shape))
        # Bursts start whenever they like, also within others: exp(-starts) of the time there is none.
        starts = -np.log1p(-share) / (self._rate * (lasting[0] + lasting[1]) / 2)
        started = self._rng.random((len(frame), *shape)) < starts
        length = self._rate * self._rng.uniform(*lasting, started.shape)
        end = np.maximum.accumulate(np.where(started, frame + length, -before), 0)
        return np.asarray((frame < end)[before:])

    def _walk(self, memory: float, shape: tuple[int, ...]) -> FloatArray:
        """A first-order autoregressive process (N, *shape) of mean 0 and variance 1."""
        kept = np.exp(-1 / (self._rate * memory))
        fresh = np.sqrt(1 - kept**2)
        steps = self._rng.normal(0, 1, (self._frames, *shape)) * fresh
        steps[0] /= fresh
        return np.asarray(lfilter([1], [1, -kept], steps, axis=0))
