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

"""Commands that train."""

import os
from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML file as in config/training/.")],
    train: Annotated[str | None, typer.Option(help="Training data: .npz of clips, or a data set's folder.")] = None,
    validation: Annotated[str | None, typer.Option(help="The same, of other people.")] = None,
    keypoints: Annotated[str | None, typer.Option(help="Of recorded data sets: gt, hr, cpn, ...")] = None,
    folder: Annotated[Path | None, typer.Option(help="Of the run [default: runs/<name of CONFIG>].")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, tf32 or bfloat16.")] = None,
    compile: Annotated[str | None, typer.Option(help="With torch.compile: auto, on or off.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make training pairs.")] = None,
    init: Annotated[str | None, typer.Option(help="Checkpoint to start from.")] = None,
) -> None:
    """Train a model; a run that is in the folder goes on. Options win over the file.

    Leaves best.pt, which `diffupose calibrate` makes a checkpoint of. On several GPUs:
    torchrun --nproc-per-node 4 -m diffupose_ros.cli train CONFIG ...
    """
    from diffupose_ros.training.config import load_config
    from diffupose_ros.training.train import Stopped
    from diffupose_ros.training.train import train as run

    overrides = {"data.train": train, "data.validation": validation, "steps": steps, "batch": batch, "seed": seed}
    overrides |= {
        "data.keypoints": keypoints,
        "precision": precision,
        "compile": compile,
        "workers": workers,
        "init": init,
    }
    folder = folder or Path("runs") / config.stem
    try:
        best = run(load_config(config, overrides), folder)
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        raise typer.Exit(130) from None
    except (OSError, ValueError, FloatingPointError) as error:
        fail(error)
    if os.environ.get("RANK", "0") == "0":
        typer.echo(f"{folder / 'best.pt'}: {best:.1f} mm of error on the validation data")


@app.command()
def learn_motion(
    clips: Annotated[Path, typer.Argument(help="Motion capture: .npz of clips at 30 Hz.")],
    out: Annotated[Path, typer.Argument(help="File to write (.json); the one that ships is resource/estimation/.")],
) -> None:
    """Learn how people move, for estimation over time, from motion capture."""
    from diffupose_ros.data.clips import load_clips
    from diffupose_ros.training.motion import learn_motion as learn
    from diffupose_ros.training.motion import save_motion

    try:
        save_motion(learn(load_clips(clips)), out)
    except (OSError, ValueError) as error:
        fail(error)
    typer.echo(f"wrote {out}")
