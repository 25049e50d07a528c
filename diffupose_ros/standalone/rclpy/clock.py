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
from collections.abc import Callable
from typing import Any

from .clock_type import ClockType
from .duration import Duration
from .time import Time
from .time_jump import ClockChange, JumpHandle, JumpThreshold, TimeJump

__all__ = ["Clock", "ClockChange", "ClockType", "JumpHandle", "JumpThreshold", "ROSClock", "TimeJump"]


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
        self._active = False
        self._simulated = 0
        self._jump_handles: list[JumpHandle] = []

    @property
    def ros_time_is_active(self) -> bool:
        return self._active

    @ros_time_is_active.setter
    def ros_time_is_active(self, active: bool) -> None:
        if active != self._active:
            change = ClockChange.ROS_TIME_ACTIVATED if active else ClockChange.ROS_TIME_DEACTIVATED
            self._jump(TimeJump(change, Duration()), lambda: setattr(self, "_active", active))

    def now(self) -> Time:
        if self.ros_time_is_active:
            return Time(nanoseconds=self._simulated, clock_type=self.clock_type)
        return super().now()

    def set_ros_time_override(self, when: Time) -> None:
        """Set the simulated time."""
        passed = Duration(nanoseconds=when.nanoseconds - self._simulated)
        change = TimeJump(ClockChange.ROS_TIME_NO_CHANGE, passed)
        self._jump(change, lambda: setattr(self, "_simulated", when.nanoseconds))

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], Any] | None = None,
        post_callback: Callable[[TimeJump], Any] | None = None,
    ) -> JumpHandle:
        """Call back before and after simulated time jumps, or the source of time changes.

        Raises:
            ValueError: no callback was given.
        """
        handle = JumpHandle(self._jump_handles, threshold, pre_callback, post_callback)
        self._jump_handles.append(handle)
        return handle

    def _jump(self, jump: TimeJump, change: Callable[[], None]) -> None:
        """Make the change, between the callbacks that such a jump has; time that nobody reads does not jump."""
        seen = self._active or jump.clock_change != ClockChange.ROS_TIME_NO_CHANGE
        called = [handle for handle in self._jump_handles if seen and handle.threshold.exceeded_by(jump)]
        for handle in called:
            handle.before()
        change()
        for handle in called:
            handle.after(jump)
