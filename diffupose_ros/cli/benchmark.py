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

"""The command that measures how fast everything is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from diffupose_ros.cli.app import app, fail

INTERRUPTED = 130
IN_CHECKOUT = Path("benchmarks/results")


@app.command()
def benchmark(
    sections: Annotated[
        list[str] | None,
        typer.Argument(
            help="Some of ceiling, core, engines, lift, people, topics, detector, offline, startup, image, onnx; "
            "none: all.",
            metavar="[SECTION]...",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the results; none: benchmarks/results in a checkout, else here.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")] = "auto",
    weights: Annotated[str, typer.Option(help="Of the lifter: shipped name, or path.")] = "default",
    seconds: Annotated[float, typer.Option(min=0, help="For each cell; a few rounds are always made.")] = 2.0,
    minutes: Annotated[float, typer.Option(min=0.01, help="Of the overload test.")] = 1.0,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what has been measured.")] = False,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Print the ratios of two files' figures.", metavar="A.json B.json")
    ] = None,
    chart: Annotated[bool, typer.Option("--chart", help="Draw the results that are in the folder.")] = False,
) -> None:
    """Measure this machine: one JSON a section, with ratios to the released code's way of doing it.

    Can be stopped and run again: what has been measured is kept.
    """
    from diffupose_ros.benchmark.section import BenchmarkError
    from diffupose_ros.lifting import Interrupted

    console = Console()
    folder = output or (IN_CHECKOUT if IN_CHECKOUT.is_dir() else Path())
    try:
        if compare is not None:
            _compare(*compare, console)
        elif chart:
            _chart(folder, device)
        else:
            _measure(sections or [], folder, device, weights, seconds, minutes, again, console)
    except Interrupted:
        typer.echo(f"interrupted: what has been measured is in {folder}; run it again to go on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (BenchmarkError, ImportError, OSError, ValueError) as error:
        fail(error)


def _measure(
    names: list[str],
    folder: Path,
    device: str,
    weights: str,
    seconds: float,
    minutes: float,
    again: bool,
    console: Console,
) -> None:
    from diffupose_ros.benchmark.run import run
    from diffupose_ros.benchmark.section import Options
    from diffupose_ros.benchmark.sections.registry import SECTIONS

    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise ValueError(f"there is no section {', '.join(unknown)}: expected some of {', '.join(SECTIONS)}")
    chosen = [section for name, section in SECTIONS.items() if not names or name in names]
    for path in run(chosen, folder, Options(device, weights, seconds, minutes), again, console):
        typer.echo(f"wrote {path}")


def _compare(a: Path, b: Path, console: Console) -> None:
    from diffupose_ros.benchmark.compare import compare
    from diffupose_ros.benchmark.display import comparison

    console.print(comparison(compare(a, b), ("A", "B")))


def _chart(folder: Path, device: str) -> None:
    from diffupose_ros.benchmark.charts import draw_charts
    from diffupose_ros.pytorch import select_device

    drawn, missing = draw_charts(folder, select_device(device).type)
    for path in drawn:
        typer.echo(f"wrote {path}")
    for reason in missing:
        typer.echo(reason, err=True)
    if not drawn:
        raise typer.Exit(1)
