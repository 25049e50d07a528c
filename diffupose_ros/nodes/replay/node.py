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

"""The replay node: recorded people as a detector would see them, with the truth beside it."""

from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Vector3
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.files import user_path
from diffupose_ros.msg import Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.common.conversions import (
    camera_to_info,
    frame,
    quaternions,
    skeletons_2d_message,
    truth_message,
)
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.qos import OUTPUT, TF_STATIC
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS

PARAMETERS = (
    Parameter("clip", "people", "Name of a shipped clip, or path of an .npz", effect="start"),
    Parameter("layout", "coco17", "Joint order of the simulated detector", choices=tuple(LAYOUTS), effect="start"),
    Parameter("people", 3, "People in the scene", 0, 200, effect="start"),
    Parameter("rate", 30.0, "Messages per second", 0.1, 240.0, effect="start"),
    Parameter("loop", True, "Start again at the end; otherwise fall silent", effect="start"),
    Parameter("noise", 1.0, "Factor on a good detector's errors; 0: exact", 0.0, 10.0, effect="start"),
    Parameter("occlusion", 0.4, "Part of the time that a limb of each person is hidden", 0.0, 1.0, effect="start"),
    Parameter("seed", 0, "Seed of the detector's errors", 0, 2**31 - 1, effect="start"),
    Parameter("frame_id", "camera_optical_frame", "Optical frame of the camera", effect="start"),
    Parameter("fixed_frame", "map", "Frame on the ground, z up, in which /tf_static places the camera; empty: none",
              effect="start"),
)  # fmt: skip


class ReplayNode(Node):
    """Publishes ``skeletons_2d``, ``camera_info``, ``ground_truth`` and the camera's place of a bundled scene.

    Attributes:
        diagnostics: what has happened so far, published.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("replay_node", **kwargs)
        parameters = Parameters(self, PARAMETERS)
        clip = parameters["clip"]
        shipped = resource_path(f"resource/clips/{clip}.npz")
        self._scene = Scene(shipped if shipped.is_file() else user_path(clip), parameters["people"])
        self._detector = SimulatedDetector(
            parameters["layout"], parameters["noise"], parameters["occlusion"], parameters["seed"]
        )
        self._rate, self._loop, self._frame_id = parameters["rate"], parameters["loop"], parameters["frame_id"]
        self._ids = [f"person_{i}" for i in range(self._scene.people)]
        self._tick = 0
        self._clip, self._state = clip, "publishing"
        self.diagnostics = Diagnostics(self, ("messages out",), self._health)
        self._skeletons = self.create_publisher(Skeleton2DArray, "skeletons_2d", qos_profile_sensor_data)
        self._info = self.create_publisher(CameraInfo, "camera_info", OUTPUT)
        self._truth = self.create_publisher(Skeleton3DArray, "ground_truth", OUTPUT)
        if parameters["fixed_frame"]:
            self._place_camera(parameters["fixed_frame"])
        self._timer = self.create_timer(1 / self._rate, self._publish)

    def _place_camera(self, fixed_frame: str) -> None:
        ground = Header(stamp=self.get_clock().now().to_msg(), frame_id=fixed_frame)
        turn = quaternions(Scene.TO_OPTICAL.T[None])[0]
        self._place = self.create_publisher(TFMessage, "/tf_static", TF_STATIC)
        self._place.publish(TFMessage(transforms=[frame(ground, self._frame_id, Vector3(z=Scene.HEIGHT), turn)]))

    def _publish(self) -> None:
        time = self._tick / self._rate
        frame = int(self._tick * Scene.RATE / self._rate)
        self._tick += 1
        if frame >= self._scene.frames and not self._loop:
            self._state = "the clip has ended"
            self.get_logger().info(self._state, once=True)
            return
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._frame_id)
        poses, camera = self._scene.poses(frame), self._scene.camera
        pixels, scores = self._detector.observe(poses, camera, time)
        self._info.publish(camera_to_info(camera, header))
        self._truth.publish(truth_message(header, self._ids, poses))
        layout = self._detector.layout
        message = skeletons_2d_message(header, camera, self._ids, layout, pixels, scores, "simulated")
        self._skeletons.publish(message)
        self.diagnostics.count("messages out")

    def _health(self, recent: Counter[str]) -> Health:
        return Health(DiagnosticStatus.OK, self._state, {"clip": self._clip, "people": str(len(self._ids))})


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(ReplayNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
