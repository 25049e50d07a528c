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

"""Slow a mobile robot down by planner_node's speed_scale: cmd_vel_in becomes cmd_vel. Silence stops it."""

# ruff: noqa: E402 - rclpy is there only after activate()
import time

from diffupose_ros import standalone

standalone.activate()  # does nothing where a ROS 2 is sourced
from geometry_msgs.msg import Twist, Vector3
from rclpy.node import Node
from std_msgs.msg import Float32

from diffupose_ros.nodes.common.main import run

SILENCE = 0.25  # s, after which the last speed_scale holds no more: it comes twenty times a second


class SlowDown(Node):
    """Passes on as much of a velocity as people allow."""

    def __init__(self) -> None:
        super().__init__("slow_down")
        self._scale, self._received = 0.0, 0.0
        self._output = self.create_publisher(Twist, "cmd_vel", 1)
        self.create_subscription(Float32, "speed_scale", self._receive, 1)
        self.create_subscription(Twist, "cmd_vel_in", self._pass_on, 1)

    def _receive(self, message: Float32) -> None:
        self._scale, self._received = message.data, time.monotonic()
        if self._scale == 0:  # stops even a robot that keeps its last velocity, of which none comes now
            self._output.publish(Twist())

    def _pass_on(self, wanted: Twist) -> None:
        allowed = self._scale if time.monotonic() - self._received < SILENCE else 0.0
        linear, angular = (
            Vector3(x=v.x * allowed, y=v.y * allowed, z=v.z * allowed) for v in (wanted.linear, wanted.angular)
        )
        self._output.publish(Twist(linear=linear, angular=angular))


raise SystemExit(run(SlowDown))
