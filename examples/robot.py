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
import math

from diffupose_ros import standalone

standalone.activate()  # does nothing where a ROS 2 is sourced
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Quaternion, TransformStamped, Twist, Vector3
from rclpy.node import Node
from tf2_ros import TransformBroadcaster

from diffupose_ros.nodes.common.main import run

LINE, ENDS = 1.4, 1.5  # m: it drives along x = 1.4 m of odom, from y = -1.5 m to 1.5 m
LEFT = Quaternion(z=math.sqrt(0.5), w=math.sqrt(0.5))  # its nose
SPEED = 0.8  # m/s
PERIOD = 0.02  # s between two steps
SILENCE = 12  # steps, after which the last cmd_vel holds no more


class Robot(Node):
    """Says where it is (odom to base_link), and every second how it goes."""

    def __init__(self) -> None:
        super().__init__("robot")
        self._y, self._wanted, self._told, self._because = 0.0, SPEED, 0.0, ""
        self._steps, self._silent = 0, 0
        self._places = TransformBroadcaster(self)
        self._wishes = self.create_publisher(Twist, "cmd_vel_in", 1)
        self.create_subscription(Twist, "cmd_vel", self._obey, 1)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.create_timer(PERIOD, self._step)

    def _obey(self, command: Twist) -> None:
        self._told, self._silent = command.linear.x, 0

    def _hear(self, diagnostics: DiagnosticArray) -> None:
        said = (value for status in diagnostics.status for value in status.values)
        self._because = next((value.value for value in said if value.key == "because"), self._because)

    def _step(self) -> None:
        self._steps, self._silent = self._steps + 1, self._silent + 1
        if self._silent > SILENCE:
            self._told = 0.0
        self._y += self._told * PERIOD
        if self._y * self._wanted > ENDS * SPEED:
            self._wanted = -self._wanted
        base = TransformStamped(child_frame_id="base_link")
        base.header.frame_id, base.header.stamp = "odom", self.get_clock().now().to_msg()
        base.transform.translation, base.transform.rotation = Vector3(x=LINE, y=self._y), LEFT
        self._places.sendTransform(base)
        self._wishes.publish(Twist(linear=Vector3(x=self._wanted)))
        if self._steps % 50 == 0:
            speeds = f"wants {self._wanted:5.2f} m/s, drives {self._told:5.2f} m/s"
            self.get_logger().info(f"at y = {self._y:5.2f} m: {speeds}  {self._because}")


raise SystemExit(run(Robot))
