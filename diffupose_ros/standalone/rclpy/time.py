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

"""A point in time in nanoseconds of one clock."""

from __future__ import annotations

from functools import total_ordering
from typing import Any

from builtin_interfaces.msg import Time as TimeMsg

from .clock_type import ClockType
from .duration import Duration


@total_ordering
class Time:
    """As rclpy.time.Time; times of different clocks do not compare."""

    def __init__(
        self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        if seconds < 0 or nanoseconds < 0:
            raise ValueError("Seconds and nanoseconds values must not be negative")
        self._nanoseconds = int(seconds * 1_000_000_000) + int(nanoseconds)
        self.clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        return self._nanoseconds

    def seconds_nanoseconds(self) -> tuple[int, int]:
        return divmod(self._nanoseconds, 1_000_000_000)

    def to_msg(self) -> TimeMsg:
        sec, nanosec = self.seconds_nanoseconds()
        return TimeMsg(sec=sec, nanosec=nanosec)

    @classmethod
    def from_msg(cls, msg: TimeMsg, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)

    def _with(self, nanoseconds: int) -> Time:
        return Time(nanoseconds=nanoseconds, clock_type=self.clock_type)

    def _same_clock(self, other: Time) -> None:
        if self.clock_type != other.clock_type:
            raise TypeError("Can't combine times with different clock types")

    def __add__(self, other: Duration) -> Time:
        return self._with(self._nanoseconds + other.nanoseconds)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            self._same_clock(other)
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        return self._with(self._nanoseconds - other.nanoseconds)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other)
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: Time) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other)
        return self._nanoseconds < other._nanoseconds

    def __hash__(self) -> int:
        return hash((self._nanoseconds, self.clock_type))

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self._nanoseconds}, clock_type={self.clock_type.name})"
