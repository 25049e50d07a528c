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

"""The command that finds out what a 2D detector's scores mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from diffupose_ros.cli.app import app, fail

if TYPE_CHECKING:
    from diffupose_ros.profiles import Profile


@app.command()
def calibrate_detector(
    inputs: Annotated[
        list[Path], typer.Argument(help="Recordings with truth (.npz), or bags with Skeleton2DArray and CameraInfo.")
    ],
    out: Annotated[Path, typer.Option(help="Profile to write (.json); give it to the lift node's detector_profile.")],
    name: Annotated[str, typer.Option(help="Of the detector.")],
    ignore_truth: Annotated[bool, typer.Option("--ignore-truth", help="Fit recordings as if they had none.")] = False,
    rectified: Annotated[bool, typer.Option("--rectified", help="Bags' skeletons are of the rectified image.")] = False,
    weights: Annotated[str, typer.Option(help="Of the lifter, where there is no truth.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Fit a detector's profile: how far its joints are off, by their scores.

    From recordings with 3D truth; or without, from ordinary footage of people who move about for some minutes, by what
    a lifted body that moves smoothly cannot explain.
    """
    from diffupose_ros.data.recordings import load_recording
    from diffupose_ros.evaluation.detector_profiles import fit_with_truth, fit_without_truth, footage_of
    from diffupose_ros.offline.footage import read_footage

    try:
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(f"{out}: there is no folder {out.absolute().parent} to write to")
        recordings = [path for path in inputs if path.suffix == ".npz"]
        bags = [path for path in inputs if path.suffix != ".npz"]
        if recordings and bags and not ignore_truth:
            raise ValueError("recordings with truth and bags without together: fit them apart, or with --ignore-truth")
        footage = [part for path in recordings for part in footage_of(load_recording(path))]
        footage += [part for path in bags for part in read_footage(path, rectified)]
        if bags or ignore_truth:
            from diffupose_ros.lifting import Lifter

            profile = fit_without_truth(name, footage, Lifter.load(weights, device))
        else:
            profile = fit_with_truth(name, footage)
        profile.save(out)
        _show(profile)
    except (OSError, ValueError) as error:
        fail(error)


def _show(profile: "Profile") -> None:
    table = Table("score", "deviation, of the apparent size")
    for score, deviation in zip(profile.scores, profile.deviations, strict=True):
        table.add_row(f"{score:.3f}", f"{deviation:.3f}")
    console = Console()
    console.print(table)
    console.print(profile.source)
