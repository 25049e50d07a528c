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

"""What the node tests share: a node in a process of its own, and somebody who talks to it over topics."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from diffupose_ros.msg import Hypotheses3DArray, Keypoint2D, Skeleton2D, Skeleton2DArray, Skeleton3DArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.nodes.common.conversions import camera_to_info
from diffupose_ros.resources import resource_path
from support import ROOT

Made = TypeVar("Made")
PATIENCE = 30.0  # s until something that should happen counts as missing
SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
TRUTH = SCENE.poses(0)
OUTPUTS = {"skeletons_3d": Skeleton3DArray, "hypotheses": Hypotheses3DArray, "markers": MarkerArray}


@contextlib.contextmanager
def node_process(executable: str, *ros_args: str) -> Iterator[subprocess.Popen[str]]:
    """Run a node of ours by its executable's name, or the script of one (.py); it must end with 0 on SIGINT."""
    module = f"diffupose_ros.nodes.{executable.removesuffix('_node')}.node"
    start = [executable] if executable.endswith(".py") else ["-m", module]
    command = [sys.executable, *start, "--ros-args", *ros_args]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    )
    try:
        yield process
        assert process.poll() is None, f"the node died: {process.communicate()[1]}"
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, errors
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def connected(make: Callable[[], Made]) -> Iterator[Made]:
    """Run rclpy, and somebody with a ``node`` on it, for the length of a with block."""
    rclpy.init(args=[])
    made = make()
    try:
        yield made
    finally:
        made.node.destroy_node()
        rclpy.try_shutdown()


def said_without(package: str, node: str) -> str:
    """Return the one line that a node ends with where there is no such package of messages."""
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from diffupose_ros.nodes.{node}.node import main; sys.exit(main([]))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    (line,) = (line for line in ended.stderr.splitlines() if "[rcl]" not in line)  # which warns of old settings
    return line


class Observer:
    """Somebody on a node of their own, who watches the diagnostics of one of our nodes."""

    def __init__(self, name: str, watched: str) -> None:
        self.node = rclpy.create_node(name)
        self.watched = watched
        self.diagnostics: list[Any] = []
        self._clients: dict[str, Any] = {}  # of services, by name
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, QoSProfile(depth=5))
        self._stamp = 1000

    def spin_until(self, done: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Receive until the condition holds; fail where it never does."""
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"it did not happen; diagnostics: {self.values()}"
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def next_header(self) -> Header:
        """Return a header with a stamp never used before."""
        self._stamp += 1
        header = Header(frame_id="camera")
        header.stamp.sec = self._stamp
        return header

    def values(self) -> dict[str, str]:
        """Return the node's latest diagnostics."""
        status = self.status()
        return {v.key: v.value for v in status.values} if status else {}

    def status(self) -> Any:
        """Return the node's latest status; None before the first."""
        found = [m.status[0] for m in self.diagnostics if m.status[0].name == self.watched]
        return found[-1] if found else None

    def count(self, kind: str) -> int:
        """Return how often the node has met a kind of problem, by its latest diagnostics."""
        return int(self.values().get(f"problem: {kind}", 0))


class Client(Observer):
    """An observer that also calls the node's services."""

    def call(self, kind: Any, name: str, request: Any, tries: int = 1) -> Any:
        """Call a service of the node and return the response.

        Where asking again does no harm, ask again: a node may respond to somebody whom it does not see yet
        (ros2/rmw_cyclonedds#191).
        """
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, f"/{self.watched}/{name}")
        assert self._clients[name].wait_for_service(timeout_sec=PATIENCE)
        for _ in range(tries):
            future = self._clients[name].call_async(request)
            rclpy.spin_until_future_complete(self.node, future, timeout_sec=PATIENCE / tries)
            if future.done():
                return future.result()
        raise AssertionError(f"{name} is not answered")

    def state(self) -> str:
        """Return the label of the lifecycle state."""
        return str(self.call(GetState, "get_state", GetState.Request(), tries=3).current_state.label)

    def change(self, transition: int) -> bool:
        """Ask for a transition; return whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.call(ChangeState, "change_state", request).success)

    def set(self, name: str, value: Any) -> Any:
        """Set a parameter; return the result."""
        kinds = {bool: "bool", int: "integer", float: "double", str: "string", list: "string_array"}
        kind = kinds[type(value)]
        message = ParameterValue(type=getattr(ParameterType, f"PARAMETER_{kind.upper()}"))
        setattr(message, f"{kind}_value", value)
        request = SetParameters.Request(parameters=[ParameterMessage(name=name, value=message)])
        return self.call(SetParameters, "set_parameters", request).results[0]

    def get(self, name: str) -> Any:
        """Return a parameter's value message."""
        return self.call(GetParameters, "get_parameters", GetParameters.Request(names=[name]), tries=3).values[0]


