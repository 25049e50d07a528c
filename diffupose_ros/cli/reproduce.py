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

"""The command that makes the paper's tables and figures."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from diffupose_ros.cli.app import app, fail

CMU_SAMPLES = 131_072


class Dataset(str, Enum):
    """What a table is made on."""

    H36M = "h36m"
    HUMANEVA = "humaneva"
    CMU = "cmu"


@app.command()
def reproduce(
    table: Annotated[
        str, typer.Argument(help="I, II, III, IV, V, VI, schedule; or figures, those of --checkpoint.", metavar="TABLE")
    ],
    data: Annotated[Path, typer.Option(help="cmu: .npz of the test people's clips; else the data set's folder.")],
    dataset: Annotated[Dataset, typer.Option(help="h36m, humaneva: the paper's set-up; cmu: the same on mocap.")],
    train: Annotated[Path | None, typer.Option(help="cmu: .npz of the clips to train with.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="To train each model with [default: the paper's; cmu: 131,072].")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Take every K-th frame of the test data.")] = 64,
    cache: Annotated[Path, typer.Option(help="Of trained models; tables share them.")] = Path("runs/reproduce"),
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything random in training.")] = 0,
    checkpoint: Annotated[str, typer.Option(help="figures: name of a shipped model, or a file.")] = "default",
) -> None:
    """Make a table of the paper, on its data or the same comparison on mocap; training what is not trained yet.

    Can be stopped and run again. Writes reproduce_<table>_<dataset>.json and .md, and charts where there are any.
    """
    from diffupose_ros.training.train import Stopped

    try:
        if table == "figures":
            paths = _figures(checkpoint, dataset.value, data, every, out)
        else:
            paths = _table(table, dataset.value, train, data, samples, every, cache, out, seed)
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        raise typer.Exit(130) from None
    except (OSError, ValueError, FloatingPointError) as error:
        fail(error)
    for path in paths:
        typer.echo(f"wrote {path}")


def _table(
    name: str,
    dataset: str,
    train: Path | None,
    data: Path,
    samples: int | None,
    every: int,
    cache: Path,
    out: Path,
    seed: int,
) -> list[Path]:
    from diffupose_ros.paper.ablations import Setup
    from diffupose_ros.paper.reproduce import reproduce as run
    from diffupose_ros.paper.tables import markdown

    if dataset == "cmu" and train is None:
        raise ValueError("cmu: expected clips to train with, of other people than --data: give --train")
    samples = samples or (CMU_SAMPLES if dataset == "cmu" else None)
    result = run(name, Setup(dataset, train or data, data, samples, every, cache, seed), out, typer.echo)
    Console().print(Markdown(markdown(result)))
    return sorted(out.glob(f"reproduce_{name}_{dataset}.*"))


def _figures(checkpoint: str, dataset: str, data: Path, every: int, out: Path) -> list[Path]:
    from diffupose_ros.paper.ablations import Models, Setup
    from diffupose_ros.paper.figures import figures

    models = Models(Setup(dataset, data, data, None, every, out))
    # On mocap, a detector's joints: exact ones leave little to be of several minds about.
    return figures(checkpoint, models.people("detected" if dataset == "cmu" else "gt"), out)
