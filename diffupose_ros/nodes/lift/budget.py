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

"""How many DDIM steps fit into a time: chosen from what calls of the model have taken. Knows no messages."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

CHOICES = (2, 5, 10, 20)
"""The numbers of steps that are chosen among."""

_GAIN = 0.5  # how much of what it was wrong by an estimate learns from one call
_MIDDLE = 6.0  # steps; above it the cost of each step takes most of that, below it the fixed cost
_LEAST = 0.02  # share of the time that either of the two is at least
_LONGEST = 4.0  # times its estimate that a call counts as at most
_RECENT = 60  # calls that tell how far estimates are exceeded
_QUANTILE = 0.95  # share of these that are to be in time
_ROOM = 0.85  # of the budget, which more steps than now have to fit into
_PATIENCE = 10  # calls in a row for which there was room, before one step up


@dataclass
class _Line:
    """Time of a call: a fixed cost and a cost of each step, in seconds; how far the latest calls exceeded it."""

    fixed: float
    per_step: float
    latest: deque[float] = field(default_factory=lambda: deque((1.0, 1.0), maxlen=3))

    def at(self, steps: int) -> float:
        return self.fixed + self.per_step * steps

    def learn(self, steps: int, ratio: float) -> None:
        """Learn from a call that took ``ratio`` times the estimate; one that is far off needs a second like it."""
        self.latest.append(ratio)
        now = self.at(steps)
        target = now * (1 + _GAIN * (sorted(self.latest)[1] - 1))
        # The normalised least-mean-squares step, both parts kept positive.
        share, least = 1 / (1 + (steps / _MIDDLE) ** 2), _LEAST * target
        fixed = max(self.fixed + share * (target - now), least)
        self.per_step = max(target - fixed, least) / steps
        self.fixed = target - self.per_step * steps


class StepBudget:
    """Chooses the number of DDIM steps whose time fits into a budget.

    The time depends on the size of the batch (people x hypotheses) too: there is an estimate for each
    size that was seen, between and beyond them for the others. Fewer steps are chosen at once, more of them one
    choice at a time, and only after there has been room for a while. One slow call alone changes nothing.
    """

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}
        self._seen: set[tuple[int, int]] = set()
        self._ratios: deque[float] = deque([1.0] * (_RECENT // 3), maxlen=_RECENT)
        self._margin = 1.0
        self._steps = 0  # none chosen yet
        self._roomy = 0  # choices in a row with room for more

    @property
    def measured(self) -> bool:
        """Whether any call was measured."""
        return bool(self._lines)

    def begin(self, size: int, times: Mapping[int, float]) -> None:
        """Take the seconds of calls with several numbers of steps, for a first estimate.

        Args:
            size: of the batch.
            times: number of steps -> seconds; at least two.
        """
        per_step, fixed = np.polyfit(list(times), list(times.values()), 1)
        least = _LEAST * min(times.values())
        self._lines[size] = _Line(max(float(fixed), least), max(float(per_step), least / CHOICES[0]))
        self._seen |= {(size, steps) for steps in times}

    def note(self, size: int, steps: int, seconds: float) -> None:
        """Take the time of a call; the first one of its kind does not count: it prepared the others."""
        if (size, steps) not in self._seen:
            self._seen.add((size, steps))
            return
        if not self._lines:
            self._lines[size] = _Line(seconds / 2, seconds / 2 / steps)
        line = self._lines.setdefault(size, self._between(size))
        ratio = min(seconds / line.at(steps), _LONGEST)
        self._ratios.append(ratio)
        exceeded = sorted(self._ratios)
        self._margin = max(1.0, exceeded[round(_QUANTILE * (len(exceeded) - 1))])
        line.learn(steps, ratio)

    def predict(self, size: int, steps: int) -> float:
        """Return the seconds that a call is expected to stay below; infinite before the first measurement."""
        if not self._lines:
            return float("inf")
        return (self._lines.get(size) or self._between(size)).at(steps) * self._margin

    def holds(self, size: int, seconds: float) -> bool:
        """Return whether the fewest steps fit into the budget."""
        return self.predict(size, CHOICES[0]) <= seconds

    def choose(self, size: int, seconds: float) -> int:
        """Return the number of steps for the next call.

        Args:
            size: of the batch.
            seconds: the budget.
        """
        fitting = self._largest(size, seconds, CHOICES)
        if not self._steps or fitting < self._steps:
            self._steps, self._roomy = fitting, 0
            return fitting
        larger = CHOICES[: CHOICES.index(self._steps) + 2]
        roomy = self._largest(size, _ROOM * seconds, larger) > self._steps
        self._roomy = self._roomy + 1 if roomy else 0
        if self._roomy > _PATIENCE:
            self._steps, self._roomy = larger[-1], 0
        return self._steps

    def _largest(self, size: int, seconds: float, choices: Sequence[int]) -> int:
        return max((steps for steps in choices if self.predict(size, steps) <= seconds), default=CHOICES[0])

    def _between(self, size: int) -> _Line:
        """Return the estimate for a size that was not seen: between its neighbours, or in proportion to the largest."""
        below = max((s for s in self._lines if s <= size), default=None)
        above = min((s for s in self._lines if s >= size), default=None)
        if below is None or above is None:
            nearest = self._lines[below if above is None else above]
            growth = size / below if below else 1.0
            return _Line(nearest.fixed * growth, nearest.per_step * growth)
        low, high = self._lines[below], self._lines[above]
        share = (size - below) / max(above - below, 1)
        return _Line(
            low.fixed + share * (high.fixed - low.fixed), low.per_step + share * (high.per_step - low.per_step)
        )
