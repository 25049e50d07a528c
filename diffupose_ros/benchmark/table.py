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

"""Tables of machines, of files of results, as Markdown for a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from diffupose_ros.benchmark.display import number
from diffupose_ros.benchmark.machine import title
from diffupose_ros.benchmark.results import read
from diffupose_ros.benchmark.section import Row, find
from diffupose_ros.benchmark.sections.engines import COMPILED, TORCH

PEOPLE = (1, 2, 4, 8, 32)


@dataclass(frozen=True)
class _File:
    """A file of results, and what its rows have in common."""

    content: dict[str, Any]
    link: str

    @property
    def rows(self) -> list[Row]:
        return list(self.content["rows"])

    @property
    def machine(self) -> str:
        return title(self.content["machine"])

    @property
    def origin(self) -> str:
        """Version, day and command; files from before these were noted have the day, and their section's command."""
        machine = self.content["machine"]
        version, day = machine.get("version", "version not noted"), machine.get("date", "day not noted")
        command = self.content.get("command") or f"diffupose benchmark {self.content['section']}"
        return f"{version} | [{day}]({self.link}) | `{command}`"

    def engine_of(self, row: Row) -> str:
        """The engine of a row; of those without a label it was the better one that the machine had."""
        machine = self.content["machine"]
        compiled = "gpu" not in machine and machine.get("kernels", "none") != "none"
        return str(row["labels"].get("engine", COMPILED if compiled else TORCH))


def machines(folder: Path, link: str) -> Iterator[str]:
    """Yield the lines of two tables: a call of the lifter, and the share of the ceiling, machine by machine.

    Args:
        folder: of results, and of folders of them.
        link: the folder, as the page calls it.

    Raises:
        BenchmarkError: a file is damaged.
    """
    numbers = " | ".join(map(str, PEOPLE))
    yield f"| one call, p50 / p99 in ms, by people | engine | steps | {numbers} | version | day | command |"
    yield "|---" * (6 + len(PEOPLE)) + "|"
    for file in _files(folder, "lift", link):
        rows = [row for row in file.rows if row["labels"]["method"] == "ddim"]
        for (engine, steps), group in _grouped(file, rows):
            calls = list(group)
            times = (_time(find(calls, people=people)) for people in PEOPLE)
            yield f"| {file.machine} | {engine} | {steps} | {' | '.join(times)} | {file.origin} |"
    yield ""
    yield "| many poses, by p50 | engine | products | GFLOP/s | ceiling | share | version | day | command |"
    yield "|---" * 9 + "|"
    for name in ("engines", "core"):
        for file in _files(folder, name, link):
            for products, row, prefix in _shared(file):
                rate, share = row[f"{prefix}gflops"], row[f"{prefix}share"]
                figures = f"{number(rate)} | {number(row['ceiling_gflops'])} | {share:.2f}"
                yield f"| {file.machine} | {file.engine_of(row)} | {products} | {figures} | {file.origin} |"


def _files(folder: Path, section: str, link: str) -> Iterator[_File]:
    for path in sorted(folder.rglob(f"bench_{section}_*.json")):
        yield _File(read(path), f"{link}/{path.relative_to(folder).as_posix()}")


def _grouped(file: _File, rows: list[Row]) -> Iterator[tuple[tuple[str, int], Iterator[Row]]]:
    def key(row: Row) -> tuple[str, int]:
        return file.engine_of(row), int(row["labels"]["steps"])

    return groupby(sorted(rows, key=key), key)


def _time(row: Row | None) -> str:
    return f"{number(row['p50_ms'])} / {number(row['p99_ms'])}" if row else ""


def _shared(file: _File) -> Iterator[tuple[str, Row, str]]:
    """Yield the type of products, the row, and the prefix of its figures, for each share of a ceiling of that type."""
    for row in file.rows:
        if "engine" in row["labels"] and "share" in row:
            yield row["labels"]["products"], row, ""
        elif "float32_share" in row:  # of section core, whose ceiling on a CPU is that of float32
            yield "float32", row, "float32_"
