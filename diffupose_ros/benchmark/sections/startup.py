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

"""How long the lift node takes from the start of its process to its first result, and which part of it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import diffupose_ros
from diffupose_ros.benchmark.section import Bar, BenchmarkError, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.sections.topics import first_result
from diffupose_ros.lifting import Interrupted

RUNS = 5
_ASIDE = ("read the scene",)
"""Steps that a node does not have."""
_PATIENCE = 120.0  # s


def parts(options: Options, interrupted: GiveUp) -> dict[str, float]:
    """Return the seconds that each step of the start took, in a fresh interpreter.

    Raises:
        BenchmarkError: it failed.
        Interrupted: ``interrupted`` said yes.
    """
    command = [sys.executable, "-m", "diffupose_ros.benchmark.sections.startup_parts", options.weights, options.device]
    roots = [str(Path(diffupose_ros.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}
    last = time.time()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                output, errors = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                late = time.monotonic() > end
                if not late and not interrupted():
                    continue
                process.kill()
                if late:
                    raise BenchmarkError(f"the start took longer than {_PATIENCE:.0f} s") from None
                raise Interrupted from None
    if process.returncode:
        raise BenchmarkError(f"the start ended with exit code {process.returncode}: {errors.strip()[-500:]}")
    taken = {}
    for line in output.splitlines():
        step, _, moment = line.partition("\t")
        taken[step], last = float(moment) - last, float(moment)
    return {step: seconds for step, seconds in taken.items() if step not in _ASIDE}


def _parts(options: Options) -> Cell:
    def measure(interrupted: GiveUp) -> dict[str, float]:
        runs = [parts(options, interrupted) for _ in range(RUNS + 1)][1:]  # the first fills the disk's cache
        medians = {step: float(np.median([run[step] for run in runs])) for step in runs[0]}
        return {"runs": RUNS, **{f"{step} s": seconds for step, seconds in medians.items()}}

    return Cell({"what": "parts"}, measure)


def _node(options: Options) -> Cell:
    def measure(interrupted: GiveUp) -> dict[str, float]:
        runs = [first_result(options, interrupted)[0] for _ in range(RUNS + 1)][1:]
        return {"runs": RUNS, "median_s": float(np.median(runs)), "min_s": min(runs), "max_s": max(runs)}

    return Cell({"what": "process to first result"}, measure)


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    node = find(rows, what="process to first result")
    return [Bar("lift node, process to first result, s", node["median_s"], 6.0, False)] if node else []


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    yield [_parts(options), _node(options)]


STARTUP = Section("startup", "a lift node's start", _prepare, {"runs": RUNS}, ("weights",), bars)
