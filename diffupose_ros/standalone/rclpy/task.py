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

"""A result that comes later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Future:
    """As rclpy.task.Future; done callbacks run in the thread that sets the result."""

    def __init__(self, **_ignored: Any) -> None:
        self._condition = threading.Condition()
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], None]] = []

    def done(self) -> bool:
        return self._done or self._cancelled

    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        self._finish(cancelled=True)

    def result(self) -> Any:
        """Return the result, None until done, or raise the exception that was set."""
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        return self._exception

    def set_result(self, result: Any) -> None:
        self._finish(result=result)

    def set_exception(self, exception: BaseException) -> None:
        self._finish(exception=exception)

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        with self._condition:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self, result: Any = None, exception: BaseException | None = None, cancelled: bool = False) -> None:
        with self._condition:
            if self.done():
                return
            self._result, self._exception, self._cancelled = result, exception, cancelled
            self._done = not cancelled
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)
