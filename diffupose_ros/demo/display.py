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
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from diffupose_ros.demo.over_time import OverTime
from diffupose_ros.demo.pace import Pace
from diffupose_ros.demo.statistics import Summary


@dataclass(frozen=True)
class Figures:
    """All that was measured.

    Attributes:
        lifting: of single images.
        over_time: of people over time, beside single images.
    """

    lifting: Summary
    over_time: OverTime


def figure(value: float, digits: int = 0, unit: str = "") -> str:
    """Return a number with its unit; a dash where it is not known yet."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}{unit}"


def percentage(share: float) -> str:
    """Return a share as per cent."""
    return figure(100 * share, 1, " %")


def table(figures: Figures, title: str, pace: Pace, health: Mapping[str, str] | None = None) -> Table:
    """Return the figures, one row each, with what they mean.

    Args:
        figures: to show.
        title: above them.
        pace: of the input.
        health: what each node says of itself, by its name.
    """
    grid = Table(title=title, title_justify="left", title_style="bold", min_width=78)
    grid.add_column("")
    grid.add_column("each image", justify="right", style="bold")
    grid.add_column("over time", justify="right", style="bold")
    grid.add_column("meaning", style="dim")
    lifting, tracks = figures.lifting, figures.over_time
    single, people = tracks.single, tracks.people
    for row in (
        ("results", figure(lifting.rate_out, 1, " /s"), figure(tracks.rate, 1, " /s"), "skeletons_3d; people"),
        ("of input", figure(lifting.rate_in, 1, " /s"), "", f"{lifting.inputs} skeletons_2d, {lifting.people} people"),
        ("dropped", str(lifting.dropped), "", "inputs never answered"),
        ("update", "", figure(tracks.update_p50_ms, 1, " ms"), "what people_node adds"),
        ("latency p50", *_both(lifting.latency_p50_ms, tracks.latency_p50_ms, 1, " ms"), "input stamp to receipt"),
        ("latency p99", *_both(lifting.latency_p99_ms, tracks.latency_p99_ms, 1, " ms"), ""),
        ("MPJPE", *_both(single.mpjpe_mm, people.mpjpe_mm, 1, " mm"), f"about the root, {tracks.compared} poses"),
        ("error", *_both(single.error_mm, people.error_mm, 1, " mm"), "of where joints are"),
        ("in 90 % ellipsoid", percentage(single.coverage), percentage(people.coverage), "the same; 90 % is ideal"),
        ("  pose, seen", percentage(lifting.coverage_seen), "", f"about the root, {lifting.joints_seen} joints"),
        ("  pose, unseen", percentage(lifting.coverage_unseen), "", f"{lifting.joints_unseen} hidden joints"),
        ("jitter", *_both(single.jitter, people.jitter, 1, " x"), "times that of the truth"),
        (
            "wrist speed off",
            *_both(single.wrist_speed_error, people.wrist_speed_error, 2, " m/s"),
            "by this, on average",
        ),
    ):
        grid.add_row(*row)
    says = [f"{name} says: {message}" for name, message in sorted((health or {}).items())]
    grid.caption = "\n".join(filter(None, [pace.remark(), *says])) or None
    return grid


def line(figures: Figures, elapsed: float) -> str:
    """Return the figures in one line."""
    lifting, tracks = figures.lifting, figures.over_time
    return (
        f"{elapsed:5.1f} s  people {lifting.people}  in {figure(lifting.rate_in, 1)}/s  "
        f"out {figure(lifting.rate_out, 1)}/s  dropped {lifting.dropped}  "
        f"latency p50 {figure(lifting.latency_p50_ms)} p99 {figure(lifting.latency_p99_ms)} ms  "
        f"MPJPE {figure(lifting.mpjpe_mm)} mm  in 90 % ellipsoid: seen {figure(100 * lifting.coverage_seen)} % "
        f"unseen {figure(100 * lifting.coverage_unseen)} %  over time: out {figure(tracks.rate, 1)}/s "
        f"error {figure(tracks.people.error_mm)} mm jitter {figure(tracks.people.jitter, 1)} x"
    )


def _both(single: float, people: float, digits: int, unit: str) -> tuple[str, str]:
    return figure(single, digits, unit), figure(people, digits, unit)
