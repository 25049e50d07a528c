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

"""SIGINT and SIGTERM end the running contexts, also while the main thread sleeps inside DDS."""

from __future__ import annotations

import os
import signal
import threading
from enum import IntEnum
from types import FrameType
from typing import Any

from . import context


class SignalHandlerOptions(IntEnum):
    """Which signals ``init`` handles."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_previous: dict[int, Any] = {}
_wakers: set[Any] = set()  # guards of sleeping executors
_pipe: tuple[int, int] | None = None


def install_signal_handlers(options: SignalHandlerOptions) -> None:
    """Handle the chosen signals; only the main thread can, others leave them as they are."""
    if threading.current_thread() is not threading.main_thread() or options == SignalHandlerOptions.NO:
        return
    for number, bit in (
        (signal.SIGINT, SignalHandlerOptions.SIGINT),
        (signal.SIGTERM, SignalHandlerOptions.SIGTERM),
    ):
        if options & bit and number not in _previous:
            _previous[number] = signal.signal(number, _handle)
    _start_waker()


def uninstall_signal_handlers() -> None:
    """Give the signals back to whoever had them before."""
    if threading.current_thread() is threading.main_thread():
        for number in list(_previous):
            signal.signal(number, _previous.pop(number))


def _handle(number: int, frame: FrameType | None) -> None:
    for running in list(context.running):
        running._stop()
    if number == signal.SIGINT and callable(_previous.get(number)):
        _previous[number](number, frame)  # Python's own raises KeyboardInterrupt


def _start_waker() -> None:
    """Start the thread that ends a DDS wait, which a signal alone does not."""
    global _pipe
    if _pipe is None:
        _pipe = os.pipe()
        os.set_blocking(_pipe[1], False)
        threading.Thread(target=_wake_executors, args=(_pipe[0],), name="rclpy_signals", daemon=True).start()
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)


def _wake_executors(fd: int) -> None:
    while os.read(fd, 64):
        for guard in list(_wakers):
            guard.set()
