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

"""Log lines on stderr in ROS 2's format."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

COLOURS = {"DEBUG": "32", "WARN": "33", "ERROR": "31", "FATAL": "31"}


class LoggingSeverity(IntEnum):
    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


_levels: dict[str, LoggingSeverity] = {"": LoggingSeverity.INFO}


def severity(level: str | int) -> LoggingSeverity:
    """Return the severity of a name or number.

    Raises:
        ValueError: there is none such.
    """
    if isinstance(level, int):
        return LoggingSeverity(level)
    try:
        return LoggingSeverity[{"WARNING": "WARN"}.get(level.upper(), level.upper())]
    except KeyError:
        raise ValueError(f"unknown log level {level!r}: expected debug, info, warn, error or fatal") from None


def set_logger_level(name: str, level: int) -> None:
    """Set the least severity that a logger and its children write; "" is all."""
    _levels[name] = severity(level)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """Return the level of the logger, or of its nearest parent that has one."""
    while name and _levels.get(name, LoggingSeverity.UNSET) == LoggingSeverity.UNSET:
        name = name.rpartition(".")[0]
    return _levels.get(name, LoggingSeverity.INFO)


def apply_levels(levels: Sequence[tuple[str, str]]) -> None:
    """Set what ``--log-level`` asked for."""
    for name, level in levels:
        set_logger_level(name.strip("/").replace("/", "."), severity(level))


class RcutilsLogger:
    """Writes lines under one name; throttle_duration_sec, once and skip_first count per call site."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sites: dict[tuple[str, int], float] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        return get_logger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: int) -> None:
        set_logger_level(self.name, level)

    def get_effective_level(self) -> LoggingSeverity:
        return get_logger_effective_level(self.name)

    def is_enabled_for(self, level: int) -> bool:
        return level >= self.get_effective_level()

    def log(self, message: Any, level: int, **options: Any) -> bool:
        """Write one line; return whether it was written."""
        return self._log(message, LoggingSeverity(level), options)

    def debug(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.DEBUG, options)

    def info(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.INFO, options)

    def warning(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.WARN, options)

    def warn(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.WARN, options)

    def error(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.ERROR, options)

    def fatal(self, message: Any, **options: Any) -> bool:
        return self._log(message, LoggingSeverity.FATAL, options)

    def _log(self, message: Any, level: LoggingSeverity, options: dict[str, Any]) -> bool:
        if not self.is_enabled_for(level) or (options and not self._passes(**options)):
            return False
        line = f"[{level.name}] [{time.time_ns() / 1e9:.9f}] [{self.name}]: {message}"
        if level.name in COLOURS and sys.stderr.isatty():
            line = f"\033[{COLOURS[level.name]}m{line}\033[0m"
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        return True

    def _passes(
        self,
        throttle_duration_sec: float | None = None,
        throttle_time_source_type: Any = None,
        skip_first: bool = False,
        once: bool = False,
    ) -> bool:
        frame = sys._getframe(3)
        site = (frame.f_code.co_filename, frame.f_lineno)
        last = self._sites.get(site)
        now = throttle_time_source_type.now().nanoseconds / 1e9 if throttle_time_source_type else time.monotonic()
        if last is None:
            self._sites[site] = now
            return not skip_first
        if once or (throttle_duration_sec is not None and now - last < throttle_duration_sec):
            return False
        self._sites[site] = now
        return True


_loggers: dict[str, RcutilsLogger] = {}


def get_logger(name: str) -> RcutilsLogger:
    """Return the logger of a name; always the same object."""
    return _loggers.setdefault(name, RcutilsLogger(name))
