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

"""Two files of results, figure by figure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffupose_ros.benchmark.results import read
from diffupose_ros.benchmark.section import BenchmarkError, title


def compare(a: Path, b: Path) -> list[tuple[str, str, float, float]]:
    """Return (cell, figure, value in A, value in B) of all figures that both files have.

    Raises:
        BenchmarkError: a file is damaged, or they have nothing in common.
    """
    first, second = read(a), read(b)
    others = {(_key(row["labels"]), figure): value for row, figure, value in _figures(second)}
    lines = [
        (title(row["labels"]), figure, value, others[key])
        for row, figure, value in _figures(first)
        if (key := (_key(row["labels"]), figure)) in others
    ]
    if first["section"] != second["section"] or not lines:
        raise BenchmarkError(
            f"nothing to compare: {a} is of section {first['section']}, {b} of {second['section']}, "
            f"and they have {len(lines)} figures in common"
        )
    return lines


def _figures(results: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, float]]:
    for row in results["rows"]:
        for figure, value in row.items():
            if isinstance(value, (int, float)) and figure not in ("rounds", "runs"):
                yield row, figure, float(value)


def _key(labels: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(labels.items()))
