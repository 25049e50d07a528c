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

"""Commands on data sets."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diffupose_ros.cli.app import app, fail

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from diffupose_ros.data.markerless.multiview import Multiview
    from diffupose_ros.data.markerless.truth import Made

data = typer.Typer(help="Make data: to train on from data sets, to measure on from your cameras.", no_args_is_help=True)
app.add_typer(data, name="data")


class LayoutName(str, Enum):
    """Joint orders by name."""

    h36m17 = "h36m17"
    coco17 = "coco17"
    openpose18 = "openpose18"
    body25 = "body25"
    mediapipe33 = "mediapipe33"


@data.command()
def cmu(
    folder: Annotated[Path, typer.Argument(help="With .asf and .amc files from mocap.cs.cmu.edu, at any depth.")],
    out: Annotated[Path, typer.Argument(help="The .npz to write: int16 (T, 17, 3) clips in millimetres, 30 Hz.")],
) -> None:
    """Convert the CMU motion capture database to clips of the 17 joints; bad files are named and skipped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from diffupose_ros.data.datasets.cmu import CREDIT, convert, find_motions

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    try:
        motions = find_motions(folder)
        with Progress(*columns, transient=True) as progress:
            task = progress.add_task("converting", total=len(motions))
            report = convert(motions, out, lambda _: progress.advance(task))
    except (OSError, ValueError) as error:
        fail(error)
    for reason in report.skipped:
        typer.echo(f"skipped: {reason}", err=True)
    typer.echo(f"{out}: {report.clips} clips, {report.frames} frames, {len(report.skipped)} files skipped")
    typer.echo(f"Carry this credit wherever you publish what you train on it: {CREDIT}")


@data.command()
def recording(
    source: Annotated[
        Path, typer.Argument(help="Bag (MCAP, sqlite3), or folder with a folder of JSON files for each camera.")
    ],
    out: Annotated[Path, typer.Argument(help="The .npz to write.")],
    detector: Annotated[str, typer.Option(help="What made the 2D, its name first: 'openpose BODY_25'.")],
    cameras: Annotated[
        Path | None, typer.Option(help="YAML: where the cameras are. Needless for a bag with /tf_static.")
    ] = None,
    layout: Annotated[LayoutName | None, typer.Option(help="Joint order in JSON files.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, max=1000, help="Frames per second of JSON files.")] = None,
    person: Annotated[str, typer.Option(help="Id in a bag; none: whom each camera saw most.")] = "",
    tolerance: Annotated[float, typer.Option(min=0, help="Seconds between stamps of one moment, in a bag.")] = 0.01,
    rectified: Annotated[bool, typer.Option("--rectified", help="A bag's skeletons are of rectified images.")] = False,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Below it 2D does not count for the truth.")] = 0.3,
    refine: Annotated[bool, typer.Option(help="Correct the cameras' poses on the person.")] = True,
) -> None:
    """Make a recording with 3D truth of what several calibrated cameras saw of one person.

    Its truth is triangulated from all cameras; `diffupose evaluate` can measure on it how well one camera does.
    """
    from rich.console import Console

    from diffupose_ros.data.markerless.truth import make_recording, steps
    from diffupose_ros.data.recordings import save_recording
    from diffupose_ros.offline.display import progress_bar

    console = Console()
    try:
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(f"{out}: there is no folder {out.absolute().parent} to write to")
        with progress_bar(console) as progress:
            if _is_bag(source):
                if layout is not None or rate is not None:
                    raise ValueError(f"{source} is a bag, which says its layout and rate: leave --layout, --rate out")
                seen = _from_bag(source, cameras, person, tolerance, rectified, progress)
            else:
                seen = _from_json(source, cameras, layout, rate, progress)
            task = progress.add_task("making the truth", total=steps(len(seen.cameras)))
            made = make_recording(seen, detector, min_score, refine, lambda: progress.advance(task))
        save_recording(made.recording, out)
    except (OSError, ValueError, ImportError) as error:
        fail(error)
    _show(made, seen, console)
    typer.echo(f"{out}: {seen.keypoints.shape[1]} frames of {len(seen.cameras)} cameras, {seen.rate:.4g} Hz")


def _is_bag(source: Path) -> bool:
    if not source.exists():
        raise FileNotFoundError(f"nothing at {source}: expected a bag, or a folder with a folder for each camera")
    return source.is_file() or any(any(source.glob(name)) for name in ("metadata.yaml", "*.mcap", "*.db3"))


def _from_bag(
    bag: Path, cameras: Path | None, person: str, tolerance: float, rectified: bool, progress: "Progress"
) -> "Multiview":
    from diffupose_ros.offline.multiview_bag import read_multiview

    task = progress.add_task("reading messages", total=None)
    return read_multiview(bag, cameras, person, tolerance, rectified, lambda: progress.advance(task))


def _from_json(
    folder: Path, cameras: Path | None, layout: LayoutName | None, rate: float | None, progress: "Progress"
) -> "Multiview":
    from diffupose_ros.data.markerless.pose_json import json_files, read_folders
    from diffupose_ros.data.markerless.rig import read_rig

    lacking = [name for name, value in (("cameras", cameras), ("layout", layout), ("rate", rate)) if value is None]
    if cameras is None or layout is None or rate is None:
        raise ValueError(f"JSON files do not say all: give --{', --'.join(lacking)}")
    placed = read_rig(cameras)
    task = progress.add_task("reading files", total=sum(len(json_files(folder / camera.name)) for camera in placed))
    return read_folders(folder, placed, layout.value, rate, lambda: progress.advance(task))


def _show(made: "Made", seen: "Multiview", console: "Console") -> None:
    import numpy as np
    from rich.table import Table

    recording, refined = made.recording, made.refined
    table = Table("camera", "frames", "exchanged", "px before", "px after", "moved, mm", "turned, deg")
    columns = made.exchanged, refined.before_px, refined.after_px, refined.moved, refined.turned
    for camera, scores, swapped, before, after, moved, turned in zip(seen.cameras, seen.scores, *columns, strict=True):
        frames = int((scores > 0).any(1).sum())
        figures = f"{before:.1f}", f"{after:.1f}", f"{1000 * moved:.0f}", f"{np.degrees(turned):.2f}"
        table.add_row(camera.name, str(frames), str(int(swapped.sum())), *figures)
    console.print(table)
    views = recording.gt_views
    assert views is not None and recording.gt_rms_px is not None
    known = views > 0
    console.print(
        f"truth: {100 * known.mean():.0f} % of the joints, from {views[known].mean():.1f} cameras, "
        f"{np.median(recording.gt_rms_px[known]):.1f} px in the median"
    )


@data.command()
def detectors(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings (.npz), see docs/recordings.md.")],
) -> None:
    """Show how the detectors of recordings err, beside those that training simulates."""
    from rich.console import Console
    from rich.table import Table

    from diffupose_ros.evaluation.detector_errors import FIGURES, recording_errors, simulated_errors

    table = Table("", *(name.replace("_", " ") for name in FIGURES))
    try:
        seen = {path.stem: recording_errors(path) for path in recordings}
    except (OSError, ValueError) as error:
        fail(error)
    for name, values in (seen | simulated_errors()).items():
        table.add_row(name, *(f"{value:.3f}" for value in values.values()))
    Console().print(table)
    for name, meaning in FIGURES.items():
        typer.echo(f"{name.replace('_', ' ')}: {meaning}")
