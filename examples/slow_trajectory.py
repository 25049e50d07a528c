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

"""Slow a joint_trajectory_controller down by planner_node's speed_scale. Silence of that stops it."""

import time

from control_msgs.msg import SpeedScalingFactor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Float32

from diffupose_ros.nodes.common.main import run

SILENCE = 0.25  # s, after which the last speed_scale holds no more: it comes twenty times a second
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # the controller takes no other


class SlowTrajectory(Node):
    """Tells the controller each new factor; it keeps to the last that it was told."""

    def __init__(self) -> None:
        super().__init__("slow_trajectory")
        self._scale, self._received, self._told = 0.0, 0.0, -1.0
        self._output = self.create_publisher(SpeedScalingFactor, "speed_scaling_input", LATCHED)
        self.create_subscription(Float32, "speed_scale", self._receive, 1)
        self.create_timer(SILENCE / 5, self._tell)

    def _receive(self, message: Float32) -> None:
        self._scale, self._received = message.data, time.monotonic()
        self._tell()

    def _tell(self) -> None:
        allowed = round(self._scale, 2) if time.monotonic() - self._received < SILENCE else 0.0
        if allowed != self._told:  # the controller logs each
            self._output.publish(SpeedScalingFactor(factor=allowed))
            self._told = allowed


raise SystemExit(run(SlowTrajectory))
