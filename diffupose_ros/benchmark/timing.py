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

"""How long pieces of work take: interleaved, so that what matters is a ratio of one run."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from diffupose_ros.benchmark.section import GiveUp
from diffupose_ros.lifting import Interrupted

WARM_UP = 1
"""Rounds that do not count: memory is allocated, chains are recorded."""
LEAST = 3
"""Rounds that are made however long they take."""
MOST = 1000
SHORT = 0.05
"""Seconds of work whose weights fit into caches, and matter there."""
PERCENTILES = (50, 95, 99)


def interleaved(
    works: Mapping[str, Callable[[], object]],
    seconds: float,
    interrupted: GiveUp,
    least: int = LEAST,
    warm_up: int = WARM_UP,
) -> dict[str, list[float]]:
    """Run all pieces of work in turn, round by round; return the seconds that each round of each took.

    A short one is run once more before it is timed: the others have taken its weights' place in the caches, which in
    a loop of its own it would keep.

    Args:
        works: by name.
        seconds: until no new round is begun.
        interrupted: asked before each piece whether to give up.
        least: rounds, even if they take longer.
        warm_up: rounds before, which do not count.

    Raises:
        Interrupted: it said yes.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    last = dict.fromkeys(works, SHORT)
    begin = time.perf_counter()
    for number in range(-warm_up, MOST):
        if number == 0:
            begin = time.perf_counter()
        if number >= least and time.perf_counter() - begin > seconds:
            break
        for name, work in works.items():
            if interrupted():
                raise Interrupted
            if len(works) > 1 and last[name] < SHORT:
                work()
            start = time.perf_counter()
            work()
            last[name] = time.perf_counter() - start
            if number >= 0:
                taken[name].append(last[name])
    return taken


def percentiles(seconds: list[float], prefix: str = "") -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds."""
    return {f"{prefix}p{q}_ms": 1000 * float(np.percentile(seconds, q)) for q in PERCENTILES}


def figures(taken: Mapping[str, list[float]], own: str) -> dict[str, float]:
    """Return the percentiles of all works, those of ``own`` without prefix, and the others' p50 in units of its.

    Args:
        taken: seconds of each round, by name of the work.
        own: the work that the others are compared with.
    """
    result: dict[str, float] = {"rounds": len(taken[own])} | percentiles(taken[own])
    for name, seconds in taken.items():
        if name != own:
            result |= percentiles(seconds, f"{name}_")
            result[f"{name}_ratio"] = float(np.median(seconds) / np.median(taken[own]))
    return result
