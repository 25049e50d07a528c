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

"""From the stamp of the 2D skeletons to the 3D skeletons in a planner's hands, over real topics; and at overload.

The lift node is a process of its own. It tells the percentiles of its model's time over its last 300 messages once a
second, in its diagnostics; we take their medians. What ROS adds is therefore a difference of percentiles, not a
percentile of differences: ``rest``. Where the model takes longer than a frame, a message waits for the one before:
``handling`` is without that.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diffupose_ros.benchmark.machine import resident_memory
from diffupose_ros.benchmark.section import Bar, BenchmarkError, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.sections.traffic import Traffic, Watched, refuse_company, traffic
from diffupose_ros.benchmark.timing import percentiles
from diffupose_ros.demo.processes import DemoError, NodeProcess
from diffupose_ros.lifting.weights import weights_path

PEOPLE, RATE = 4, 30.0
STEADY = 6
"""Times the seconds of a cell: the node's percentiles are of its last 300 messages."""
OVERLOAD = 4
"""Times as many messages as the model can lift."""
_PATIENCE = 60.0  # s until the first result
_WARM_UP = 3.0  # s
_FLAT = 50.0  # s from which on a slope of the memory says something
_DROPPED = "dropped (newest wins)"


class Measured:
    """The lift node, and the traffic to it.

    Args:
        node: its process.
        traffic: that talks to it.
        options: of the benchmark.
    """

    def __init__(self, node: NodeProcess, traffic: Traffic, options: Options) -> None:
        self._node, self._traffic, self._options = node, traffic, options

    def cells(self) -> list[Cell]:
        """Return the cells."""
        return [
            Cell({"load": "steady", "rate": RATE, "people": PEOPLE}, self._steady),
            Cell({"load": "overload", "people": PEOPLE}, self._overload),
        ]

    def _steady(self, interrupted: GiveUp) -> dict[str, float]:
        self._warm_up(interrupted)
        watched = self._watch(RATE, STEADY * self._options.seconds, interrupted)
        model = {f"model_p{q}_ms": watched.value(f"model p{q} ms") for q in (50, 99)}
        ages = watched.ages_ms()
        rest = {f"rest_p{q}_ms": ages[f"p{q}_ms"] - model[f"model_p{q}_ms"] for q in (50, 99)}
        spans = percentiles(watched.spans)
        handling = {f"handling_p{q}_ms": spans[f"p{q}_ms"] - model[f"model_p{q}_ms"] for q in (50, 99)}
        return {"sent": watched.sent, "received": len(watched.ages), **ages, **model, **rest, **handling}

    def _overload(self, interrupted: GiveUp) -> dict[str, float]:
        warm = self._warm_up(interrupted)
        rate = OVERLOAD / (warm.value("model p50 ms") / 1000)
        watched = self._watch(rate, 60 * self._options.minutes, interrupted)
        ages, model = watched.ages_ms(), watched.value("model p50 ms")
        return {
            "sent": watched.sent,
            "sent_per_second": watched.sent / (60 * self._options.minutes),
            "received": len(watched.ages),
            "dropped": watched.count(_DROPPED) - warm.count(_DROPPED),
            **ages,
            "model_p50_ms": model,
            **{f"model_times_{name}": ages[f"{name}_ms"] / model for name in ("p50", "p99", "max")},
            "older_than_2_model_times": int((1000 * np.array(watched.ages) > 2 * model).sum()),
            **_memory(watched),
        }

    def _warm_up(self, interrupted: GiveUp) -> Watched:
        """Wait for the node's first results, then a moment, and refuse to measure where others talk too."""
        try:
            first = self._traffic.watch(RATE, _PATIENCE, interrupted, self._node.check, until=lambda w: bool(w.ages))
            if not first.ages:
                raise BenchmarkError(
                    f"no 3D skeletons within {_PATIENCE:.0f} s; the lift node's log:\n{self._node.tail()}"
                )
            refuse_company(self._traffic)
            return self._traffic.watch(RATE, _WARM_UP, interrupted, self._node.check)
        except DemoError as error:
            raise BenchmarkError(str(error)) from None

    def _watch(self, rate: float, seconds: float, interrupted: GiveUp) -> Watched:
        try:
            watched = self._traffic.watch(
                rate, seconds, interrupted, self._node.check, lambda: resident_memory(self._node.pid)
            )
        except DemoError as error:
            raise BenchmarkError(str(error)) from None
        if not watched.ages:
            raise BenchmarkError(f"no result in {seconds:g} s; the lift node's log:\n{self._node.tail()}")
        return watched


def _memory(watched: Watched) -> dict[str, float]:
    """Resident memory of the node: at the start, at the end, and what is fitted to the second half of the time."""
    if not watched.samples:
        return {}
    seconds, memory = np.array(watched.samples).T
    found = {"memory_start_mb": float(memory[0]), "memory_end_mb": float(memory[-1])}
    late = seconds >= seconds[-1] / 2
    if late.sum() > 2:
        found["memory_slope_mb_per_minute"] = 60 * float(np.polyfit(seconds[late], memory[late], 1)[0])
    return found


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    steady, overload = find(rows, load="steady"), find(rows, load="overload")
    found = []
    if steady:
        found.append(Bar("everything but the model, p99 less p99, ms", steady["rest_p99_ms"], 5.0, False))
        found.append(Bar("the same but for waiting for the one before, ms", steady["handling_p99_ms"], 5.0, False))
    if overload:
        found.append(Bar("age at overload, p50 in model times", overload["model_times_p50"], 2.0, False))
        found.append(Bar("age at overload, longest in model times", overload["model_times_max"], 2.0, False))
        slope, seconds = overload.get("memory_slope_mb_per_minute"), overload["sent"] / overload["sent_per_second"]
        if slope is not None and seconds >= _FLAT:
            found.append(Bar("memory at overload, MB more a minute", slope, 1.0, False))
    return found


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    weights_path(options.weights)  # raises; the node would wait for better ones
    parameters: dict[str, object] = {"weights": options.weights, "device": options.device}
    with (
        tempfile.TemporaryDirectory(prefix="diffupose_benchmark_") as folder,
        traffic(PEOPLE) as talk,
        NodeProcess("lift_node", Path(folder) / "lift_node.log", parameters) as node,
    ):
        yield Measured(node, talk, options).cells()


def first_result(options: Options, interrupted: GiveUp, engine: str = "auto") -> tuple[float, float]:
    """Return the seconds from the start of a lift node's process to a planner's first skeletons, and its memory in MB.

    Raises:
        BenchmarkError: it ends, or nothing comes.
        Interrupted: ``interrupted`` said yes.
    """
    parameters: dict[str, object] = {"weights": options.weights, "device": options.device, "engine": engine}
    with tempfile.TemporaryDirectory(prefix="diffupose_benchmark_") as folder, traffic(1) as talk:
        start = time.monotonic()
        with NodeProcess("lift_node", Path(folder) / "lift_node.log", parameters) as node:
            try:
                watched = talk.watch(RATE, _PATIENCE, interrupted, node.check, until=lambda w: bool(w.ages))
            except DemoError as error:
                raise BenchmarkError(str(error)) from None
            seconds = time.monotonic() - start
            if not watched.ages:
                raise BenchmarkError(f"no 3D skeletons within {_PATIENCE:.0f} s; the log:\n{node.tail()}")
            return seconds, resident_memory(node.pid) or float("nan")


TOPICS = Section(
    "topics",
    "over topics, and at overload",
    _prepare,
    {"people": PEOPLE, "rate": RATE, "overload": OVERLOAD},
    ("weights", "seconds", "minutes"),
    bars,
)
