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
