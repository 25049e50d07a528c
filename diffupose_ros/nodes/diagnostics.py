"""What a node did in the last period, as diagnostic_msgs."""

import threading
import time
from collections import Counter, deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

_WINDOW = 300


class Statistics:
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
            for name, durations in self._durations.items():
                for q in (50, 99):
                    values[f"{name} p{q} ms"] = f"{1000 * np.percentile(durations, q):.1f}"
            return values


def diagnostic_array(
    stamp: object, node_name: str, hardware: str, level: bytes, message: str, values: dict[str, str]
) -> DiagnosticArray:
    """Return one node's status as a message."""
    status = DiagnosticStatus(
        level=level,
        name=node_name.lstrip("/"),
        message=message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array
