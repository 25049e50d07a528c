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

"""Figures in a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from diffupose_ros.benchmark.results import Results
from diffupose_ros.benchmark.section import Bar, Section, title

_FIRST = ("p50_ms", "p95_ms", "p99_ms")


def show(section: Section, results: Results, console: Console) -> None:
    """Print a section's figures, and which of its bars are met."""
    table = Table("cell", *(name.removesuffix("_ms") + " [ms]" for name in _FIRST), "more", title=section.about)
    for row in results.rows:
        others = {k: v for k, v in row.items() if k not in ("labels", "rounds", *_FIRST)}
        table.add_row(title(row["labels"]), *(number(row.get(name)) for name in _FIRST), _more(others))
    console.print(table)
    for bar in results.bars:
        console.print(verdict(bar), highlight=False)
    console.print(f"[dim]{results.path}[/]", soft_wrap=True)


def verdict(bar: Bar) -> str:
    """Return a bar and its figure as a line."""
    word, limit = ("[green]met[/]" if bar.met else "[red]missed[/]"), "at least" if bar.at_least else "at most"
    return f"{word}: {bar.name}: {number(bar.value)}, {limit} {number(bar.wanted)}"


def comparison(lines: Sequence[tuple[str, str, float, float]], names: tuple[str, str]) -> Table:
    """Return figures of two files, (cell, figure, A, B), as a table with their ratios."""
    table = Table("cell", "figure", *names, "B/A")
    for column in table.columns[2:]:
        column.justify = "right"
    for cell, figure, a, b in lines:
        table.add_row(cell, figure, number(a), number(b), f"{b / a:.3f}" if a else "-")
    return table


def number(value: Any) -> str:
    """Return a figure with three or four digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def _more(figures: dict[str, float]) -> str:
    shown = {name: value for name, value in figures.items() if not name.endswith("_p95_ms")}
    return ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in shown.items())
