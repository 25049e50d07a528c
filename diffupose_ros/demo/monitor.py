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

"""A subscriber as a planner would be, that measures and records what it gets."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rich.console import Console
from rich.live import Live
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from diffupose_ros.bags import BagRecorder
from diffupose_ros.demo.arrays import estimates, people
from diffupose_ros.demo.display import Figures, line, table
from diffupose_ros.demo.over_time import Comparison
from diffupose_ros.demo.pace import Pace
from diffupose_ros.demo.statistics import Statistics
from diffupose_ros.msg import Hypotheses3DArray, People, Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.common.conversions import stamp_ns

DEPTH = 50
SENSOR = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
TOPICS = {
    "skeletons_2d": (Skeleton2DArray, SENSOR),
    "camera_info": (CameraInfo, SENSOR),
    "ground_truth": (Skeleton3DArray, SENSOR),
    "skeletons_3d": (Skeleton3DArray, QoSProfile(depth=DEPTH)),
    "hypotheses": (Hypotheses3DArray, QoSProfile(depth=DEPTH)),
    "markers": (MarkerArray, QoSProfile(depth=DEPTH)),
    "people": (People, QoSProfile(depth=DEPTH)),
    "people_predicted": (People, QoSProfile(depth=DEPTH)),
    "people_markers": (MarkerArray, QoSProfile(depth=DEPTH)),
    "/diagnostics": (DiagnosticArray, QoSProfile(depth=DEPTH)),
}
REFRESH = 0.25  # s between two updates of the live table
LINE_PERIOD = 5.0  # s between two lines where there is no terminal
DRAIN = 0.5  # s to wait for the last answers


class Monitor:
    """Subscribes to all topics of the demo; measures and records from ``watch`` on.

    Args:
        context: a running rclpy context.
        bag: folder of the bag to write.

    Attributes:
        received: messages per topic since the start.
        health: what the last diagnostics of each node say, by its name.
    """

    def __init__(self, context: Context, bag: Path) -> None:
        self.received: Counter[str] = Counter()
        self.health: dict[str, str] = {}
        self.statistics = Statistics()
        self.comparison = Comparison()
        self._recorder = BagRecorder(bag)
        self._window: tuple[int, int] | None = None  # stamps that count, ns
        self.node = Node("demo_monitor", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        for topic, (kind, qos) in TOPICS.items():
            self.node.create_subscription(kind, topic, self._receiver(topic, kind), qos, raw=True)

    def spin_once(self, timeout: float = 0.1) -> None:
        """Handle one message, or wait for one."""
        self._executor.spin_once(timeout_sec=timeout)

    def watch(self, seconds: float, console: Console, pace: Pace) -> Figures:
        """Measure and record for a time, and show the figures meanwhile."""
        table(self._summary(), "", pace)  # the first takes longest
        start = time.monotonic()
        now = self._now()
        self._window = now, now + int(seconds * 1e9)
        shown = start
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while (elapsed := time.monotonic() - start) < seconds + DRAIN:
                self.spin_once(0.05)
                if time.monotonic() - shown < (REFRESH if console.is_terminal else LINE_PERIOD):
                    continue
                shown = time.monotonic()
                if console.is_terminal:
                    title = f"{min(elapsed, seconds):.0f} of {seconds:.0f} s"
                    live.update(table(self._summary(), title, pace, self.health), refresh=True)
                else:
                    console.print(line(self._summary(), elapsed), soft_wrap=True)
        return self._summary()

    def close(self) -> None:
        """Close the bag and leave ROS; harmless when done before."""
        self._recorder.close()
        self._executor.shutdown()
        self.node.destroy_node()

    def _summary(self) -> Figures:
        return Figures(self.statistics.summary(self._now()), self.comparison.summary())

    def _now(self) -> int:
        return int(self.node.get_clock().now().nanoseconds)

    def _receiver(self, topic: str, kind: Any) -> Any:
        name = self.node.resolve_topic_name(topic)
        type_name = f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"
        self._recorder.declare(name, type_name)

        def receive(data: bytes) -> None:
            now = self._now()
            self.received[topic] += 1
            if self._window is not None:
                self._recorder.write(name, type_name, bytes(data), now)
            if topic == "/diagnostics":
                self._take_diagnostics(deserialize_message(data, kind))
            elif topic in ("skeletons_2d", "ground_truth", "skeletons_3d", "people"):
                self._measure(topic, deserialize_message(data, kind), now)

        return receive

    def _measure(self, topic: str, message: Any, now: int) -> None:
        stamp = stamp_ns(message.header)
        if self._window is None or not self._window[0] <= stamp <= self._window[1]:
            return
        if topic == "skeletons_2d":
            self.statistics.add_input(stamp, now)
        elif topic == "skeletons_3d":
            single = estimates(message)
            self.statistics.add_result(stamp, now, single)
            self.comparison.add_single(stamp, single)
        elif topic == "people":
            self.comparison.add_people(stamp, now, people(message))
        else:
            truth = {name: e.mean for name, e in estimates(message).items()}
            self.statistics.add_truth(stamp, truth)
            self.comparison.add_truth(stamp, truth)

    def _take_diagnostics(self, message: Any) -> None:
        for status in message.status:
            name = status.name.rpartition("/")[2]
            self.health[name] = status.message
            values = {value.key: value.value for value in status.values}
            if self._window is not None and name == "people_node" and "update p50 ms" in values:
                self.comparison.add_update(float(values["update p50 ms"]))
