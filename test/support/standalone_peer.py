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

"""The other process of the standalone runtime's tests: ``standalone_peer.py ROLE [--ros-args ...]``."""

from __future__ import annotations

import sys
import time

from diffupose_ros.standalone import activate

activate()

import rclpy
from geometry_msgs.msg import TransformStamped, Vector3
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from std_msgs.msg import Header, String
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster


class Echo(Node):
    """Sends back what comes in, behind the value of a parameter."""

    def __init__(self) -> None:
        super().__init__("echo")
        numbers = FloatingPointRange(from_value=0.0, to_value=10.0)
        self.declare_parameter("gain", 1.0, ParameterDescriptor(floating_point_range=[numbers]))
        whole = IntegerRange(from_value=0, to_value=100, step=5)
        self.declare_parameter("count", 10, ParameterDescriptor(integer_range=[whole]))
        self.declare_parameter("mode", "fixed", ParameterDescriptor(read_only=True))
        self.declare_parameter("names", ["a"])
        self.output = self.create_publisher(String, "out", 10)
        self.create_subscription(String, "in", self.answer, 10)
        self.create_subscription(String, "in_best_effort", self.answer, qos_profile_sensor_data)

    def answer(self, msg: String) -> None:
        self.output.publish(String(data=f"{self.get_parameter('gain').value} {msg.data}"))


class Slow(Node):
    """Takes half a second for each message, and counts what it saw."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.output = self.create_publisher(String, "out", 10)
        self.create_subscription(String, "in", self.answer, QoSProfile(depth=1))

    def answer(self, msg: String) -> None:
        self.output.publish(String(data=msg.data))
        time.sleep(0.5)


class Managed(LifecycleNode):
    """Fails to activate the first time."""

    tries = 0

    def on_activate(self, state: object) -> TransitionCallbackReturn:
        self.tries += 1
        if self.tries == 1:
            raise RuntimeError("not today")
        return super().on_activate(state)

    def on_error(self, state: object) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS


class Latched(Node):
    """Publishes once, before anybody listens."""

    def __init__(self) -> None:
        super().__init__("latched")
        from rclpy.qos import DurabilityPolicy

        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_publisher(String, "out", qos).publish(String(data="kept"))


class Frames(Node):
    """A robot: its base moves along x by 1 m/s of the stamps, its camera is fixed to it; and one frame is rubbish."""

    def __init__(self) -> None:
        super().__init__("frames")
        StaticTransformBroadcaster(self).sendTransform(self.frame("base", "camera", z=1.5))
        self.moving = TransformBroadcaster(self)
        self.create_timer(0.02, self.move)

    def move(self) -> None:
        stamp = self.get_clock().now()
        x = stamp.nanoseconds % 10**12 / 1e9
        base = self.frame("map", "base", x=x)
        base.header.stamp = stamp.to_msg()
        self.moving.sendTransform([base, self.frame("map", "rubbish", x=float("nan"))])

    @staticmethod
    def frame(parent: str, child: str, **translation: float) -> TransformStamped:
        placed = TransformStamped(header=Header(frame_id=parent), child_frame_id=child)
        placed.transform.translation = Vector3(**translation)
        return placed


ROLES = {"echo": Echo, "slow": Slow, "latched": Latched, "managed": lambda: Managed("managed"), "frames": Frames}


def main() -> None:
    rclpy.init()
    node = ROLES[sys.argv[1]]()
    try:
        print("ready", flush=True)
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException) as stop:
        print(type(stop).__name__, flush=True)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
