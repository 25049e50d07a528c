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

"""The HRI node: the bodies of REP-155 (ROS4HRI) in, 2D skeletons for the lift node out."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.common.conversions import hri_keypoints, skeletons_2d_message, stamp_ns
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.optional import missing
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.qos import NEWEST
from diffupose_ros.nodes.hri.gather import FrameGatherer, GatheredFrame

PARAMETERS = (
    Parameter("bodies", "/humans/bodies", "Namespace of the bodies; tracked and <id>/skeleton2d are in it",
              effect="start"),
)  # fmt: skip

_LAYOUT = "openpose18"
_CAMERA_PATIENCE = 1.0  # s by which the first camera_info may come after the first bodies


class HriNode(Node):
    """Publishes ``skeletons_2d``, all bodies of one image together, as soon as the last of them has come.

    It subscribes to ``/humans/bodies/<id>/skeleton2d`` (hri_msgs/Skeleton2D, 0 to 1 across the image) of each body in
    ``/humans/bodies/tracked``, and takes the size of the image from ``camera_info``. All bodies are of one camera.

    Attributes:
        diagnostics: what has happened so far, published.

    Raises:
        ModuleNotFoundError: there is no hri_msgs; says what to install.
    """

    def __init__(self, **kwargs: Any) -> None:
        ids_list, self._skeleton = _hri_messages()
        super().__init__("hri_node", **kwargs)
        self._namespace = Parameters(self, PARAMETERS)["bodies"].rstrip("/")
        self.diagnostics = Diagnostics(self, ("messages in", "messages out", "people out"), self._health)
        self._gatherer: FrameGatherer[Any] = FrameGatherer(self.diagnostics.count)
        self._inputs: dict[str, Any] = {}  # subscription of each tracked body; None where its id allows of none
        self._info = CameraInfo()
        self._output = self.create_publisher(Skeleton2DArray, "skeletons_2d", qos_profile_sensor_data)
        self.create_subscription(CameraInfo, "camera_info", self._receive_camera, NEWEST)
        tracked = f"{self._namespace}/tracked"
        self.create_subscription(ids_list, tracked, self._receive_tracked, qos_profile_sensor_data)

    # Input

    def _receive_camera(self, info: CameraInfo) -> None:
        self._info = info

    def _receive_tracked(self, message: Any) -> None:
        self.diagnostics.count("tracked lists in")
        for body in self._inputs.keys() - set(message.ids):
            if (left := self._inputs.pop(body)) is not None:
                self.destroy_subscription(left)
        for body in message.ids:
            if body not in self._inputs:
                self._inputs[body] = self._subscribe(body)
            if self._inputs[body] is None:
                detail = f"body {body!r} can have no topic: ids are of letters, digits and _, the first no digit"
                self.diagnostics.problem("bad id", detail)
        for frame in self._gatherer.track(message.ids, stamp_ns(message.header)):
            self._publish(frame, message.header)

    def _subscribe(self, body: str) -> Any:
        topic = f"{self._namespace}/{body}/skeleton2d"
        try:
            return self.create_subscription(self._skeleton, topic, self._receiver(body), qos_profile_sensor_data)
        except Exception as error:  # noqa: BLE001 - rclpy raises several kinds for what an id can do to a name
            self.get_logger().debug(f"{topic}: {error}")
            return None

    def _receiver(self, body: str) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            self.diagnostics.count("messages in")
            stamp = stamp_ns(message.header)
            if stamp <= 0:
                detail = "header.stamp is zero: which bodies are of one image cannot be told"
                self.diagnostics.problem("zero stamp", f"body {body!r}: {detail}")
                return
            for frame in self._gatherer.add(body, stamp, message):
                self._publish(frame, message.header)

        return receive

    # Output

    def _publish(self, frame: GatheredFrame[Any], header: Header) -> None:
        if not self._output.get_subscription_count():
            self.diagnostics.count("not published (nobody subscribes)")
            return
        if not self._size_known():
            detail = "the size of the image is not known without camera_info: bodies cannot be published"
            self.diagnostics.problem("no camera", detail, patience=_CAMERA_PATIENCE)
            return
        pixels, scores = np.zeros((len(frame.bodies), 18, 2)), np.zeros((len(frame.bodies), 18))
        for i, (body, message) in enumerate(frame.bodies.items()):
            header = message.header
            pixels[i], scores[i], outside, bad = hri_keypoints(message, self._info.width, self._info.height)
            self.diagnostics.count("joints outside the image", outside)
            if bad:
                detail = f"body {body!r}: coordinates that are no numbers, or a confidence above 1"
                self.diagnostics.problem("bad joint", detail, bad)
        ids = list(frame.bodies)
        self._output.publish(skeletons_2d_message(header, self._info, ids, _LAYOUT, pixels, scores))
        self.diagnostics.count("messages out")
        self.diagnostics.count("people out", len(ids))

    def _size_known(self) -> bool:
        return min(self._info.width, self._info.height) > 0

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        size = f"{self._info.width}x{self._info.height}" if self._size_known() else "unknown"
        level, message = self._verdict(recent)
        return Health(level, message, {"bodies": str(len(self._inputs)), "image": size})

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if not self._size_known():
            return DiagnosticStatus.WARN, "no camera_info received yet, or one without width and height"
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        if recent["messages out"]:
            return DiagnosticStatus.OK, "publishing"
        return DiagnosticStatus.OK, "no skeletons" if recent["tracked lists in"] else "nobody tells who is tracked"


def _hri_messages() -> tuple[Any, Any]:
    try:
        from hri_msgs.msg import IdsList, Skeleton2D
    except ImportError:
        raise missing("hri_node", "hri_msgs") from None
    return IdsList, Skeleton2D


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(HriNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
