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

from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail

weights = typer.Typer(
    help="Weights of the detectors HRNet and BlazePose: public ones, downloaded once.", no_args_is_help=True
)
app.add_typer(weights, name="weights")
Name = Annotated[
    str, typer.Argument(help="As `diffupose weights list` shows it; w32 is HRNet's quickest, w48 its best.")
]
BLAZEPOSE = "blazepose"


@weights.command("list")
def list_() -> None:
    """Show which weights there are: name, COCO AP in percent, licence, whether it is here, address."""
    from diffupose_ros.detection.blazepose_files import LICENCE, RELEASE, network_files
    from diffupose_ros.detection.weights import ALIASES, WEIGHTS, cache_folder, is_here

    short = {name: alias for alias, name in ALIASES.items()}
    try:
        cache_folder()
    except OSError as error:
        fail(error)
    for name, entry in WEIGHTS.items():
        called = f"{name} ({short[name]})" if name in short else name
        here = "here" if is_here(name) else "not here"
        typer.echo(f"{called:<23} AP {entry.average_precision}  {entry.licence}  {here:<8}  {entry.address}")
    here = "here" if all(path.is_file() for path in network_files()) else "not here"
    typer.echo(f"{BLAZEPOSE:<23} AP -     {LICENCE}  {here:<8}  the wheel of {' '.join(RELEASE)}, from pip's index")


@weights.command()
def fetch(name: Name) -> None:
    """Download weights into the user's cache, verify them, and print the files; goes on with what was interrupted."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from diffupose_ros.detection.blazepose_files import fetch_networks
    from diffupose_ros.detection.weights import fetch_weights

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name, total=None)

            def show(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total)

            paths = fetch_networks(show) if name == BLAZEPOSE else [fetch_weights(name, show)]
    except (OSError, ValueError) as error:
        fail(error)
    for file in paths:
        typer.echo(file)


@weights.command()
def path(name: Name) -> None:
    """Print the file of weights that were fetched before, or BlazePose's two."""
    from diffupose_ros.detection.blazepose_files import find_networks
    from diffupose_ros.detection.weights import find_weights

    try:
        paths = find_networks() if name == BLAZEPOSE else [find_weights(name)]
    except (OSError, ValueError) as error:
        fail(error)
    for file in paths:
        typer.echo(file)
