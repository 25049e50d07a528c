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

"""How `diffupose evaluate` measures a model on recordings of real people."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from diffupose_ros.cli.reports import by_name, number_text, weights_settings, write_reports

Reports = dict[str, dict[str, Any]]


def evaluate_recordings(
    files: list[Path],
    checkpoint: str,
    device: str,
    json_file: Path | None,
    plot: Path | None,
    worst: Path | None,
    **settings: Any,
) -> None:
    """Measure, write and show.

    Args:
        files: recordings; they are named as their files.
        checkpoint: name of a shipped model, or a file.
        device: ``auto``, ``cpu``, ``cuda``, ...
        json_file: where the reports go.
        plot: where the reliability diagrams go.
        worst: where the picture of each camera's worst frame goes.
        settings: of ``evaluation.recordings.evaluate_recording``.

    Raises:
        OSError: a file that is not there, or cannot be written.
        ValueError: a wrong file, settings that do not fit, or nothing to draw.
    """
    from diffupose_ros.data.recordings import load_recording
    from diffupose_ros.evaluation.recordings.report import evaluate_recording
    from diffupose_ros.evaluation.recordings.worst import draw_worst
    from diffupose_ros.evaluation.reliability import draw_recordings
    from diffupose_ros.lifting import Lifter

    recordings = {name: load_recording(file) for name, file in by_name(files).items()}
    lifter = Lifter.load(checkpoint, device)
    reports: Reports = {}
    for (name, recording), file in zip(recordings.items(), files, strict=True):
        try:
            report = evaluate_recording(lifter, recording, **settings, progress=True)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        report["settings"] |= {"dataset": "recordings", "data": file.name, **weights_settings(checkpoint)}
        reports[name] = report
    if json_file:
        write_reports(reports, json_file)
    _show(reports)
    if plot:
        draw_recordings(reports, plot)
    if worst:
        draw_worst(lifter, recordings, reports, worst)


def _show(reports: Reports) -> None:
    from diffupose_ros.evaluation.recordings.tracks import FIGURES

    console = Console()
    table = Table("metric", *reports)
    for figure in (*FIGURES, "exchanged_percent"):
        table.add_row(figure, *(number_text(report.get(figure)) for report in reports.values()))
    console.print(table)
    for name, report in reports.items():
        if "nothing" in report:
            console.print(f"{name}: {report['nothing']}")
    console.print(_cameras(reports))
    joint = {"error_mm": "error, mm", "in_90": "% in 90 % ellipsoid"}
    console.print(_side_by_side(reports, "joint", "per_joint", joint))
    score = {"deviation_median": "2D deviation, apparent sizes", **joint}
    console.print(_side_by_side(reports, "detector's score", "per_score", score))
    console.print(_side_by_side(reports, "bone", "bones", {"ratio": "predicted over true length"}))


def _cameras(reports: Reports) -> Table:
    headings = {"frames": "frames", "mpjpe_mm": "MPJPE, mm", "joints_in_90": "% in 90 %", "root_percent": "root, %"}
    table = Table("recording", "camera", *headings.values(), "2D deviation", "% exchanged")
    for name, report in reports.items():
        for camera, of_2d in report["detections"].items():
            of_3d = report.get("per_camera", {}).get(camera, {})
            cells = [*map(of_3d.get, headings), of_2d["deviation_median"], of_2d["exchanged_percent"]]
            table.add_row(name, camera, *map(number_text, cells))
    return table


def _side_by_side(reports: Reports, heading: str, key: str, columns: dict[str, str]) -> Table:
    """One row for each entry of the reports' tables under ``key``, one column for each report that has any."""
    parts = {name: report[key] for name, report in reports.items() if report.get(key)}
    table = Table(heading, *parts, title=" / ".join(columns.values()))
    for row in dict.fromkeys(row for part in parts.values() for row in part):
        cells = ([part.get(row, {}).get(column) for column in columns] for part in parts.values())
        table.add_row(row, *(" / ".join(map(number_text, cell)) for cell in cells))
    return table
