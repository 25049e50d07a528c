"""What the node tests share: a lift node in a process of its own, and somebody who talks to it over topics."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from diffupose_ros.msg import Hypotheses3DArray, Keypoint2D, Skeleton2D, Skeleton2DArray, Skeleton3DArray
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from diffupose_ros.nodes.conversions import camera_to_info
from diffupose_ros.resources import resource_path
from diffupose_ros.simulation import Scene, SimulatedDetector

PATIENCE = 30.0  # s until something that should happen counts as missing
SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
TRUTH = SCENE.poses(0)
OUTPUTS = {"skeletons_3d": Skeleton3DArray, "hypotheses": Hypotheses3DArray, "markers": MarkerArray}


@contextlib.contextmanager
def node_process(module: str, *ros_args: str) -> Iterator[subprocess.Popen[str]]:
    """Run a node of ours; it must end with exit code 0 on SIGINT."""
    command = [sys.executable, "-m", f"diffupose_ros.nodes.{module}", "--ros-args", *ros_args]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "2"}
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


class Planner:
    """Publishes 2D skeletons and receives what the lift node makes of them."""

    def __init__(self, outputs: tuple[str, ...] = ("skeletons_3d",)) -> None:
        self.node = rclpy.create_node("planner")
        self.received: dict[str, list[Any]] = {name: [] for name in OUTPUTS}
        self.diagnostics: list[Any] = []
        self._skeletons: dict[str, Any] = {}
        for topic in ("skeletons_2d", "other_skeletons"):
            self._skeletons[topic] = self.node.create_publisher(Skeleton2DArray, topic, qos_profile_sensor_data)
        self._info = self.node.create_publisher(CameraInfo, "camera_info", QoSProfile(depth=1))
        for name in outputs:
            self.node.create_subscription(OUTPUTS[name], name, self.received[name].append, QoSProfile(depth=50))
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, QoSProfile(depth=5))
        self._stamp = 1000

    @property
    def skeletons(self) -> list[Any]:
        """All Skeleton3DArray received."""
        return self.received["skeletons_3d"]

    def spin_until(self, done: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Receive until the condition holds; fail where it never does."""
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"it did not happen; diagnostics: {self.values()}"
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def publish(self, message: Skeleton2DArray, topic: str = "skeletons_2d") -> None:
        """Publish skeletons."""
        self._skeletons[topic].publish(message)

    def publish_camera(self, info: CameraInfo | None = None) -> None:
        """Publish a CameraInfo, by default that of the scene."""
        self._info.publish(info or camera_to_info(SCENE.camera, Header(frame_id="camera")))

    def next_header(self) -> Header:
        """Return a header with a stamp never used before."""
        self._stamp += 1
        header = Header(frame_id="camera")
        header.stamp.sec = self._stamp
        return header

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
        return self.message(pixels, scores, layout)

    def message(self, pixels: np.ndarray, scores: np.ndarray, layout: str = "coco17") -> Skeleton2DArray:
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
        return Skeleton2DArray(header=self.next_header(), image_width=1280, image_height=720, skeletons=people)

    def values(self) -> dict[str, str]:
        """Return the lift node's latest diagnostics."""
        status = self.status()
        return {v.key: v.value for v in status.values} if status else {}

    def status(self) -> Any:
        """Return the lift node's latest status; None before the first."""
        found = [m.status[0] for m in self.diagnostics if m.status[0].name == "lift_node"]
        return found[-1] if found else None

    def count(self, kind: str) -> int:
        """Return how often the node has met a kind of problem, by its latest diagnostics."""
        return int(self.values().get(f"problem: {kind}", 0))


def positions(skeleton: Any) -> np.ndarray:
    """Return the joints (17, 3) of a Skeleton3D."""
    return np.array([(j.position.x, j.position.y, j.position.z) for j in skeleton.joints])


def mpjpe(skeleton: Any, truth: np.ndarray) -> float:
    """Return the root-relative error in metres."""
    pose = positions(skeleton)
    return float(np.linalg.norm((pose - pose[0]) - (truth - truth[0]), axis=-1).mean())
