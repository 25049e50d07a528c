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

"""A robot that is not there: it wants to drive to and fro before people (cmd_vel_in), and drives as cmd_vel says."""

# ruff: noqa: E402 - rclpy is there only after activate()
import contextlib
import math

from diffupose_ros import standalone

standalone.activate()  # does nothing where a ROS 2 is sourced
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Quaternion, TransformStamped, Twist, Vector3
from rclpy.executors import ExternalShutdownException
from tf2_ros import TransformBroadcaster

LINE, ENDS = 1.4, 1.5  # m: it drives along x = 1.4 m of odom, from y = -1.5 m to 1.5 m
SPEED, PERIOD = 0.8, 0.02  # m/s; s between two steps
LEFT = Quaternion(z=math.sqrt(0.5), w=math.sqrt(0.5))  # its nose
y, wanted, told, since, steps, because = 0.0, SPEED, 0.0, 0, 0, ""


def obey(command: Twist) -> None:
    """Take the newest velocity."""
    global told, since
    told, since = command.linear.x, 0


def hear(diagnostics: DiagnosticArray) -> None:
    """Remember what planner_node says of the speed scale."""
    global because
    said = (value for status in diagnostics.status for value in status.values)
    because = next((value.value for value in said if value.key == "because"), because)


def step() -> None:
    """Drive for a moment; nothing told for a quarter of a second is a 0."""
    global y, wanted, told, since, steps
    since, steps = since + 1, steps + 1
    if since * PERIOD > 0.25:
        told = 0.0
    y += told * PERIOD
    if y * wanted > ENDS * SPEED:
        wanted = -wanted
    base = TransformStamped(child_frame_id="base_link")
    base.header.frame_id, base.header.stamp = "odom", node.get_clock().now().to_msg()
    base.transform.translation, base.transform.rotation = Vector3(x=LINE, y=y), LEFT
    places.sendTransform(base)
    wishes.publish(Twist(linear=Vector3(x=wanted)))
    if steps % 50 == 0:
        node.get_logger().info(f"at y = {y:5.2f} m: wants {wanted:5.2f} m/s, drives {told:5.2f} m/s {because}")


rclpy.init()
node = rclpy.create_node("robot")
places = TransformBroadcaster(node)
wishes = node.create_publisher(Twist, "cmd_vel_in", 1)
node.create_subscription(Twist, "cmd_vel", obey, 1)
node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
node.create_timer(PERIOD, step)
with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(node)
