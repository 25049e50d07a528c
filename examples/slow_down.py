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

"""A robot that slows down for people, and the earlier the less sure it is where they are.

Each joint of each person must stay farther away than the protective separation distance of speed and separation
monitoring (ISO/TS 15066:2016, 5.5.4):

    S_p = v_h (T_r + T_s) + v_r T_r + v_r T_s / 2 + C + Z_d + Z_r

``Settings`` names the terms. The braking distance v_r T_s / 2 is that of a constant deceleration. The age of the data
counts to T_r. Z_d, the uncertainty of the person's position, is no constant here: it is how far the joint's ellipsoid
reaches towards the robot. ``speed_scale`` (std_msgs/Float32, 0 to 1, 20 times a second and at each message) is the
part of ``robot_speed`` at which the nearest joint still keeps the distance; whatever obeys it must itself stop when it
falls silent. Frames: ``skeletons_3d`` is in the camera's optical frame (x right, y down, z forward), and so is
``robot_position``. On a real robot look up the places of its moving parts in that frame with tf2.

This is perception for planning, not a certified safety function: nothing in it has a performance level, and people
whom the detector does not see, or of whom it sees fewer than three joints, are not there at all.
"""

# ruff: noqa: E402 - rclpy is there only after activate()
import contextlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from diffupose_ros import standalone

standalone.activate()  # does nothing where a ROS 2 is sourced

import rclpy
from diffupose_ros.msg import Skeleton3DArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import Float32

from diffupose_ros.skeleton import H36M17, unit


@dataclass(frozen=True)
class Settings:
    """The terms of the protective separation distance; each is a parameter of the node."""

    robot_position: Sequence[float] = (0.0, 0.0, 0.0)  # m, in the frame of the skeletons
    robot_radius: float = 0.3  # m, of a ball about that position that holds all of the robot
    robot_speed: float = 1.0  # m/s, v_r: towards the person, where speed_scale is 1
    human_speed: float = 1.6  # m/s, v_h: K of ISO 13855 for a walking person
    reaction_time: float = 0.1  # s, T_r: until the brakes work; the age of the data is added
    stopping_time: float = 0.3  # s, T_s: from robot_speed to rest
    intrusion_distance: float = 0.2  # m, C: how far a body reaches beyond its joints, as the hand beyond the wrist
    robot_uncertainty: float = 0.02  # m, Z_r: of the robot's position in the camera's frame
    probability: float = 0.95  # of the joints' ellipsoids, whose extent is Z_d
    max_age: float = 0.5  # s: older data, or silence, stop the robot


