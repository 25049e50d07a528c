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

"""Messages that wait until it is known where they were."""

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

_RETRY = 0.01  # s between two tries


class Waiting(Generic[Item]):
    """Tries each item at once, and if need be again and again, in the order in which they came.

    Args:
        node: by whose timer it tries again.
        take: tries an item, told whether its time is over; returns whether it is done with, taken in or left out.
    """

    def __init__(self, node: Any, take: Callable[[Item, bool], bool]) -> None:
        self._node, self._take = node, take
        self._items: list[tuple[Item, float]] = []  # until when each waits, by the steady clock
        self._timer: Any = node.create_timer(_RETRY, self._work_off)
        self._timer.cancel()

    def add(self, item: Item, patience: float) -> None:
        """Try an item, for ``patience`` seconds."""
        self._items.append((item, time.monotonic() + patience))
        self._work_off()

    def close(self) -> None:
        """Forget all that wait."""
        self._node.destroy_timer(self._timer)
        self._timer, self._items = None, []

    def _work_off(self) -> None:
        if self._timer is None:  # closed, and the executor had this at hand already
            return
        self._items = [each for each in self._items if not self._take(each[0], time.monotonic() >= each[1])]
        if self._items and self._timer.is_canceled():
            self._timer.reset()
        elif not self._items:
            self._timer.cancel()
