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

"""Which callbacks may run at the same time in a MultiThreadedExecutor."""

from __future__ import annotations

import threading
from collections.abc import Callable


class CallbackGroup:
    """A set of entities; ``begin`` says whether one of them may run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self.waiting: list[Callable[[], None]] = []  # called when the group is free again

    def begin(self) -> bool:
        return True

    def end(self) -> None:
        """One of them has run."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One at a time."""

    def begin(self) -> bool:
        with self._lock:
            free, self._busy = not self._busy, True
            return free

    def end(self) -> None:
        with self._lock:
            self._busy = False
            waiting, self.waiting = self.waiting, []
        for resume in waiting:
            resume()


class ReentrantCallbackGroup(CallbackGroup):
    """Any number at a time."""
