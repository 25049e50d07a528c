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

"""How fast the people of the demo come, and whether the nodes keep up with them.

No ROS in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

KEPT = 0.9  # share of the inputs that are answered where the nodes keep up
IN_FLIGHT = 2  # messages without an answer yet
LOWEST = 3.0  # messages per second; below it nobody seems to move


@dataclass(frozen=True)
class Pace:
    """A rate of 2D messages, and the rate that was wanted.

    Attributes:
        rate: messages per second.
        wanted: messages per second that were tried first.
    """

    rate: float
    wanted: float

    @property
    def slowest(self) -> bool:
        """Whether there is none to try after it."""
        return self.rate / 2 < LOWEST

    def slower(self) -> "Pace":
        """Return the pace to try where this one is not kept up with."""
        return Pace(self.rate / 2, self.wanted)

    def remark(self) -> str:
        """Return what is to be said where it is not the rate that was wanted; nothing where it is."""
        if self.rate == self.wanted:
            return ""
        return f"{self.rate:g} messages a second: with {self.wanted:g} this machine did not keep up."


def kept_up(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Return whether (nearly) all 2D messages between two moments were answered, by both nodes.

    Args:
        before: messages received by topic, at the first moment.
        after: the same at the second.
    """
    inputs, *results = (after[topic] - before[topic] for topic in ("skeletons_2d", "skeletons_3d", "people"))
    return 0 < min(results) >= KEPT * inputs - IN_FLIGHT
