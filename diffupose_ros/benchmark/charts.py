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

"""Charts of the results: latency over people, error over latency, the start by part."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from diffupose_ros.benchmark.machine import title
from diffupose_ros.benchmark.results import path_of, read
from diffupose_ros.benchmark.section import BenchmarkError, Row, find
from diffupose_ros.drawing.style import FAINT, PAPER, PEOPLE, RULE, TEXT

_DPI = 100
_OURS, _OTHER, _THIRD = "#0f9d76", "#f0540c", "#2563eb"
_USUAL: dict[str, Any] = {"hypotheses": 20, "steps": 5, "method": "ddim"}
Chart = Callable[[Path, str], Figure]


def draw_charts(folder: Path, device: str) -> tuple[list[Path], list[str]]:
    """Draw what can be drawn of the results in a folder; return the pictures, and why others are missing.

    Args:
        folder: of the results, and of the pictures.
        device: ``cpu`` or ``cuda``.

    Raises:
        OSError: a picture cannot be written.
    """
    drawn, missing = [], []
    for name, chart in (("latency", latency), ("steps", steps), ("startup", startup)):
        try:
            figure = chart(folder, device)
        except BenchmarkError as error:
            missing.append(f"no chart {name}: {error}")
            continue
        drawn.append(folder / f"bench_{name}_{device}.png")
        figure.savefig(drawn[-1], facecolor=PAPER)
    return drawn, missing


def latency(folder: Path, device: str) -> Figure:
    """Return the time of a frame over the people in it: the paper's network, and the shipped model's whole call.

    Raises:
        BenchmarkError: the results of ``core`` or ``lift`` are missing or damaged.
    """
    core, lift = (read(path_of(folder, section, device)) for section in ("core", "lift"))
    figure = Figure(figsize=(10, 4.4), dpi=_DPI, facecolor=PAPER, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = _having(core["rows"], _USUAL)
    released = find(core["rows"], method="released")
    if released:
        _whiskers(left, [released], "", "as released: chain by chain, 100 steps", TEXT)
    _whiskers(left, rows, "plain_batched_", "plain network, one batch", _OTHER)
    _whiskers(left, rows, "float32_", "ours, float32", _THIRD)
    _whiskers(left, rows, "", f"ours, {core['machine'].get('products', 'as shipped')}", _OURS)
    rows = _having(lift["rows"], {"steps": lift["setting"].get("usual_steps", 5), "method": "ddim"})
    _whiskers(right, rows, "one_by_one_", "hypothesis by hypothesis", _OTHER)
    _whiskers(right, rows, "", "ours", _OURS)
    _axes(left, "sampler of the paper's network, d = 384, 20 hypotheses", "people", "ms, p50; whisker to p99")
    _axes(
        right,
        f"2D joints to covariances, {lift['setting'].get('weights', 'default')} model, 10 hypotheses",
        "people",
        "",
    )
    counts = [row["labels"]["people"] for row in rows]
    for axes in (left, right):
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(counts, [str(n) for n in counts])
        _plain_numbers(axes.yaxis, (1,))
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    left.set_ylim(top=left.get_ylim()[1] * 8)  # room for the legends
    _machine(figure, core, "DDIM 5 steps")
    return figure


def steps(folder: Path, device: str) -> Figure:
    """Return the error over the time of a call, for numbers of DDIM steps and DDPM: the paper's table VI in a picture.

    Errors are those of ``diffupose evaluate``, a line for each set of people.

    Raises:
        BenchmarkError: the results of ``lift`` are missing or damaged, or there are no errors.
    """
    lift = read(path_of(folder, "lift", device))
    lines = _errors(folder)
    if not lines:
        raise BenchmarkError(f"no two evaluate_default_cmu*.json of the same people in {folder}")
    figure = Figure(figsize=(8, 4.4), dpi=_DPI, facecolor=PAPER, layout="constrained")
    axes = figure.subplots()
    for (people, errors), colour in zip(sorted(lines.items(), reverse=True), (_OURS, _THIRD, *PEOPLE), strict=False):
        points = []
        for (method, number), error in sorted(errors.items(), key=lambda item: item[0][1]):
            if row := find(lift["rows"], people=1, steps=number, method=method):
                points.append((row["p50_ms"], error))
                name = f"{method.upper()} {number}"
                axes.annotate(name, points[-1], (6, 6), textcoords="offset points", fontsize=9.5, color=TEXT)
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, label=f"{people} people of CMU mocap")
    _axes(axes, "error over the time of one call", "ms for one person, p50", "MPJPE [mm]")
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis, (1, 2, 5))
    axes.minorticks_off()
    axes.margins(0.12)
    axes.legend(frameon=False, fontsize=9)
    _machine(figure, lift, "10 hypotheses; DDPM: the draw alone")
    return figure


def startup(folder: Path, device: str) -> Figure:
    """Return the start of the lift node by part, and the whole as measured over topics.

    Raises:
        BenchmarkError: the results of ``startup`` are missing, damaged or incomplete.
    """
    result = read(path_of(folder, "startup", device))
    parts, node = find(result["rows"], what="parts"), find(result["rows"], what="process to first result")
    if parts is None or node is None:
        raise BenchmarkError(f"{path_of(folder, 'startup', device)} is not complete: run `diffupose benchmark startup`")
    figure = Figure(figsize=(10, 2.6), dpi=_DPI, facecolor=PAPER, layout="constrained")
    axes, start = figure.subplots(), 0.0
    named = {name.removesuffix(" s"): seconds for name, seconds in parts.items() if name.endswith(" s")}
    named.pop("second lift", None)  # for comparison with the first
    for (name, seconds), colour in zip(named.items(), PEOPLE, strict=False):
        axes.barh("in one process", seconds, left=start, color=colour, label=f"{name}, {seconds:.2f} s")
        start += seconds
    whiskers = [[node["median_s"] - node["min_s"]], [node["max_s"] - node["median_s"]]]
    axes.barh("over topics", node["median_s"], xerr=whiskers, color=FAINT, ecolor=TEXT, capsize=4)
    axes.text(0.03 * node["median_s"], 1, f"{node['median_s']:.2f} s", color=PAPER, va="center")
    axes.invert_yaxis()
    _axes(axes, "a lift node's start, to its first result", "s, median", "")
    axes.grid(False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    _machine(figure, result, f"{parts['runs']:.0f} runs")
    return figure


def _having(rows: Sequence[Row], labels: dict[str, Any]) -> list[Row]:
    return [row for row in rows if labels.items() <= row["labels"].items()]


def _whiskers(axes: Axes, rows: Sequence[Row], prefix: str, label: str, colour: str) -> None:
    """Draw p50 over people with a whisker up to p99; rows that lack it are left out, without any nothing is drawn."""
    found = [(row["labels"]["people"], row[f"{prefix}p50_ms"], row[f"{prefix}p99_ms"]) for row in rows
             if f"{prefix}p50_ms" in row]  # fmt: skip
    if found:
        people, middle, high = zip(*found, strict=True)
        above = [h - m for h, m in zip(high, middle, strict=True)]
        axes.errorbar(people, middle, [[0] * len(above), above], fmt="o-", color=colour, label=label, capsize=3)


def _errors(folder: Path) -> dict[int, dict[tuple[str, int], float]]:
    """MPJPE in mm by (method, steps), for each number of people that was evaluated with several."""
    found: dict[int, dict[tuple[str, int], float]] = defaultdict(dict)
    for path in sorted(folder.glob("evaluate_default_cmu*.json")):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            report = report.get("clean", report)
            setting, people, error = report["settings"], int(report["people"]), float(report["mpjpe_mm"])
            method, number = setting["sampler"], setting["steps"] or 100
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
            raise BenchmarkError(f"{path} is not a report of `diffupose evaluate`: {problem!r}") from None
        if setting["protocol"] == "raw" and setting["hypotheses"] == 10:
            found[people][method, number] = error
    return {people: errors for people, errors in found.items() if len(errors) > 1}


def _axes(axes: Axes, heading: str, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(heading, fontsize=10.5, color=TEXT, loc="left")
    axes.grid(color=RULE)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _plain_numbers(axis: Axis, digits: tuple[int, ...]) -> None:
    """Mark these multiples of the powers of ten of a logarithmic axis, as people write them."""
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _machine(figure: Figure, result: dict[str, Any], setting: str) -> None:
    """Say at the bottom what was measured on what."""
    machine = result["machine"]
    figure.supxlabel(f"{setting}; {title(machine)}, torch {machine.get('torch', '?')}", fontsize=8.5, color=FAINT)
