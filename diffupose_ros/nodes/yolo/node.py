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

"""The YOLO node: detections of yolo_ros with keypoints in, 2D skeletons for the lift node out."""

from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo

from diffupose_ros.detection.detector import Detections
from diffupose_ros.detection.tracking import Tracker
from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.common.conversions import skeletons_2d_message, stamp_ns
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.qos import NEWEST
from diffupose_ros.nodes.yolo.people import read_people

PARAMETERS = (
    Parameter("detections_topic", "/yolo/tracking", "Topic of yolo_msgs/DetectionArray", effect="start"),
    Parameter("forget_after", 1.0, "Seconds after which somebody who is not seen any more gets a new id, where the "
              "detections have none", 0.05, 60.0, effect="start"),
)  # fmt: skip


class YoloNode(Node):
    """Publishes ``skeletons_2d`` of each yolo_msgs/DetectionArray, an empty one where nobody is.

    Ids are those of yolo_ros' tracking; where somebody has none, all get one here, by how they move. The size of the
    image is taken from ``camera_info``; it is 0, not known, until one comes.

    Attributes:
        diagnostics: what has happened so far, published.

    Raises:
        ModuleNotFoundError: there is no yolo_msgs; says what to install.
    """

    def __init__(self, **kwargs: Any) -> None:
        detection_array = _message_type()
        super().__init__("yolo_node", **kwargs)
        parameters = Parameters(self, PARAMETERS)
        self.diagnostics = Diagnostics(self, ("messages in", "messages out", "people out"), self._health)
        self._topic = self.resolve_topic_name(parameters["detections_topic"])
        self._tracker = Tracker(parameters["forget_after"])
        self._info = CameraInfo()
        self._output = self.create_publisher(Skeleton2DArray, "skeletons_2d", qos_profile_sensor_data)
        self.create_subscription(CameraInfo, "camera_info", self._receive_camera, NEWEST)
        self.create_subscription(detection_array, self._topic, self._receive_detections, NEWEST)

    def _receive_camera(self, info: CameraInfo) -> None:
        self._info = info

    def _receive_detections(self, message: Any) -> None:
        self.diagnostics.count("messages in")
        people = read_people(message)
        self.diagnostics.count("detections without keypoints", people.bare)
        for problem in people.problems:
            self.diagnostics.problem("bad person", problem)
        ids, detections = people.ids, people.detections
        if not all(ids):
            ids, detections = self._tracked(stamp_ns(message.header), detections)
        self._output.publish(
            skeletons_2d_message(
                message.header,
                self._info,
                ids,
                detections.layout,
                detections.keypoints,
                detections.scores,
                detections.profile,
            )
        )
        self.diagnostics.count("messages out")
        self.diagnostics.count("people out", len(ids))

    def _tracked(self, stamp: int, detections: Detections) -> tuple[list[str], Detections]:
        if stamp == 0:
            detail = "header.stamp is zero: people are told apart by the time of arrival"
            self.diagnostics.problem("zero stamp", detail)
            stamp = self.get_clock().now().nanoseconds
        ids, detections, _ = self._tracker.update(stamp / 1e9, detections)
        return list(ids), detections

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        level, message = self._verdict(recent)
        size = f"{self._info.width}x{self._info.height}" if self._info.width else "unknown"
        return Health(level, message, {"detections": self._topic, "image": size})

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        if recent["detections without keypoints"] and not recent["people out"]:
            detail = "run yolo_ros with a pose model, such as model:=yolov8m-pose.pt"
            return DiagnosticStatus.WARN, f"no detection has keypoints: {detail}"
        if recent["messages out"]:
            return DiagnosticStatus.OK, "publishing"
        silent = "" if self.count_publishers(self._topic) else f": nobody publishes {self._topic}"
        return DiagnosticStatus.OK, f"no input{silent}"


def _message_type() -> Any:
    try:
        from yolo_msgs.msg import DetectionArray
    except ImportError:
        raise missing("yolo_node", "yolo_msgs", "https://github.com/mgonzs13/yolo_ros") from None
    return DetectionArray


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(YoloNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
