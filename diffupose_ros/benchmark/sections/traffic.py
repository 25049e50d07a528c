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

"""A detector and a planner in one: publishes people at a rate, and notes when what became of them comes back."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from diffupose_ros.benchmark.section import BenchmarkError, GiveUp
from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.benchmark.timing import percentiles
from diffupose_ros.lifting import Interrupted
from diffupose_ros.msg import Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message, stamp_ns

_FRAMES = 60  # different messages, published in turn
_CAMERA_PERIOD = 0.5  # s between two CameraInfo
_DRAIN = 0.5  # s to wait for the last answers
_OUTPUT = QoSProfile(depth=50)


@dataclass
class Watched:
    """What came in a time.

    Attributes:
        sent: messages published.
        ages: seconds from stamp to arrival of each result.
        spans: the same, but from the arrival of the result before where that was after the stamp.
        samples: (seconds since the start, what ``watch`` was to sample) once a second.
        diagnostics: values of the node's, once a second.
    """

    sent: int = 0
    ages: list[float] = field(default_factory=list)
    spans: list[float] = field(default_factory=list)
    samples: list[tuple[float, float]] = field(default_factory=list)
    diagnostics: list[dict[str, str]] = field(default_factory=list)

    def ages_ms(self) -> dict[str, float]:
        """Return percentiles and the longest."""
        return percentiles(self.ages) | {"max_ms": 1000 * max(self.ages)}

    def value(self, name: str) -> float:
        """Return the median of a number of the node's diagnostics.

        Raises:
            BenchmarkError: it is not among them.
        """
        found = [float(values[name]) for values in self.diagnostics if name in values]
        if not found:
            told = self.diagnostics[-1] if self.diagnostics else "none"
            raise BenchmarkError(f"the lift node's diagnostics have no number {name!r}: they are {told}")
        return float(np.median(found))

    def count(self, event: str) -> int:
        """Return how often something has happened since the node's start; what never did is not in its diagnostics."""
        return max((int(values.get(event, 0)) for values in self.diagnostics), default=0)


class Traffic:
    """The node.

    Args:
        context: a running rclpy context.
        people: in each message.
    """

    def __init__(self, context: Context, people: int) -> None:
        self.node = Node("benchmark", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._skeletons = self.node.create_publisher(Skeleton2DArray, "skeletons_2d", qos_profile_sensor_data)
        self._info = self.node.create_publisher(CameraInfo, "camera_info", QoSProfile(depth=1))
        self.node.create_subscription(Skeleton3DArray, "skeletons_3d", self._receive, _OUTPUT, raw=True)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._receive_diagnostics, _OUTPUT)
        ids = [f"person_{i}" for i in range(people)]
        views = [seen(people, frame) for frame in range(_FRAMES)]
        self._messages = [skeletons_2d_message(Header(), c, ids, LAYOUT, xy, s, DETECTOR) for xy, s, c in views]
        self._camera = camera_to_info(views[0][2], Header())
        self._watched, self._next_camera = Watched(), 0.0
        self._since, self._arrived = 0, 0  # ns

    def watch(
        self,
        rate: float,
        seconds: float,
        interrupted: GiveUp,
        check: Callable[[], None],
        sample: Callable[[], float | None] = lambda: None,
        until: Callable[[Watched], bool] = lambda _: False,
    ) -> Watched:
        """Publish for a time, and return what came; results of earlier messages are left out.

        Args:
            rate: messages a second.
            seconds: how long.
            interrupted: asked whether to give up.
            check: called once a second; raises where it makes no sense to go on.
            sample: called once a second; what it returns is kept.
            until: asked after each event whether that is enough.

        Raises:
            Interrupted: ``interrupted`` said yes.
        """
        watched = self._watched = Watched()
        self._since = self._now()
        begin = due = checked = time.monotonic()
        while (now := time.monotonic()) < begin + seconds + _DRAIN and not until(watched):
            if interrupted():
                raise Interrupted
            if now >= checked:
                checked += 1
                check()
                if (value := sample()) is not None:
                    watched.samples.append((now - begin, value))
            if now >= due and now < begin + seconds:
                self._publish(watched, now)
                due = max(due + 1 / rate, now)
            self._executor.spin_once(timeout_sec=min(0.1, max(0.0, due - time.monotonic())))
        return watched

    def alone(self) -> bool:
        """Whether nobody else publishes on our topics: figures would mean nothing."""
        return all(self.node.count_publishers(topic) < 2 for topic in ("skeletons_2d", "skeletons_3d"))

    def close(self) -> None:
        """Leave ROS."""
        self._executor.shutdown()
        self.node.destroy_node()

    def _publish(self, watched: Watched, now: float) -> None:
        header = Header(stamp=self.node.get_clock().now().to_msg(), frame_id="camera")
        if now >= self._next_camera:
            self._next_camera = now + _CAMERA_PERIOD
            self._camera.header = header
            self._info.publish(self._camera)
        message = self._message(watched.sent)
        message.header = Header(stamp=self.node.get_clock().now().to_msg(), frame_id="camera")
        self._skeletons.publish(message)
        watched.sent += 1

    def _message(self, number: int) -> Skeleton2DArray:
        """Return the message to publish, the header aside."""
        return self._messages[number % len(self._messages)]

    def _receive(self, data: bytes) -> None:
        now = self._now()
        stamp = stamp_ns(deserialize_message(data, Skeleton3DArray).header)
        if stamp >= self._since:
            self._watched.ages.append((now - stamp) / 1e9)
            self._watched.spans.append((now - max(stamp, self._arrived)) / 1e9)
        self._arrived = now

    def _receive_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith("lift_node"):
                self._watched.diagnostics.append({pair.key: pair.value for pair in status.values})

    def _now(self) -> int:
        return int(self.node.get_clock().now().nanoseconds)


@contextmanager
def traffic(people: int) -> Iterator[Traffic]:
    """Yield the node, in a context of its own.

    Raises:
        BenchmarkError: others are talking on our topics.
    """
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Traffic(context, people)
        try:
            yield node
        finally:
            node.close()
    finally:
        rclpy.try_shutdown(context=context)


def refuse_company(node: Traffic) -> None:
    """Raise BenchmarkError where others publish what we do."""
    if not node.alone():
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise BenchmarkError(f"somebody else publishes skeletons in ROS domain {domain}: set another ROS_DOMAIN_ID")
