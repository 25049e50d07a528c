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

from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail

data = typer.Typer(help="Make training data of what data sets offer for download.", no_args_is_help=True)
app.add_typer(data, name="data")


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
