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

"""The engine onnx against the engine torch: one call of the lifter, and a lift node's start and memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from diffupose_ros.benchmark.section import Bar, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.benchmark.sections.topics import first_result
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.lifting import Lifter

PEOPLE = (1, 2, 4, 8, 32)
STEPS = 1
RUNS = 3
_BARS = {"s": 1.0, "MB": 200.0}
"""Of the engine onnx: from the start of the process to the first result, and resident then."""


def _calls(options: Options) -> list[Cell]:
    lifters = {
        "onnx": Lifter.load(options.weights, options.device, engine="onnx", steps=STEPS),
        "torch": Lifter.load(options.weights, options.device, engine="torch"),
    }
    pixels, scores, camera = seen(max(PEOPLE))

    def lift(lifter: Lifter, people: int) -> object:
        return lifter.lift(pixels[:people], scores[:people], camera, LAYOUT, steps=STEPS, seed=0, detector=DETECTOR)

    def cell(people: int) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            works: dict[str, Callable[[], object]] = {
                name: partial(lift, lifter, people) for name, lifter in lifters.items()
            }
            return figures(interleaved(works, options.seconds * len(works), interrupted), "onnx")

        return Cell({"people": people}, measure)

    return [cell(people) for people in PEOPLE]


def _start(options: Options, engine: str) -> Cell:
    def measure(interrupted: GiveUp) -> dict[str, float]:
        runs = [first_result(options, interrupted, engine) for _ in range(RUNS + 1)][1:]  # the first fills the caches
        seconds, megabytes = np.median(runs, axis=0)
        return {"runs": RUNS, "s": float(seconds), "MB": float(megabytes)}

    return Cell({"what": "lift node, process to first result", "engine": engine}, measure)


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    start = find(rows, engine="onnx")
    if start is None:
        return []
    return [Bar(f"lift node, engine onnx, {unit}", start[unit], most, False) for unit, most in _BARS.items()]


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    yield _calls(options) + [_start(options, engine) for engine in ("onnx", "torch")]


ONNX = Section(
    "onnx",
    "the engine onnx against torch, 10 hypotheses",
    _prepare,
    {"steps": STEPS, "runs": RUNS},
    ("weights", "seconds"),
    bars,
)
