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

from enum import Enum
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


class PrecisionName(str, Enum):
    """What exported weights are stored in."""

    float32 = "float32"
    float16 = "float16"


@app.command()
def export(
    weights: Annotated[str, typer.Argument(help="Shipped name, or path of .safetensors, .pt or .pth.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    steps: Annotated[int | None, typer.Option(min=1, max=100, help="DDIM steps [default: as suit the model].")] = None,
    precision: Annotated[
        PrecisionName, typer.Option(help="Of the weights in the file: float16 for one of half the size.")
    ] = PrecisionName.float32,
) -> None:
    """Write a model as one ONNX file, which the engine onnx runs without PyTorch; checked against PyTorch's poses."""
    try:
        from diffupose_ros.lifting.engine.onnx.export import export as write

        model = write(weights, out, steps, precision.value)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        fail(error)
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {model.variant}, {model.joints} joints, steps {model.steps}, {precision.value}, {size:.0f} MB")


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
