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

"""``diffupose lift BAG_IN BAG_OUT`` from bag to bag, in messages and people a second."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rclpy.time import Time
from rich.console import Console
from std_msgs.msg import Header

from diffupose_ros.bags import BagRecorder
from diffupose_ros.benchmark.section import Cell, GiveUp, Options, Section
from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.benchmark.timing import percentiles
from diffupose_ros.lifting import Interrupted, Lifter
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message
from diffupose_ros.offline.lift_bag import lift_bag
from diffupose_ros.offline.messages import record
from diffupose_ros.offline.settings import Settings

PEOPLE = (1, 4)
MESSAGES = 120
LEAST, MOST = 3, 100
_SECOND = 1_000_000_000


def write_bag(path: Path, people: int, messages: int) -> None:
    """Write a bag of people seen at 30 Hz."""
    ids = [f"person_{i}" for i in range(people)]
    with BagRecorder(path) as bag:
        for number in range(messages):
            received = _SECOND + number * _SECOND // 30
            header = Header(stamp=Time(nanoseconds=received).to_msg(), frame_id="camera")
            pixels, scores, camera = seen(people, number)
            record(bag, "/camera_info", camera_to_info(camera, header), received)
            message = skeletons_2d_message(header, camera, ids, LAYOUT, pixels, scores, DETECTOR)
            record(bag, "/skeletons_2d", message, received)


@contextmanager
def _prepare(options: Options) -> Iterator[Sequence[Cell]]:
    with tempfile.TemporaryDirectory(prefix="diffupose_benchmark_") as folder:
        lifter = Lifter.load(options.weights, options.device)
        yield [_cell(Path(folder), people, lifter, options.seconds) for people in PEOPLE]


def _cell(folder: Path, people: int, lifter: Lifter, seconds: float) -> Cell:
    def measure(interrupted: GiveUp) -> dict[str, float]:
        source, console = folder / f"{people}", Console(quiet=True)
        if not source.exists():
            write_bag(source, people, MESSAGES)
        taken: list[float] = []
        for number in range(-1, MOST):  # the first does not count
            if interrupted():
                raise Interrupted
            if number >= LEAST and sum(taken) > seconds:
                break
            report = lift_bag(source, folder / f"{people}_{number}", lifter, Settings(), console)
            if number >= 0:
                taken.append(report.seconds)
        found = percentiles([t / report.messages for t in taken], "message_")
        per_message = found["message_p50_ms"] / 1000
        people_rate = report.people / report.messages / per_message
        return {"rounds": len(taken), **found, "messages_per_second": 1 / per_message, "people_per_second": people_rate}

    return Cell({"people": people}, measure)


OFFLINE = Section("offline", "from bag to bag", _prepare, {"messages": MESSAGES}, ("weights", "seconds"))
