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


"""Commands on the detectors' weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from diffupose_ros.cli.app import app, fail

if TYPE_CHECKING:
    from diffupose_ros.detection.cached_files import CachedFiles

weights = typer.Typer(
    help="Weights of the detectors HRNet, BlazePose and MoveNet: public ones, downloaded once.", no_args_is_help=True
)
app.add_typer(weights, name="weights")
Name = Annotated[
    str, typer.Argument(help="As `diffupose weights list` shows it; w32 is HRNet's quickest, w48 its best.")
]
NETWORKS = ("blazepose", "movenet")
"""Detectors with networks of their own; where these come from ``detection/<name>_files.py`` says."""


def _files(name: str) -> "CachedFiles":
    files: CachedFiles = import_module(f"diffupose_ros.detection.{name}_files").NETWORKS
    return files


@weights.command("list")
def list_() -> None:
    """Show which weights there are: name, COCO AP in percent, licence, whether it is here, address."""
    from diffupose_ros.detection.weights import ALIASES, WEIGHTS, is_here
    from diffupose_ros.files import cache_folder

    short = {name: alias for alias, name in ALIASES.items()}
    try:
        cache_folder()
    except OSError as error:
        fail(error)
    for name, entry in WEIGHTS.items():
        called = f"{name} ({short[name]})" if name in short else name
        here = "here" if is_here(name) else "not here"
        typer.echo(f"{called:<23} AP {entry.average_precision}  {entry.licence}  {here:<8}  {entry.address}")
    for name in NETWORKS:
        files = _files(name)
        here = "here" if files.are_here() else "not here"
        typer.echo(f"{name:<23} AP -     {files.licence}  {here:<8}  {files.source}")


@weights.command()
def fetch(name: Name) -> None:
    """Download weights into the user's cache, verify them, and print the files; goes on with what was interrupted."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from diffupose_ros.detection.weights import fetch_weights

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name, total=None)

            def show(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total)

            paths = _files(name).fetch(show) if name in NETWORKS else [fetch_weights(name, show)]
    except (OSError, ValueError) as error:
        fail(error)
    for file in paths:
        typer.echo(file)


@weights.command()
def path(name: Name) -> None:
    """Print the file of weights that were fetched before, or the two of BlazePose or MoveNet."""
    from diffupose_ros.detection.weights import find_weights

    try:
        paths = _files(name).find() if name in NETWORKS else [find_weights(name)]
    except (OSError, ValueError) as error:
        fail(error)
    for file in paths:
        typer.echo(file)
