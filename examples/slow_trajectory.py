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

"""Slow a joint_trajectory_controller down by planner_node's speed_scale. Silence stops it."""

import contextlib
import time

import rclpy
from control_msgs.msg import SpeedScalingFactor
from rclpy.executors import ExternalShutdownException
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Float32

SILENCE = 0.25  # s, after which the last speed_scale holds no more: it comes twenty times a second
scale, received, told = 0.0, 0.0, -1.0


def receive(message: Float32) -> None:
    """Take the newest scale."""
    global scale, received
    scale, received = message.data, time.monotonic()
    tell()


def tell() -> None:
    """Tell the controller what is new; it keeps to the last that it was told, and logs each."""
    global told
    allowed = round(scale, 2) if time.monotonic() - received < SILENCE else 0.0
    if allowed != told:
        output.publish(SpeedScalingFactor(factor=allowed))
        told = allowed


rclpy.init()
node = rclpy.create_node("slow_trajectory")
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # the controller takes no other
output = node.create_publisher(SpeedScalingFactor, "speed_scaling_input", latched)
node.create_subscription(Float32, "speed_scale", receive, 1)
node.create_timer(SILENCE / 5, tell)
with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(node)