def joints(message: Skeleton3DArray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return all people's joints: positions (n, 3) in m, their covariances (n, 3, 3) in m^2, names (n)."""
    positions, covariances, names = [], [], []
    for person in message.skeletons:
        place = np.reshape(person.root.covariance, (6, 6))[:3, :3]
        for name, joint in zip(H36M17, person.joints, strict=True):
            positions.append([joint.position.x, joint.position.y, joint.position.z])
            covariances.append(np.reshape(joint.covariance, (3, 3)) + place)  # of the pose, and of the person's place
            names.append(f"{name} of {person.id}")
    return np.reshape(positions, (-1, 3)), np.reshape(covariances, (-1, 3, 3)), names


def extents(offsets: np.ndarray, covariances: np.ndarray, probability: float) -> np.ndarray:
    """Return how far (n) the ellipsoids about ``offsets`` (n, 3) from the robot reach towards it, in metres.

    sqrt(k u^T C u), with u the direction of the offset and k of chi-square with three degrees of freedom, is where
    the plane across u touches the ellipsoid: no point of the ellipsoid is nearer than |offset| minus this. It is
    more careful than the 95 % of a single joint's distance (1.6 instead of 2.8 deviations), as it should be: the
    nearest of 17 joints decides, and ellipsoids are what the covariances were calibrated for.
    """
    u = unit(offsets)
    return np.sqrt(chi2.ppf(probability, 3) * np.einsum("ni,nij,nj->n", u, covariances, u))


def protective_distance(scale: Any, extent: float, age: float, s: Settings) -> Any:
    """Return S_p in metres at ``scale`` times full speed; ``extent`` is Z_d in m, ``age`` that of the data in s."""
    speed, stopping, reaction = scale * s.robot_speed, scale * s.stopping_time, age + s.reaction_time
    moved = s.human_speed * (reaction + stopping) + speed * reaction + speed * stopping / 2
    return moved + s.intrusion_distance + extent + s.robot_uncertainty


def speed_scale(distance: float, extent: float, age: float, s: Settings) -> float:
    """Return the largest hundredth of full speed, 0 to 1, whose protective distance is within ``distance``."""
    scales = np.linspace(0, 1, 101)
    kept = scales[protective_distance(scales, extent, age, s) <= distance]  # none where anything is not a number
    return float(kept.max(initial=0.0))


def decide(people: tuple[np.ndarray, np.ndarray, list[str]], age: float, s: Settings) -> tuple[float, str]:
    """Return the speed scale for ``joints`` that are ``age`` seconds old, and why."""
    positions, covariances, names = people
    if not age <= s.max_age:
        return 0.0, f"no skeletons younger than {s.max_age} s; the newest: {age:.2f} s"
    if not names:
        return 1.0, "nobody in sight"  # which is as good as the detector: it may have missed somebody
    offsets = positions - np.asarray(s.robot_position)
    distances = np.linalg.norm(offsets, axis=1) - s.robot_radius
    uncertain = extents(offsets, covariances, s.probability)
    i = int(np.argmin(distances - uncertain))
    distance, extent = float(distances[i]), float(uncertain[i])
    needed = protective_distance(1.0, extent, age, s)
    reason = f"{names[i]} at {distance:.2f} m, uncertain by {extent:.2f} m; full speed needs {needed:.2f} m"
    return speed_scale(distance, extent, age, s), reason


class SlowDown(Node):
    """Publishes ``speed_scale`` for the people of ``skeletons_3d``."""

    def __init__(self) -> None:
        super().__init__("slow_down")
        for name, value in asdict(Settings()).items():
            self.declare_parameter(name, value)
        self.people, self.stamp, self.received, self.word = joints(Skeleton3DArray()), 0.0, -np.inf, ""
        self.output = self.create_publisher(Float32, "speed_scale", 1)
        self.create_subscription(Skeleton3DArray, "skeletons_3d", self.receive, 1)
        # The steady clock: a simulated one may stand still, and the people do not.
        self.create_timer(0.05, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def receive(self, message: Any) -> None:
        """Take the newest people, and decide at once."""
        stamp = message.header.stamp
        self.people, self.stamp, self.received = joints(message), stamp.sec + stamp.nanosec * 1e-9, time.monotonic()
        self.publish()

    def publish(self) -> None:
        """Publish how fast the robot may be now, and say why."""
        settings = Settings(**{name: self.get_parameter(name).value for name in asdict(Settings())})
        # A stamp in the future shows clocks that disagree: by as much its age is unknown.
        age = max(abs(self.get_clock().now().nanoseconds * 1e-9 - self.stamp), time.monotonic() - self.received)
        scale, reason = decide(self.people, age, settings)
        self.output.publish(Float32(data=scale))
        before, self.word = self.word, {0.0: "STOP", 1.0: "GO"}.get(scale, "SLOW")
        line = f"{self.word} {scale:.2f}: {reason}"
        if self.word != before:
            self.get_logger().info(line)
        else:
            self.get_logger().info(line, throttle_duration_sec=0.5)


def main() -> None:
    """Run until Ctrl-C."""
    try:
        rclpy.init()
        rclpy.spin(SlowDown())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        with contextlib.suppress(RuntimeError):  # Ctrl-C shuts down too, at this very moment perhaps
            rclpy.try_shutdown()


if __name__ == "__main__":
    main()
