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

"""Commands without topics: on videos and on bags. `lift` also runs the lift node, as it takes a node's arguments."""

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer
from typer.core import TyperCommand

from diffupose_ros.cli.app import app, fail
from diffupose_ros.defaults import HYPOTHESES, Engine
from diffupose_ros.detection.names import DETECTORS, FINDERS
from diffupose_ros.start import node
from diffupose_ros.threads import chosen

INTERRUPTED = 130
NODE = "diffupose_ros.node"  # key of context.meta
BAD_INPUT = (OSError, ValueError, ImportError, RuntimeError)


DetectorName = Enum("DetectorName", {name: name for name in DETECTORS}, type=str)
FinderName = Enum("FinderName", {name: name for name in FINDERS}, type=str)
EngineName = Enum("EngineName", {name: name for name in get_args(Engine)}, type=str)


class StorageName(str, Enum):
    """Formats of bags."""

    mcap = "mcap"
    sqlite3 = "sqlite3"


class NodeOrBags(TyperCommand):
    """A command that leaves all its arguments to a ROS 2 node where there are none, or --ros-args is among them."""

    def parse_args(self, context: typer.Context, args: list[str]) -> list[str]:
        """Parse the arguments, or put them aside in ``context.args``."""
        if args and "--ros-args" not in args:
            return super().parse_args(context, args)
        for_node = list(args)
        super().parse_args(context, [])
        context.args, context.meta[NODE] = for_node, True
        return for_node


Weights = Annotated[str, typer.Option(help="Of the lifter: shipped name, or path of .safetensors, .pt, .pth or .onnx.")]
Device = Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")]
EngineOption = Annotated[
    EngineName,
    typer.Option(help="Of the lifter: torch, onnx (no PyTorch), or auto, torch where it is installed."),
]
Hypotheses = Annotated[int, typer.Option(min=1, max=200, help="Poses sampled for each person.")]
Steps = Annotated[int | None, typer.Option(min=1, max=100, help="DDIM steps [default: as suit the model].")]


@app.command(cls=NodeOrBags)
def lift(
    context: typer.Context,
    bag_in: Annotated[
        Path | None, typer.Argument(help="Bag with Skeleton2DArray and CameraInfo: MCAP or sqlite3.")
    ] = None,
    bag_out: Annotated[Path | None, typer.Argument(help="Bag to make, with skeletons_3d.")] = None,
    weights: Weights = "default",
    hypotheses: Hypotheses = HYPOTHESES,
    steps: Steps = None,
    device: Device = "auto",
    threads: Annotated[
        int, typer.Option(min=0, max=256, help="On a CPU; 0: OMP_NUM_THREADS, else one a core, at most 4.")
    ] = 0,
    engine: EngineOption = EngineName.auto,
    detector_profile: Annotated[
        str, typer.Option(help="What scores mean whose message does not say what made them: shipped name, or .json.")
    ] = "generic",
    storage: Annotated[StorageName, typer.Option(help="Format of BAG_OUT.")] = StorageName.mcap,
    with_hypotheses: Annotated[bool, typer.Option("--with-hypotheses", help="Record the sampled poses too.")] = False,
    rectified: Annotated[bool, typer.Option("--rectified", help="Skeletons are of the rectified image.")] = False,
) -> None:
    """Lift a bag of 2D skeletons, every message, as fast as the machine can; or run the lift node.

    The node runs where no bags are given; it takes what a ROS 2 node takes:
    diffupose lift --ros-args -p NAME:=VALUE -r FROM:=TO ...
    """
    if NODE in context.meta:
        raise typer.Exit(node("lift", context.args))
    if bag_in is None or bag_out is None:
        raise typer.BadParameter("expected BAG_IN and BAG_OUT, or --ros-args for the lift node")
    from rich.console import Console

    from diffupose_ros.lifting import Interrupted, Lifter
    from diffupose_ros.offline.lift_bag import lift_bag
    from diffupose_ros.offline.settings import Settings

    console = Console()
    try:
        report = lift_bag(
            bag_in,
            bag_out,
            Lifter.load(weights, device, engine=engine.value, steps=steps, threads=chosen(threads)),
            Settings(hypotheses, steps, detector_profile=detector_profile),
            console,
            storage.value,
            with_hypotheses,
            rectified,
        )
    except Interrupted:
        typer.echo(f"interrupted: {bag_out} was not written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BAD_INPUT as error:
        fail(error)
    for kind, count in report.problems.items():
        typer.echo(f"{kind}: {count}", err=True)
    rate = report.messages / report.seconds
    typer.echo(f"{bag_out}: {report.people} poses in {report.messages} messages, {rate:.0f} messages/s")


@app.command()
def run(
    video: Annotated[Path, typer.Argument(help="A video file, a photograph, or a directory of photographs.")],
    detector: Annotated[DetectorName, typer.Option(help="Finds the 2D skeletons; auto: hrnet if w32 is here.")] = (
        DetectorName.auto
    ),
    weights: Annotated[str, typer.Option(help="Of the detector: name or path; none: its usual ones.")] = "",
    finder: Annotated[FinderName, typer.Option(help="Finds people; whole_image: one who fills it.")] = FinderName.auto,
    calibration: Annotated[Path | None, typer.Option(help="Of the camera: YAML of ROS, OpenCV, Kalibr.")] = None,
    hfov: Annotated[
        float | None, typer.Option(min=5, max=170, help="Horizontal field of view in degrees, where not calibrated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for what comes of it; none: VIDEO_3d.")] = None,
    hypotheses: Hypotheses = HYPOTHESES,
    steps: Steps = None,
    lifter: Weights = "default",
    device: Device = "auto",
    engine: EngineOption = EngineName.auto,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Images per second, of a directory.")] = 10.0,
) -> None:
    """Find the people in a video and lift them to 3D: an overlay video, a bag and figures."""
    from rich.console import Console

    from diffupose_ros.lifting import Lifter
    from diffupose_ros.offline.cameras import Cameras
    from diffupose_ros.offline.run import run_video
    from diffupose_ros.offline.settings import Settings
    from diffupose_ros.offline.video import Video

    say = partial(typer.echo, err=True)
    folder = out or Path(f"{video.absolute().stem}_3d")
    console = Console()
    try:
        frames = Video(video, rate, say)
        cameras = Cameras(frames, calibration, hfov, say)
        from diffupose_ros.detection.pipeline import load_pipeline

        with console.status("loading the models"):
            pipeline = load_pipeline(detector.value, weights, device, finder.value)
            model = Lifter.load(lifter, device, engine=engine.value, steps=steps)
        report = run_video(frames, cameras, pipeline, model, folder, Settings(hypotheses, steps), console)
    except BAD_INPUT as error:
        fail(error)
    for kind, count in report.problems.items():
        typer.echo(f"{kind}: {count}", err=True)
    if report.overlay_problem:
        say(report.overlay_problem)
    typer.echo(
        f"{folder}: {report.people} people, {report.poses} poses in {report.frames} frames, "
        f"{report.frames_per_second.get('all', 0):.1f} frames/s"
    )
    if report.interrupted:
        typer.echo("interrupted: that is as far as it got", err=True)
        raise typer.Exit(INTERRUPTED)
