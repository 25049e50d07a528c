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

"""How `diffupose evaluate` measures people over time."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from diffupose_ros.cli.reports import by_name, number_text, weights_settings, write_reports

Reports = dict[str, dict[str, Any]]


def evaluate_sequences(
    files: list[Path], checkpoint: str, device: str, json_file: Path | None, plot: Path | None, drawn: Path | None,
    every: int, **settings: Any,
) -> None:  # fmt: skip
    """Measure, write and show.

    Args:
        files: clips or recordings; they are named as their files.
        checkpoint: name of a shipped model, or a file.
        device: ``auto``, ``cpu``, ``cuda``, ...
        json_file: where the reports go.
        plot: where the picture goes.
        drawn: where the picture of somebody's capsules goes.
        every: take each K-th simulated person.
        settings: of ``evaluation.recordings.frames.Drawing``.

    Raises:
        OSError: a file that is not there, or cannot be written.
        ValueError: a wrong file, settings that do not fit, or nobody to follow.
    """
    from diffupose_ros.evaluation.recordings.frames import Drawing
    from diffupose_ros.evaluation.sequences.bodies_picture import draw_bodies
    from diffupose_ros.evaluation.sequences.picture import draw_sequences
    from diffupose_ros.evaluation.sequences.report import evaluate_sequences, load_people
    from diffupose_ros.lifting import Lifter

    followed = {name: load_people(file, every) for name, file in by_name(files).items()}
    lifter, drawing = Lifter.load(checkpoint, device), Drawing(**settings)
    if drawn:
        draw_bodies(lifter, next(iter(followed.values())), drawing, drawn)
    reports: Reports = {}
    tracks = {}
    for (name, people), file in zip(followed.items(), files, strict=True):
        try:
            reports[name], tracks[name] = evaluate_sequences(lifter, people, drawing, progress=True)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        of_file = {"dataset": "sequences", "data": file.name, "every": every}
        reports[name]["settings"] |= of_file | weights_settings(checkpoint)
    if json_file:
        write_reports(reports, json_file)
    _show(reports)
    if plot:
        draw_sequences(reports, next(iter(tracks.values())), plot)


def _show(reports: Reports) -> None:
    from diffupose_ros.evaluation.sequences.figures import FIGURES

    console = Console()
    for name, report in reports.items():
        scenarios = report["scenarios"]
        table = Table("metric", *scenarios, title=f"{name}: means of the tracks; their standard errors: --json")
        for figure in ("tracks", *FIGURES):
            table.add_row(figure, *(number_text(scenario[figure]) for scenario in scenarios.values()))
        console.print(table)
