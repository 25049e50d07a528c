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

"""Commands on checkpoints."""

from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail


@app.command()
def import_checkpoint(official: Path, out: Path) -> None:
    """Convert a checkpoint of the authors' released code (.pt, .pth) to safetensors."""
    from diffupose_ros.lifting.checkpoint import import_official, save_checkpoint

    try:
        checkpoint = import_official(official)
        save_checkpoint(checkpoint, out)
    except (OSError, ValueError) as error:
        fail(error)
    config = checkpoint.denoiser
    typer.echo(f"{out}: {config.variant}, {config.joints} joints, d = {config.channels}")


@app.command()
def calibrate(
    trained: Annotated[Path, typer.Argument(help="best.pt of a training run.")],
    validation_clips: Annotated[Path, typer.Argument(help=".npz of clips of people not trained on.")],
    out: Annotated[Path, typer.Argument(help="The checkpoint (.safetensors) to write.")],
    every: Annotated[int, typer.Option(min=1, help="Take every K-th frame.")] = 5,
    steps: Annotated[int | None, typer.Option(min=1, help="DDIM steps [default: as suit the model].")] = None,
) -> None:
    """Fit the covariances' calibration, measure the model, and write a checkpoint that the nodes load."""
    from diffupose_ros.evaluation.export import export

    try:
        checkpoint = export(trained, validation_clips, out, every, steps)
    except (OSError, ValueError) as error:
        fail(error)
    for condition, metrics in checkpoint.card["metrics"].items():
        typer.echo(f"{condition:>9}: " + ", ".join(f"{name} {value:g}" for name, value in metrics.items()))
