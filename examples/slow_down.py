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
import contextlib
import time

from diffupose_ros import standalone

standalone.activate()  # does nothing where a ROS 2 is sourced
import rclpy
from geometry_msgs.msg import Twist, Vector3
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Float32

SILENCE = 0.25  # s, after which the last speed_scale holds no more: it comes twenty times a second
scale, received = 0.0, 0.0


def receive(message: Float32) -> None:
    """Take the newest scale."""
    global scale, received
    scale, received = message.data, time.monotonic()


def slow_down(wanted: Twist) -> None:
    """Pass on as much of a velocity as people allow."""
    allowed = scale if time.monotonic() - received < SILENCE else 0.0
    linear, angular = (
        Vector3(x=v.x * allowed, y=v.y * allowed, z=v.z * allowed) for v in (wanted.linear, wanted.angular)
    )
    output.publish(Twist(linear=linear, angular=angular))


rclpy.init()
node = rclpy.create_node("slow_down")
output = node.create_publisher(Twist, "cmd_vel", 1)
node.create_subscription(Float32, "speed_scale", receive, 1)
node.create_subscription(Twist, "cmd_vel_in", slow_down, 1)
with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(node)