class Planner(Observer):
    """Publishes 2D skeletons and receives what the lift node makes of them."""

    def __init__(self, outputs: tuple[str, ...] = ("skeletons_3d",)) -> None:
        super().__init__("planner", "lift_node")
        self.received: dict[str, list[Any]] = {name: [] for name in OUTPUTS}
        self._skeletons: dict[str, Any] = {}
        for topic in ("skeletons_2d", "other_skeletons"):
            self._skeletons[topic] = self.node.create_publisher(Skeleton2DArray, topic, qos_profile_sensor_data)
        self._info = self.node.create_publisher(CameraInfo, "camera_info", QoSProfile(depth=1))
        for name in outputs:
            self.node.create_subscription(OUTPUTS[name], name, self.received[name].append, QoSProfile(depth=50))

    @property
    def skeletons(self) -> list[Any]:
        """All Skeleton3DArray received."""
        return self.received["skeletons_3d"]

    def publish(self, message: Skeleton2DArray, topic: str = "skeletons_2d") -> None:
        """Publish skeletons."""
        self._skeletons[topic].publish(message)

    def publish_camera(self, info: CameraInfo | None = None) -> None:
        """Publish a CameraInfo, by default that of the scene."""
        self._info.publish(info or camera_to_info(SCENE.camera, Header(frame_id="camera")))

    def see(self) -> None:
        """Publish the scene's CameraInfo until the node has it."""
        self.publish_camera()
        self.spin_until(lambda: self.values().get("camera") == "calibrated" or self.publish_camera())

    def answer(self, message: Skeleton2DArray, topic: str = "skeletons_2d") -> Skeleton3DArray:
        """Publish skeletons until they are answered (inputs are best effort), and return the answer."""

        def answered() -> list[Any]:
            return [m for m in self.skeletons if m.header == message.header]

        end = time.monotonic() + PATIENCE
        while not answered():
            assert time.monotonic() < end, f"not answered; diagnostics: {self.values()}"
            self.publish(message, topic)
            pause = time.monotonic() + 1.0
            while not answered() and time.monotonic() < pause:
                rclpy.spin_once(self.node, timeout_sec=0.05)
        return answered()[0]

    def good(self, people: int = 1, layout: str = "coco17") -> Skeleton2DArray:
        """Return a message that must be answered, with a stamp never used before."""
        detector = SimulatedDetector(layout, noise=0)
        pixels, scores = detector.observe(TRUTH[:people], SCENE.camera, 0.0)
        return self.message(pixels, scores, layout, detector="exact")

    def message(
        self, pixels: np.ndarray, scores: np.ndarray, layout: str = "coco17", detector: str = ""
    ) -> Skeleton2DArray:
        """Return a message of keypoints (P, J, 2) and scores (P, J)."""
        people = [
            Skeleton2D(
                id=f"person_{i}",
                layout=layout,
                keypoints=[
                    Keypoint2D(x=float(x), y=float(y), score=float(s)) for (x, y), s in zip(xy, sc, strict=True)
                ],
            )
            for i, (xy, sc) in enumerate(zip(pixels, scores, strict=True))
        ]
        header = self.next_header()
        return Skeleton2DArray(header=header, image_width=1280, image_height=720, skeletons=people, detector=detector)


class Operator(Client, Planner):
    """A planner that also calls the lift node's services."""


def positions(skeleton: Any) -> np.ndarray:
    """Return the joints (17, 3) of a Skeleton3D."""
    return np.array([(j.position.x, j.position.y, j.position.z) for j in skeleton.joints])


def mpjpe(skeleton: Any, truth: np.ndarray) -> float:
    """Return the root-relative error in metres."""
    pose = positions(skeleton)
    return float(np.linalg.norm((pose - pose[0]) - (truth - truth[0]), axis=-1).mean())
