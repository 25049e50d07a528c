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

"""The command line: ``diffupose --help``."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="3D human poses with uncertainty from one camera.", no_args_is_help=True, pretty_exceptions_enable=False
)
ROS_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=ROS_ARGUMENTS)
def lift(context: typer.Context) -> None:
    """Run the lift node; takes what a ROS 2 node takes: --ros-args -p NAME:=VALUE -r FROM:=TO ..."""
    from diffupose_ros.nodes.lift_node import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=ROS_ARGUMENTS)
def replay(context: typer.Context) -> None:
    """Run the replay node: recorded people as 2D skeletons; takes what a ROS 2 node takes."""
    from diffupose_ros.nodes.replay_node import main

    raise typer.Exit(main(context.args))


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the bag, the pictures and the logs.")] = Path("demo_output"),
    seconds: Annotated[float, typer.Option(min=2, help="How long to watch.")] = 20.0,
    people: Annotated[int, typer.Option(min=1, max=50, help="People in the scene.")] = 3,
) -> None:
    """Watch recorded people being lifted: a live table, a bag and pictures."""
    from diffupose_ros.demo.run import run_demo

    raise typer.Exit(run_demo(output, seconds, people))


@app.command()
def import_checkpoint(official: Path, out: Path) -> None:
    """Convert a checkpoint of the authors' released code (.pt, .pth) to safetensors."""
    from diffupose_ros.lifting.checkpoint import import_official, save_checkpoint

    try:
        checkpoint = import_official(official)
        save_checkpoint(checkpoint, out)
    except (OSError, ValueError) as error:
        _fail(error)
    config = checkpoint.denoiser
    typer.echo(f"{out}: {config.variant}, {config.joints} joints, d = {config.channels}")


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
        _fail(error)
    typer.echo(f"{folder / 'best.pt'}: {best:.1f} mm MPJPE on the validation clips")


@app.command()
def calibrate(
    trained: Annotated[Path, typer.Argument(help="best.pt of a training run.")],
    validation_clips: Annotated[Path, typer.Argument(help=".npz of clips of people not trained on.")],
    out: Annotated[Path, typer.Argument(help="The checkpoint (.safetensors) to write.")],
) -> None:
    """Fit the covariances' calibration, measure the model, and write a checkpoint that the nodes load."""
    from diffupose_ros.training.calibrate import export

    try:
        checkpoint = export(trained, validation_clips, out)
    except (OSError, ValueError) as error:
        _fail(error)
    for condition, metrics in checkpoint.card["metrics"].items():
        typer.echo(f"{condition:>9}: " + ", ".join(f"{name} {value:g}" for name, value in metrics.items()))


def _fail(error: Exception) -> None:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
