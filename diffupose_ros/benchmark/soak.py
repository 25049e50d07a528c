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

"""An hour, or more, of people who come and go: does the nodes' memory stay what it is?

All people come with ids never used before; everything that the lift node, the people node and the planner node publish
is subscribed to.
"""

import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import torch
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions
from visualization_msgs.msg import MarkerArray

from diffupose_ros.benchmark.machine import describe, resident_memory
from diffupose_ros.benchmark.section import BenchmarkError, GiveUp
from diffupose_ros.benchmark.sections.traffic import Traffic, refuse_company
from diffupose_ros.demo.processes import DemoError, NodeProcess
from diffupose_ros.lifting import Interrupted
from diffupose_ros.msg import Hypotheses3DArray, People, Skeleton2D, Skeleton2DArray

PEOPLE, RATE = 5, 15.0
EVERY = 10.0
"""s between two looks at the memory."""
_NODES = ("lift_node", "people_node", "planner_node")
_OUTPUTS = {
    "hypotheses": Hypotheses3DArray, "markers": MarkerArray, "people": People, "people_predicted": People,
    "people_markers": MarkerArray,
}  # fmt: skip
_STAY, _AWAY = (3.0, 20.0), (1.0, 8.0)  # s, from and to
_WARM_UP = 300.0  # s that do not count, or a half where the whole is shorter than twice that
_PATIENCE = 60.0  # s until the first result


class Crowd(Traffic):
    """Traffic of up to ``PEOPLE``, who stay for seconds and come back as somebody else.

    Attributes:
        visits: how many people have come.
        received: messages of people over time.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, PEOPLE)
        self.visits = self.received = self._published = 0
        self._random = random.Random(0)
        self._names = [""] * PEOPLE  # "": not there
        self._until = [0.0] * PEOPLE  # message at which that changes
        for topic, kind in _OUTPUTS.items():
            self.node.create_subscription(kind, topic, self._counter(topic), 5, raw=True)

    def _counter(self, topic: str) -> Callable[[bytes], None]:
        def count(_: bytes) -> None:
            self.received += topic == "people"

        return count

    def _message(self, number: int) -> Skeleton2DArray:
        whole = super()._message(number)
        self._published += 1
        for place in range(PEOPLE):
            if self._published >= self._until[place]:
                self._change(place)
        people = [
            Skeleton2D(id=name, layout=person.layout, keypoints=person.keypoints)
            for name, person in zip(self._names, whole.skeletons, strict=True)
            if name
        ]
        return Skeleton2DArray(
            image_width=whole.image_width, image_height=whole.image_height, skeletons=people, detector=whole.detector
        )

    def _change(self, place: int) -> None:
        comes = not self._names[place]
        self.visits += comes
        self._names[place] = f"person_{self.visits}" if comes else ""
        self._until[place] = self._published + RATE * self._random.uniform(*(_STAY if comes else _AWAY))


def soak(minutes: float, device: str, weights: str, interrupted: GiveUp) -> dict[str, Any]:
    """Return what was measured: each process' resident memory over time in MB, and its slope in MB an hour.

    An interruption ends it early, with what there is.

    Args:
        minutes: how long.
        device: of the lift node.
        weights: of the lift node.
        interrupted: asked whether to stop.

    Raises:
        BenchmarkError: a node ended, or nothing came.
    """
    parameters: dict[str, object] = {"weights": weights, "device": device}
    with tempfile.TemporaryDirectory(prefix="diffupose_soak_") as folder, _crowd() as crowd, ExitStack() as stack:
        nodes = {}
        for name in _NODES:
            node = NodeProcess(name, Path(folder) / f"{name}.log", parameters if name == "lift_node" else {})
            nodes[name] = stack.enter_context(node)
        return _measured(60 * minutes, crowd, nodes, interrupted)


def _measured(seconds: float, crowd: Crowd, nodes: Mapping[str, NodeProcess], interrupted: GiveUp) -> dict[str, Any]:
    processes = {name: node.pid for name, node in nodes.items()} | {"publisher": os.getpid()}
    samples: list[dict[str, float]] = []

    def check() -> None:
        for node in nodes.values():
            node.check()

    try:
        first = crowd.watch(RATE, _PATIENCE, interrupted, check, until=lambda _: crowd.received > 0)
        if not crowd.received:
            log = nodes["lift_node"].tail()
            raise BenchmarkError(f"no people within {_PATIENCE:.0f} s; the lift node's log:\n{log}")
        refuse_company(crowd)
        sent, elapsed = first.sent, 0.0
        while elapsed < seconds:
            span = min(EVERY, seconds - elapsed)
            sent += crowd.watch(RATE, span, interrupted, check).sent
            elapsed += span
            samples.append({name: resident_memory(pid) or 0.0 for name, pid in processes.items()})
    except DemoError as error:
        raise BenchmarkError(str(error)) from None
    except Interrupted:
        if len(samples) < 2:
            raise
    return {
        "machine": describe(torch.device("cpu")),
        "minutes": round(len(samples) * EVERY / 60, 2),
        "rate": RATE,
        "sent": sent,
        "people_messages": crowd.received,
        "visits": crowd.visits,
        "processes": {name: memory_over_time([sample[name] for sample in samples]) for name in processes},
    }


def memory_over_time(samples: list[float]) -> dict[str, Any]:
    """Return the figures of one process.

    Args:
        samples: of its resident memory in MB, ``EVERY`` seconds.

    Returns:
        After the warm-up: ``first_mb`` and ``last_mb``, means of the first and the last tenth, and
        ``mb_per_hour``, fitted; and all ``samples_mb``.
    """
    warm = min(round(_WARM_UP / EVERY), len(samples) // 2)
    counted = np.array(samples[warm:])
    tenth = max(len(counted) // 10, 1)
    hours = EVERY * np.arange(len(counted)) / 3600
    slope = float(np.polyfit(hours, counted, 1)[0]) if len(counted) > 1 else 0.0
    return {
        "first_mb": round(float(counted[:tenth].mean()), 1),
        "last_mb": round(float(counted[-tenth:].mean()), 1),
        "mb_per_hour": round(slope, 2),
        "samples_mb": [round(sample, 1) for sample in samples],
    }


@contextmanager
def _crowd() -> Iterator[Crowd]:
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        crowd = Crowd(context)
        try:
            yield crowd
        finally:
            crowd.close()
    finally:
        rclpy.try_shutdown(context=context)
