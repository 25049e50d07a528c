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
"""Jumps of a clock: which ones are told, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .duration import Duration


class ClockChange(IntEnum):
    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3


@dataclass(frozen=True)
class TimeJump:
    """What happened: whether the source of time changed, and how far time went."""

    clock_change: ClockChange
    delta: Duration


class JumpThreshold:
    """From how far on (None: never) a jump is told, and whether a change of the source of time is.

    Raises:
        ValueError: ``min_forward`` is not above zero, or ``min_backward`` not below.
    """

    def __init__(
        self, *, min_forward: Duration | None, min_backward: Duration | None, on_clock_change: bool = True
    ) -> None:
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError("min_forward must be a positive non-zero duration")
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError("min_backward must be a negative non-zero duration")
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.on_clock_change = on_clock_change

    def exceeded_by(self, jump: TimeJump) -> bool:
        """Return whether this jump is to be told."""
        if jump.clock_change != ClockChange.ROS_TIME_NO_CHANGE:
            return self.on_clock_change
        forward = self.min_forward is not None and jump.delta >= self.min_forward
        return forward or (self.min_backward is not None and jump.delta <= self.min_backward)


class JumpHandle:
    """The callbacks of one ``create_jump_callback``, until ``unregister`` or the end of a with block."""

    def __init__(
        self,
        registered: list[JumpHandle],
        threshold: JumpThreshold,
        pre_callback: Callable[[], Any] | None,
        post_callback: Callable[[TimeJump], Any] | None,
    ) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError("One of pre_callback or post_callback must be callable")
        self.threshold = threshold
        self._registered = registered
        self._pre_callback = pre_callback
        self._post_callback = post_callback

    def before(self) -> None:
        if self._pre_callback is not None:
            self._pre_callback()

    def after(self, jump: TimeJump) -> None:
        if self._post_callback is not None:
            self._post_callback(jump)

    def unregister(self) -> None:
        if self in self._registered:
            self._registered.remove(self)

    def __enter__(self) -> JumpHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()
