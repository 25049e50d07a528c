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


"""The detect node: images in, 2D skeletons of people with lasting ids out."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image

from diffupose_ros.detection.names import DETECTORS, FINDERS
from diffupose_ros.detection.pipeline import Pipeline, load_pipeline
from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.common.conversions import stamp_ns
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.large_input import LargeInput
from diffupose_ros.nodes.common.lifecycle import ManagedNode
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import DEVICES, Parameter, Parameters
from diffupose_ros.nodes.common.qos import NEWEST, OUTPUT
from diffupose_ros.nodes.detect.boxes import BoxBuffer, boxes_message_type
from diffupose_ros.nodes.detect.worker import DetectWorker

PARAMETERS = (
    Parameter("detector", "auto", "What finds the joints of a person; auto: hrnet where weights are given or w32 was "
              "fetched, else blazepose", choices=DETECTORS),
    Parameter("weights", "", "Name of known weights, or path of a file; empty: the detector's own default"),
    Parameter("device", "auto", "Where the detector runs: auto (CUDA if there is any), cpu, cuda, cuda:1, ...",
              choices=DEVICES),
    Parameter("finder", "auto", "What finds people who are not tracked yet; auto: the detector where it can, else "
              "BlazePose; whole_image: one person who fills it", choices=FINDERS),
    Parameter("find_every", 1.0, "Seconds between two searches for new people while some are tracked", 0.0, 60.0),
    Parameter("max_people", 10, "People who are looked at, at most", 1, 200),
    Parameter("forget_after", 1.0, "Seconds after which somebody who is not seen any more gets a new id", 0.05, 60.0),
    Parameter("min_score", 0.2, "People whose joints score less, on average, are left out", 0.0, 1.0, effect="live"),
    Parameter("compressed", False, "Take the topic <image>/compressed, sensor_msgs/CompressedImage, in place of image",
              effect="activate"),
    Parameter("boxes_topic", "", "Topic of vision_msgs/Detection2DArray with a box for each person; empty: none",
              effect="activate"),
    Parameter("boxes_class", "", "class_id of people there (often person, or 0), a box being of its likeliest class; "
              "empty: every box is of a person",
              effect="live"),
    Parameter("boxes_max_age", 0.2, "Seconds that the stamps of boxes and of an image may differ by", 0.0, 10.0,
              effect="live"),
    Parameter("autostart", True, "Configure and activate at the start", effect="start"),
)  # fmt: skip

_PIPELINE = ("detector", "weights", "device", "finder", "find_every", "max_people", "forget_after")
_OUTPUTS = {Skeleton2DArray: ("skeletons_2d", OUTPUT), Image: ("debug_image", OUTPUT)}
_BLANK, _SOMEBODY = np.zeros((480, 640, 3), np.uint8), [(200.0, 40.0, 200.0, 400.0)]
_ALONE = 5.0  # s without people that are worth a word


class DetectNode(ManagedNode):
    """Finds the people of the newest image; where there are none it says so by an empty array.

    Configure loads the detector, activate subscribes and starts the worker that runs it, deactivate stops it,
    cleanup frees the detector. Topics, messages and parameters: see docs/detect_node.md.

    Args:
        load: makes what finds people, of the parameters in ``load_pipeline``'s signature.
    """

    def __init__(self, load: Callable[..., Pipeline] = load_pipeline, **kwargs: Any) -> None:
        super().__init__("detect_node", **kwargs)
        self.parameters = Parameters(self, PARAMETERS)
        self._boxes: BoxBuffer | None = None  # the latest of boxes_topic, where that is not empty
        self._load_pipeline = load
        self._pipeline: Pipeline | None = None
        self._images: LargeInput | None = None
        self.diagnostics = Diagnostics(self, ("images in", "images out", "people out"), self._health)

    # Transitions

    def _load(self) -> None:
        self._pipeline = self._load_pipeline(**{name: self.parameters[name] for name in _PIPELINE})
        self._pipeline.detector.detect(_BLANK, _SOMEBODY)  # so that the first image is not the slowest
        self._create_outputs(_OUTPUTS)
        kind, told = type(self._pipeline.detector).__name__, (self.parameters["detector"], self.parameters["weights"])
        self.get_logger().info(f"detector {' '.join(told).rstrip()}: {kind}")

    def _start(self) -> None:
        assert self._pipeline is not None
        topic = self.parameters["boxes_topic"]
        self._boxes = BoxBuffer() if topic else None
        self._worker = DetectWorker(self, self._pipeline, self._boxes, self._outputs)
        if topic:
            self._inputs.append(self.create_subscription(boxes_message_type(), topic, self._receive_boxes, NEWEST))
        kind = CompressedImage if self.parameters["compressed"] else Image
        self._images = LargeInput(self, kind, self._image_topic(), self._receive_image)

    def _stop(self) -> None:
        if self._images is not None:
            self._images.destroy()
        self._images = None
        super()._stop()

    def _release(self) -> None:
        super()._release()
        if self._pipeline is not None and hasattr(self._pipeline.detector, "close"):
            self._pipeline.detector.close()  # what is on a GPU goes now, not at garbage collection
        self._pipeline = None

    # Input

    def _image_topic(self) -> str:
        """Return the topic of images, named as image_transport does: a remapped ``image`` carries the other along."""
        return self.resolve_topic_name("image") + "/compressed" * self.parameters["compressed"]

    def _receive_image(self, message: Any) -> None:
        self.diagnostics.count("images in")
        if self._worker is not None:
            self._worker.put("image", message)

    def _receive_boxes(self, message: Any) -> None:
        self.diagnostics.count("boxes in")
        if stamp_ns(message.header) == 0:
            self.diagnostics.problem("zero stamp", "of boxes: the image that they belong to is not known")
        if self._boxes is not None:
            self._boxes.put(message)

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        level, message = self._verdict(recent)
        worker = self._worker
        size = worker.size if isinstance(worker, DetectWorker) else ""
        values = {name: self.parameters[name] for name in ("detector", "weights")} | {"image": size or "none yet"}
        return Health(level, message, values, hardware=self.parameters["device"])

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        worker = self._worker
        if not isinstance(worker, DetectWorker):
            return DiagnosticStatus.OK, "not active"
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        topics = [self._image_topic()] + [topic for topic in (self.parameters["boxes_topic"],) if topic]
        if not recent["images in"]:
            return DiagnosticStatus.OK, "no input" + self._silent(topics)
        alone = time.monotonic() - worker.seen
        words = ["detecting"]
        if recent["images out"] and alone >= _ALONE:
            words.append(f"nobody seen for {alone:.0f} s")
        if recent["dropped (newest wins)"]:
            words.append("some images dropped for newer ones")
        if recent["images without boxes"]:
            words.append("some images without boxes" + self._silent(topics[1:]))
        return DiagnosticStatus.OK, "; ".join(words)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(DetectNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
