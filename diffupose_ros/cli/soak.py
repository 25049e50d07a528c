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

"""The command that lets the nodes run for long."""

import json
from pathlib import Path
from typing import Annotated

import typer

from diffupose_ros.cli.app import app, fail


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=0.01, help="How long.")] = 60.0,
    output: Annotated[Path, typer.Option(help="JSON file of the result.")] = Path("soak.json"),
    device: Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")] = "auto",
    weights: Annotated[str, typer.Option(help="Of the lifter: shipped name, or path.")] = "default",
) -> None:
    """Let people come and go before the lift, people and planner nodes, and look whether their memory grows.

    Ctrl-C ends it early, with what there is.
    """
    from diffupose_ros.benchmark.section import BenchmarkError
    from diffupose_ros.benchmark.soak import soak as run
    from diffupose_ros.files import write_text
    from diffupose_ros.lifting import Interrupted
    from diffupose_ros.lifting.weights import weights_path
    from diffupose_ros.offline.interrupt import interruptible

    try:
        weights_path(weights)  # raises; the node would wait for better ones
        with interruptible() as interrupted:
            found = run(minutes, device, weights, interrupted)
        write_text(json.dumps(found) + "\n", output)
    except Interrupted:
        raise typer.Exit(130) from None
    except (BenchmarkError, OSError, ValueError) as error:
        fail(error)
    for name, memory in found["processes"].items():
        typer.echo(f"{name}: {memory['first_mb']} to {memory['last_mb']} MB, {memory['mb_per_hour']:+} MB/h")
    typer.echo(f"wrote {output}")
