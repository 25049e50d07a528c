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

"""Clocks: system, steady, and ROS time, which follows /clock when simulated."""

from __future__ import annotations

import time

from .clock_type import ClockType
from .time import Time

__all__ = ["Clock", "ClockType", "ROSClock"]


class Clock:
    """Reads one kind of time."""

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self.clock_type = clock_type

    def now(self) -> Time:
        read = time.monotonic_ns if self.clock_type == ClockType.STEADY_TIME else time.time_ns
        return Time(nanoseconds=read(), clock_type=self.clock_type)


class ROSClock(Clock):
    """System time, or the last time on /clock while ``ros_time_is_active``."""

    def __init__(self) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self.ros_time_is_active = False
        self._simulated = 0

    def now(self) -> Time:
        if self.ros_time_is_active:
            return Time(nanoseconds=self._simulated, clock_type=self.clock_type)
        return super().now()

    def set_ros_time_override(self, when: Time) -> None:
        """Set the simulated time."""
        self._simulated = when.nanoseconds
