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

"""The command that measures a model."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from diffupose_ros.cli.app import app, fail
from diffupose_ros.cli.recordings import evaluate_recordings
from diffupose_ros.cli.reports import weights_settings, write_reports
from diffupose_ros.cli.sequences import evaluate_sequences
from diffupose_ros.defaults import HYPOTHESES

if TYPE_CHECKING:
    from diffupose_ros.data.observations import Observations

KEYPOINTS = {
    "cmu": ("gt", "clean", "noisy", "occluded", "bodies", "real", "children", "postures", "all"),
    "h36m": ("gt", "hr", "cpn", "sh"),
    "humaneva": ("gt", "detectron"),
}
"""2D inputs of each data set; those of cmu are made: gt and clean are the same."""
RECORDINGS, SEQUENCES = "recordings", "sequences"
PICTURES = (".png", ".pdf", ".svg")


def _choice(name: str, *values: str) -> type[Enum]:
    return Enum(name, {value: value for value in values}, type=str)


Dataset = _choice("Dataset", *KEYPOINTS, RECORDINGS, SEQUENCES)
Method = _choice("Method", "ddim", "ddpm")
Protocol = _choice("Protocol", "raw", "paper", "gt_free")
Keypoints = _choice("Keypoints", *dict.fromkeys(k for kinds in KEYPOINTS.values() for k in kinds))


@app.command()
def evaluate(
    data: Annotated[
        list[Path],
        typer.Option(
            help="cmu: .npz of clips; h36m, humaneva: folder of VideoPose3D's files; recordings: .npz of one, "
            "and --data again for the next (docs/recordings.md); sequences: .npz of clips or of a recording, as often."
        ),
    ],
    dataset: Annotated[Dataset, typer.Option(help="Whose data.")] = Dataset.cmu,
    checkpoint: Annotated[str, typer.Option(help="Name of a shipped model, or a file.")] = "default",
    hypotheses: Annotated[int, typer.Option(min=1, help="N: poses drawn for each person.")] = HYPOTHESES,
    steps: Annotated[int | None, typer.Option(min=1, help="DDIM steps [default: as suit the model].")] = None,
    sampler: Annotated[Method, typer.Option(help="ddpm takes all 100 steps.")] = Method.ddim,
    flip: Annotated[bool, typer.Option(help="Draw every second hypothesis for the mirror image.")] = True,
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="raw: the network's root-relative pose. paper: x, y overwritten from the input and the true depth; "
            "for comparison with the paper only. gt_free: raw, and the root solved without ground truth."
        ),
    ] = Protocol.raw,
    keypoints: Annotated[
        Keypoints, typer.Option(help="2D input. cmu: gt (= clean), noisy, occluded, bodies, real, or all of these.")
    ] = Keypoints.gt,
    every: Annotated[
        int, typer.Option(min=1, help="Take every K-th frame; sequences: every K-th simulated person.")
    ] = 1,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="recordings: the truth is that of the other cameras only.")
    ] = False,
    generic: Annotated[
        bool, typer.Option("--generic", help="recordings: read scores as those of a detector that nobody measured.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the reliability diagram there (.png, .pdf, .svg).")] = None,
    worst: Annotated[
        Path | None, typer.Option(help="recordings: draw the frames with the largest errors there.")
    ] = None,
    bodies: Annotated[
        Path | None, typer.Option(help="sequences: draw there the capsules that planners get of the first person.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Measure a model: errors, and whether its uncertainty is true. Two runs give the same numbers."""
    from diffupose_ros.evaluation.evaluate import evaluate as run
    from diffupose_ros.training.predictors import load_predictor

    try:
        _check_outputs(json_file, plot, worst, bodies)
        if worst and dataset.value != RECORDINGS:
            raise ValueError(f"--worst: only recordings have frames to show, got --dataset {dataset.value}")
        if bodies and dataset.value != SEQUENCES:
            raise ValueError(f"--bodies: only sequences have people to show, got --dataset {dataset.value}")
        if dataset.value in (RECORDINGS, SEQUENCES):
            _check_recorded(dataset.value, sampler.value, protocol.value, keypoints.value)
        taken = {"hypotheses": hypotheses, "steps": steps, "flip": flip}
        if dataset.value == SEQUENCES:
            _check_followed(leave_one_out, generic)
            evaluate_sequences(data, checkpoint, device, json_file, plot, bodies, every, **taken)
            return
        if dataset.value == RECORDINGS:
            if every != 1:
                raise ValueError(f"--every {every}: recordings are lifted as they are, expected 1")
            of_recordings = {"leave_one_out": leave_one_out, "generic": generic}
            evaluate_recordings(data, checkpoint, device, json_file, plot, worst, **taken, **of_recordings)
            return
        _check(dataset.value, data, keypoints.value, leave_one_out, generic)
        predictor, calibration, _ = load_predictor(checkpoint, device)
        inputs, joints = _observations(dataset.value, data[0], keypoints.value, every, predictor.joints)
        settings = {
            "dataset": dataset.value,
            "data": data[0].name,
            "every": every,
            **weights_settings(checkpoint),
        }
        reports = {}
        for name, people in inputs.items():
            method, by = sampler.value, protocol.value
            report = run(
                predictor, people, calibration, hypotheses, steps, method, by, joints, progress=True, flip=flip
            )
            report["settings"] |= settings | {"keypoints": name}
            reports[name] = report
        if json_file:
            write_reports(reports, json_file)
        if plot:
            from diffupose_ros.evaluation.reliability import draw_reliability

            draw_reliability(reports, plot)
        _show(reports)
    except (OSError, ValueError) as error:
        fail(error)


