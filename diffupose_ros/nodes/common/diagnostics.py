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

"""What a node did in the last period, as diagnostic_msgs, by the steady clock: also where simulated time stands."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType

from diffupose_ros.nodes.common.qos import OUTPUT

_WINDOW = 300
_PERCENTILES = (50, 99)
_PERIOD = 1.0  # s between two messages
_LOG_PERIOD = 5.0  # s between two logs of the same kind of problem
_CLOCK_PATIENCE = 2.0  # s that simulated time may take to begin
_PROBLEM = "problem: "


class Tally:
    """Counts events and collects durations; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._durations: dict[str, deque[float]] = {}
        self._since = time.monotonic()

    def count(self, event: str, number: int = 1) -> None:
        """Count an event."""
        with self._lock:
            self._total[event] += number

    def total(self, event: str) -> int:
        """Return how often an event has happened."""
        with self._lock:
            return self._total[event]

    def duration(self, name: str, seconds: float) -> None:
        """Note how long something took."""
        with self._lock:
            self._durations.setdefault(name, deque(maxlen=_WINDOW)).append(seconds)

    def period(self) -> tuple[Counter[str], float]:
        """Return the events since the last call, and the seconds."""
        with self._lock:
            recent, now = self._total - self._reported, time.monotonic()
            seconds, self._since = now - self._since, now
            self._reported = self._total.copy()
            return recent, max(seconds, 1e-3)

    def values(self) -> dict[str, str]:
        """Return all totals, and percentiles of the latest durations in milliseconds."""
        with self._lock:
            values = {event: str(number) for event, number in sorted(self._total.items())}
            latest = {name: list(durations) for name, durations in self._durations.items()}
        for name, durations in latest.items():  # the worker does not wait for these
            for q, duration in zip(_PERCENTILES, np.percentile(durations, _PERCENTILES), strict=True):
                values[f"{name} p{q} ms"] = f"{1000 * duration:.1f}"
        return values


@dataclass(frozen=True)
class Health:
    """How a node is.

    Attributes:
        level: of DiagnosticStatus.
        message: one line for people.
        values: what it knows of itself, beside its tally.
        hardware: that it runs on.
    """

    level: bytes
    message: str
    values: dict[str, str]
    hardware: str = ""


class Diagnostics(Tally):
    """The tally of a node, which publishes it on ``/diagnostics`` every second.

    It also says that time does not begin: with ``use_sim_time`` and without ``/clock`` all else of a node is silent.

    Args:
        node: that it is of.
        rates: events that are also shown per second.
        health: asked for the rest, with the events of the last period.
    """

    def __init__(self, node: Any, rates: tuple[str, ...], health: Callable[[Counter[str]], Health]) -> None:
        super().__init__()
        self._node, self._rates, self._health = node, rates, health
        self._logged: dict[str, float] = {}  # rclpy throttles by line of code, not by kind of problem
        self._first: dict[str, float] = {}  # when each kind of problem was first met
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", OUTPUT)
        self._timer = node.create_timer(_PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def problem(self, kind: str, detail: str, number: int = 1, patience: float = 0.0) -> None:
        """Count a problem, and log it now and then.

        Args:
            kind: what it is counted under.
            detail: what the log says.
            number: of times that it has happened.
            patience: s from the first time on in which it is counted, but not called a problem: a start takes time.
        """
        now = time.monotonic()
        if now - self._first.setdefault(kind, now) < patience:
            self.count(kind, number)
            return
        self.count(_PROBLEM + kind, number)
        if now - self._logged.get(kind, -_LOG_PERIOD) >= _LOG_PERIOD:
            self._logged[kind] = now
            self._node.get_logger().warning(f"{kind}: {detail} ({self.total(_PROBLEM + kind)} so far)")

    def _publish(self) -> None:
        no_time = self._look_at_clock()
        recent, seconds = self.period()
        health = self._health(recent)
        if no_time and health.level != DiagnosticStatus.ERROR:
            health = replace(health, level=DiagnosticStatus.WARN, message=no_time)
        rates = {f"{event}/s": f"{recent[event] / seconds:.1f}" for event in self._rates}
        values = rates | health.values | self.values()
        array = DiagnosticArray()
        array.header.stamp = self._node.get_clock().now().to_msg()
        array.status = [
            DiagnosticStatus(
                level=health.level,
                name=self._node.get_fully_qualified_name().lstrip("/"),
                message=health.message,
                hardware_id=health.hardware,
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        ]
        self._publisher.publish(array)

    def _look_at_clock(self) -> str:
        """Return what is said where simulated time has not begun, and count and log it; else nothing."""
        clock = self._node.get_clock()
        if not clock.ros_time_is_active or clock.now().nanoseconds:
            return ""
        who = "/clock stands at 0" if self._node.count_publishers("/clock") else "nobody publishes /clock"
        said = f"use_sim_time is true, but {who}: no time passes"
        remedy = "play the bag with --clock, start the simulator, or set use_sim_time to false"
        self.problem("no time", f"{said}: {remedy}", patience=_CLOCK_PATIENCE)
        return said


def problems(recent: Counter[str]) -> str:
    """Return the problems among the events of a period, as text; nothing without any."""
    found = sorted(event for event in recent if event.startswith(_PROBLEM))
    return ", ".join(f"{recent[event]} {event.removeprefix(_PROBLEM)}" for event in found)
