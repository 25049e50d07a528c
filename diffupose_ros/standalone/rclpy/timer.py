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

"""Timers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .callback_groups import CallbackGroup
from .clock import Clock, ROSClock
from .entity import Action, Entity


class Timer(Entity):
    """Calls back each period; periods that were missed are skipped, not made up for.

    It runs on the steady clock, or on /clock where its clock is simulated.
    """

    def __init__(
        self,
        node: Any,
        period_ns: int,
        callback: Callable[[], Any],
        clock: Clock,
        callback_group: CallbackGroup | None = None,
        autostart: bool = True,
    ) -> None:
        super().__init__(node, callback_group)
        if period_ns < 0:
            raise ValueError("the timer period must not be negative")
        self.timer_period_ns = period_ns
        self.callback = callback
        self.clock = clock
        self._cancelled = not autostart
        self._simulated = self.simulated
        self._next = self._now() + period_ns

    @property
    def simulated(self) -> bool:
        """Whether /clock drives it now: then it can only be due after a message."""
        return isinstance(self.clock, ROSClock) and self.clock.ros_time_is_active

    def _now(self) -> int:
        return self.clock.now().nanoseconds if self.simulated else time.monotonic_ns()

    def due_in(self) -> int | None:
        """Return nanoseconds until the next call, 0 or less when due, None when cancelled."""
        if self._cancelled:
            return None
        if self._simulated != self.simulated:  # the time source changed: start the period again
            self._simulated = self.simulated
            self._next = self._now() + self.timer_period_ns
        return self._next - self._now()

    def take(self) -> Action | None:
        due = self.due_in()
        if due is None or due > 0:
            return None
        self._next += self.timer_period_ns
        behind = self._now() - self._next
        if behind > 0 and self.timer_period_ns:
            self._next += (behind // self.timer_period_ns + 1) * self.timer_period_ns
        return self.callback

    def is_ready(self) -> bool:
        due = self.due_in()
        return due is not None and due <= 0

    def time_until_next_call(self) -> int | None:
        return self.due_in()

    def cancel(self) -> None:
        self._cancelled = True

    def is_canceled(self) -> bool:
        return self._cancelled

    def reset(self) -> None:
        """Start the period again, also after ``cancel``."""
        self._cancelled = False
        self._next = self._now() + self.timer_period_ns
        self._node._wake()
