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

"""The figures as a table for a terminal, and as one line for a log."""

import math

from rich.table import Table

from diffupose_ros.demo.pace import Pace
from diffupose_ros.demo.statistics import Summary


def figure(value: float, digits: int = 0, unit: str = "") -> str:
    """Return a number with its unit; a dash where it is not known yet."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}{unit}"


def percentage(share: float, count: int) -> str:
    """Return a share and what it is of."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %  of {count}"


def table(summary: Summary, title: str, pace: Pace, health: str = "") -> Table:
    """Return the figures, one row each, with what they mean."""
    grid = Table(title=title, title_justify="left", title_style="bold", min_width=78)
    grid.add_column("figure")
    grid.add_column("value", justify="right", style="bold")
    grid.add_column("meaning", style="dim")
    rows = (
        ("people", str(summary.people), "different ids in skeletons_3d"),
        ("rate in", figure(summary.rate_in, 1, " /s"), f"{summary.inputs} skeletons_2d"),
        ("rate out", figure(summary.rate_out, 1, " /s"), f"{summary.results} skeletons_3d"),
        ("dropped", str(summary.dropped), "inputs never answered"),
        ("DDIM steps", " or ".join(map(str, summary.steps)) or "–", f"as many as {pace.budget_ms} ms allow"),
        ("latency p50", figure(summary.latency_p50_ms, 1, " ms"), "input stamp to result received"),
        ("latency p99", figure(summary.latency_p99_ms, 1, " ms"), ""),
        ("MPJPE", figure(summary.mpjpe_mm, 1, " mm"), f"root-relative, {summary.compared} poses"),
        ("in 90 % ellipsoid, seen", percentage(summary.coverage_seen, summary.joints_seen), "joints; 90 % is ideal"),
        ("in 90 % ellipsoid, unseen", percentage(summary.coverage_unseen, summary.joints_unseen), "hidden joints"),
    )
    for row in rows:
        grid.add_row(*row)
    notes = [pace.remark(), f"lift_node says: {health}" if health else ""]
    grid.caption = "\n".join(filter(None, notes)) or None
    return grid


def line(summary: Summary, elapsed: float) -> str:
    """Return the figures in one line."""
    return (
        f"{elapsed:5.1f} s  people {summary.people}  in {figure(summary.rate_in, 1)}/s  "
        f"out {figure(summary.rate_out, 1)}/s  dropped {summary.dropped}  "
        f"latency p50 {figure(summary.latency_p50_ms)} p99 {figure(summary.latency_p99_ms)} ms  "
        f"MPJPE {figure(summary.mpjpe_mm)} mm  in 90 % ellipsoid: seen {figure(100 * summary.coverage_seen)} % "
        f"unseen {figure(100 * summary.coverage_unseen)} %"
    )
