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

from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail


@app.command()
def train(
    train_clips: Annotated[Path, typer.Argument(help=".npz of int16 (T, 17, 3) clips in millimetres.")],
    validation_clips: Annotated[Path, typer.Argument(help="The same, of other people.")],
    folder: Annotated[Path, typer.Argument(help="Of the run; a run that is there is resumed.")],
    channels: Annotated[int, typer.Option(help="The paper's d.")] = 128,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 22_000,
) -> None:
    """Train the denoiser; leaves FOLDER/best.pt, which `diffupose calibrate` makes a checkpoint of."""
    from diffupose_ros.training.train import TrainConfig
    from diffupose_ros.training.train import train as run

    try:
        best = run(TrainConfig(channels=channels, steps=steps), train_clips, validation_clips, folder)
    except (OSError, ValueError, FloatingPointError) as error:
        fail(error)
    typer.echo(f"{folder / 'best.pt'}: {best:.1f} mm MPJPE on the validation clips")
