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

"""``diffupose demo``: start the nodes, watch them, stop them, show what came of it.

The user's ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE hold, as for every node. Two demos at once need
two domains.
"""

import json
import math
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from diffupose_ros.demo.display import Figures, table
from diffupose_ros.demo.monitor import Monitor
from diffupose_ros.demo.pace import Pace, kept_up
from diffupose_ros.demo.pictures import animation, contact_sheet
from diffupose_ros.demo.processes import DemoError, NodeProcess
from diffupose_ros.demo.recording import read_recording
from diffupose_ros.files import make_folder

START_PATIENCE = 60.0  # s until the first result
WARM_UP = 1.0  # s from the first result, in which the first of a kind make those after them ready
TRIAL = 2.0  # s in which it is seen whether it keeps up
INTERRUPTED, TERMINATED = 130, 143


def run_demo(output: Path, seconds: float = 20, people: int = 3, layout: str = "coco17", rate: float = 30.0) -> int:
    """Run replay_node, lift_node and people_node, watch them for a time, and write bag, pictures and figures.

    Where the nodes do not keep up, the people come more slowly.

    Args:
        output: folder for ``bag/``, ``contact_sheet.png``, ``demo.gif``, ``statistics.json`` and the logs.
        seconds: how long to measure and record.
        people: in the scene.
        layout: joint order of the simulated 2D detector.
        rate: 2D messages per second, at most.

    Returns:
        The exit code: 0, 1 where something failed (said on stderr), 130 after Ctrl-C.
    """
    console = Console()
    try:
        make_folder(output)
        with _terminable():
            run = {"seconds": seconds, "people": people, "layout": layout}
            pace = Pace(float(rate), float(rate))
            while (figures := _watch(output, run, pace, console)) is None:
                pace = pace.slower()
                console.print(pace.remark())
            _write_figures(output / "statistics.json", figures, run | asdict(pace))
            _draw(output, console)
    except KeyboardInterrupt:
        console.print("interrupted; the nodes have been stopped")
        return INTERRUPTED
    except (DemoError, OSError, ValueError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(error)}", highlight=False, soft_wrap=True)
        return 1
    console.print(table(figures, f"{people} people, {layout}, {seconds:g} s", pace))
    console.print(_files(output))
    return 0


def _watch(output: Path, run: dict[str, Any], pace: Pace, console: Console) -> Figures | None:
    """Return the figures; None where the nodes do not keep up and the people may come more slowly."""
    with ExitStack() as stack:
        context = Context()
        rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
        stack.callback(rclpy.try_shutdown, context=context)
        monitor = Monitor(context, output / "bag")
        stack.callback(monitor.close)
        nodes = stack.enter_context(_nodes(output, run, pace))
        with console.status("starting the nodes"):
            _wait_for_results(monitor, nodes)
            _refuse_company(monitor)
            if not pace.slowest and not _keeps_up(monitor, nodes):
                return None
        figures = monitor.watch(run["seconds"], console, pace)
    for node, results in zip(nodes, (figures.lifting.results, figures.over_time.results), strict=False):
        if not results:
            raise DemoError(f"no result in {run['seconds']:g} s; the log of {node.name}:\n{node.tail()}")
    return figures


@contextmanager
def _nodes(output: Path, run: dict[str, Any], pace: Pace) -> Iterator[list[NodeProcess]]:
    """Run the lift node, the people node and the replay node for the length of a with block; they must end well."""
    scene = {"people": run["people"], "layout": run["layout"], "rate": pace.rate}
    with (
        NodeProcess("lift_node", output / "lift_node.log", {}) as lift,
        # In the camera's frame, the default, as the camera stands still; replay_node's tf says where the floor is.
        NodeProcess("people_node", output / "people_node.log", {"floor_frame": "map"}) as people,
        NodeProcess("replay_node", output / "replay_node.log", scene) as replay,
    ):
        nodes = [lift, people, replay]
        yield nodes
        for node in nodes:
            node.check()
        codes = {node: node.stop() for node in reversed(nodes)}
    for node, code in codes.items():
        if code:
            raise DemoError(f"{node.name} ended with exit code {code}, expected 0; its log:\n{node.tail()}")


def _wait_for_results(monitor: Monitor, nodes: list[NodeProcess]) -> None:
    """Return a moment after the first people over time, and so the first 3D skeletons, have come."""
    end = time.monotonic() + START_PATIENCE
    ready = math.inf
    while time.monotonic() < ready:
        monitor.spin_once()
        for node in nodes:
            node.check()
        if monitor.received["people"] and ready == math.inf:
            ready = time.monotonic() + WARM_UP
        if ready == math.inf and time.monotonic() > end:
            counts = ", ".join(f"{topic} {n}" for topic, n in sorted(monitor.received.items())) or "none"
            logs = "\n".join(node.tail() for node in nodes)
            raise DemoError(
                f"no people within {START_PATIENCE:.0f} s. Messages received: {counts}. "
                f"The nodes say: {monitor.health or 'nothing'}. Logs:\n{logs}"
            )


def _keeps_up(monitor: Monitor, nodes: list[NodeProcess]) -> bool:
    """Return whether both nodes answer (nearly) everything for a while."""
    before, end = monitor.received.copy(), time.monotonic() + TRIAL
    while time.monotonic() < end:
        monitor.spin_once()
        for node in nodes:
            node.check()
    return kept_up(before, monitor.received)


def _refuse_company(monitor: Monitor) -> None:
    """Raise DemoError if other nodes publish on our topics: the figures would mean nothing."""
    for topic in ("skeletons_2d", "skeletons_3d", "people"):
        if monitor.node.count_publishers(topic) > 1:
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise DemoError(f"somebody else publishes {topic} in ROS domain {domain}: set another ROS_DOMAIN_ID")


def _draw(output: Path, console: Console) -> None:
    recording = read_recording(output / "bag")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        for name, draw in (("contact_sheet.png", contact_sheet), ("demo.gif", animation)):
            task = progress.add_task(f"drawing {name}", total=None)
            draw(
                recording,
                output / name,
                progress=lambda done, total, task=task: progress.update(task, completed=done, total=total),
            )


def _write_figures(path: Path, figures: Figures, run: dict[str, Any]) -> None:
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }
    path.write_text(json.dumps({"run": run, "figures": _known(asdict(figures)), "machine": machine}, indent=2) + "\n")


def _known(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures with null for what is not known: JSON has no NaN."""
    return {
        name: _known(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and math.isnan(value)
        else value
        for name, value in figures.items()
    }


def _files(output: Path) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, meaning in (
        ("contact_sheet.png", "four moments"),
        ("demo.gif", "what was seen, in real time"),
        ("bag", "all topics, MCAP: ros2 bag play"),
        ("statistics.json", "the figures"),
        ("lift_node.log", "and those of the other nodes"),
    ):
        grid.add_row(str((output / name).resolve()), f"[dim]{meaning}[/]")
    return grid


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the process as an exception, so that the nodes are stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _escaped(error: Exception) -> str:
    return str(error).replace("[", r"\[")
