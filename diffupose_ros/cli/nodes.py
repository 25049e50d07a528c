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

"""Commands that run nodes; `lift`, which lifts bags too, is in offline.py."""

from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app
from diffupose_ros.start import node

ROS_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=ROS_ARGUMENTS)
def replay(context: typer.Context) -> None:
    """Run the replay node: recorded people as 2D skeletons; takes what a ROS 2 node takes."""
    raise typer.Exit(node("replay", context.args))


@app.command(context_settings=ROS_ARGUMENTS)
def detect(context: typer.Context) -> None:
    """Run the detect node: images in, 2D skeletons out; takes what a ROS 2 node takes."""
    raise typer.Exit(node("detect", context.args))


@app.command(context_settings=ROS_ARGUMENTS)
def people(context: typer.Context) -> None:
    """Run the people node: 3D skeletons in, people over time out; takes what a ROS 2 node takes."""
    raise typer.Exit(node("people", context.args))


@app.command(context_settings=ROS_ARGUMENTS)
def planner(context: typer.Context) -> None:
    """Run the planner node: people in, obstacles and a speed scale out; takes what a ROS 2 node takes."""
    raise typer.Exit(node("planner", context.args))


@app.command(context_settings=ROS_ARGUMENTS)
def video(context: typer.Context) -> None:
    """Run the video node: a file, a folder of images or a camera as image topic; takes what a ROS 2 node takes."""
    raise typer.Exit(node("video", context.args))


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the bag, the pictures and the logs.")] = Path("demo_output"),
    seconds: Annotated[float, typer.Option(min=2, help="How long to watch.")] = 20.0,
    people: Annotated[int, typer.Option(min=1, max=50, help="People in the scene.")] = 3,
) -> None:
    """Watch recorded people, lifted and over time: a live table, a bag and pictures."""
    from diffupose_ros.demo.run import run_demo

    raise typer.Exit(run_demo(output, seconds, people))