def _check_outputs(json_file: Path | None, *pictures: Path | None) -> None:
    """Find out what cannot work before the long run, not after it; as the other checks do."""
    for picture in pictures:
        if picture and picture.suffix not in PICTURES:
            raise ValueError(f"{picture}: expected a name that ends in {', '.join(PICTURES)}")
    for file in (json_file, *pictures):
        if file and not file.absolute().parent.is_dir():
            raise FileNotFoundError(f"{file}: there is no folder {file.absolute().parent} to write to")


def _check(dataset: str, data: list[Path], keypoints: str, leave_one_out: bool, generic: bool) -> None:
    if len(data) > 1:
        raise ValueError(f"--data: {dataset} is one file or folder, got {len(data)}")
    if keypoints not in KEYPOINTS[dataset]:
        raise ValueError(f"--keypoints {keypoints}: {dataset} has {', '.join(KEYPOINTS[dataset])}")
    if leave_one_out:
        raise ValueError(f"--leave-one-out: {dataset} has no cameras that the truth is from")
    if generic:
        raise ValueError(f"--generic: {dataset} has no detector whose scores could be read otherwise")


def _check_recorded(dataset: str, sampler: str, protocol: str, keypoints: str) -> None:
    given = {"--sampler": (sampler, "ddim"), "--protocol": (protocol, "raw"), "--keypoints": (keypoints, "gt")}
    for option, (value, usual) in given.items():
        if value != usual:
            raise ValueError(f"{option} {value}: {dataset} are lifted as they are, expected {usual}")


def _check_followed(leave_one_out: bool, generic: bool) -> None:
    for option, given in {"--leave-one-out": leave_one_out, "--generic": generic}.items():
        if given:
            raise ValueError(f"{option}: sequences are measured without, see --dataset recordings")


def _observations(
    dataset: str, data: Path, keypoints: str, every: int, known: int
) -> tuple[dict[str, "Observations"], tuple[int, ...] | None]:
    """Return the observations by name of their 2D input, and the joints that count (None: all that are known)."""
    if dataset == "cmu":
        from diffupose_ros.data.clips import load_clips
        from diffupose_ros.data.observations import Observations
        from diffupose_ros.data.postures import POSTURES
        from diffupose_ros.data.synthesis import CONDITIONS, POSTURE_PEOPLE, cmu_observations, posture_observations

        clips = load_clips(data)
        if keypoints == "postures":
            kinds = [posture_observations(kind, POSTURE_PEOPLE) for kind in POSTURES]
            return {keypoints: Observations.join(kinds)}, None
        names = list(CONDITIONS) if keypoints == "all" else ["clean" if keypoints == "gt" else keypoints]
        return {name: cmu_observations(clips, CONDITIONS[name], every) for name in names}, None
    from diffupose_ros.data.datasets import HUMANEVA_JOINTS, load_observations

    observations = load_observations(dataset, data, "test", keypoints, every, known)
    return {keypoints: observations}, HUMANEVA_JOINTS if dataset == "humaneva" else None


def _show(reports: dict[str, dict[str, Any]]) -> None:
    from diffupose_ros.evaluation.evaluate import METRICS

    console = Console()
    table = Table("metric", *reports)
    for key in ("people", "left_out", *METRICS):
        if any(key in report for report in reports.values()):
            table.add_row(key, *(_text(report[key]) for report in reports.values()))
    console.print(table)
    table = Table("activity", "people", *(f"{name} MPJPE, mm" for name in reports))
    for activity in sorted({a for report in reports.values() for a in report["per_activity"]}):
        groups = [report["per_activity"].get(activity, {}) for report in reports.values()]
        people = max(group.get("people", 0) for group in groups)
        table.add_row(activity, str(people), *(_text(group.get("mpjpe_mm")) for group in groups))
    console.print(table)


def _text(value: float | None) -> str:
    if value is None or isinstance(value, int):
        return "-" if value is None else str(value)
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
