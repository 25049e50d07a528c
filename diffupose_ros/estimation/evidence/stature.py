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

"""Statures that are known: a person's size, and so the distance."""

from collections.abc import Mapping

import numpy as np

from diffupose_ros.estimation.evidence.measurement import Measurements, View
from diffupose_ros.estimation.stature import stature_of

_TALLEST = 2.6  # m


class Stature:
    """How tall some people are.

    Args:
        metres: by people's ids in ``People``.
        deviation: m, standard deviation of these.

    Raises:
        ValueError: a stature that nobody has.
    """

    memory = 60.0
    rounds = 1

    def __init__(self, metres: Mapping[str, float], deviation: float = 0.02) -> None:
        for name, value in metres.items():
            if not 0.4 <= value <= _TALLEST:
                raise ValueError(f"stature of {name!r}: expected 0.4 to {_TALLEST} m, got {value}")
        if not (np.isfinite(deviation) and deviation >= 0):
            raise ValueError(f"deviation: expected metres, 0 or more, got {deviation}")
        self.metres, self.deviation = dict(metres), deviation

    def measure(self, view: View, round_: int) -> Measurements:
        """Return how much larger than estimated people of known stature are."""
        known = np.array([row for row, name in enumerate(view.ids) if name in self.metres], np.intp)
        metres = np.array([self.metres[view.ids[row]] for row in known])
        estimated, left_open = stature_of(view.positions[known]).T
        smaller = (1 - view.size[known]) * estimated / metres
        variance = (left_open / estimated) ** 2 + (self.deviation / metres) ** 2
        return Measurements.of_size(known, 1 - smaller, smaller**2 * variance)
