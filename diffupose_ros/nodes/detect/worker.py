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


"""The thread on which the detect node finds people: the executor never waits for the detector."""

import time
import traceback
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from diffupose_ros.detection.pipeline import Pipeline, TrackedPeople
from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.common.conversions import skeletons_2d_message, stamp_ns
from diffupose_ros.nodes.common.images import ASSUMED, Pixels, image_message, read_image
from diffupose_ros.nodes.common.worker import Host, Worker
from diffupose_ros.nodes.detect.boxes import BoxBuffer, FloatArray, read_boxes
from diffupose_ros.nodes.detect.overlay import draw_people

_BLACK = 8  # of 255; the brightest pixel of an image in which nobody can be seen
_SPARSE = 16  # pixels between two that are looked at for that
_SAME_STREAM = 1.0  # s that a stamp may be older than that of the image before; more: a bag starts again, say


class DetectWorker(Worker):
    """Finds the people of the newest image, and publishes them, until it is closed.

    Args:
        host: the node that it works for.
        pipeline: finds people and knows them again.
        boxes: the latest that somebody else has found; None: nobody looks.
        outputs: publisher of each message type.

    Attributes:
        size: of the newest image, as text; empty before the first.
        seen: when people were last published, or else when it was made, by ``time.monotonic``.
    """

    def __init__(self, host: Host, pipeline: Pipeline, boxes: BoxBuffer | None, outputs: dict[type, Any]) -> None:
        self._pipeline, self._boxes, self._outputs = pipeline, boxes, outputs
        self._logger, self._stamp = host.get_logger(), 0
        self.size, self.seen = "", time.monotonic()
        super().__init__(host)  # at the end: the thread starts

    def _process(self, messages: dict[str, Any]) -> None:
        (message,) = messages.values()
        if not any(map(self._wanted, self._outputs)):
            self._diagnostics.count("not looked at (nobody subscribes)")
            return
        try:
            image = read_image(message)
        except ValueError as error:
            self._diagnostics.problem("bad image", str(error))
            return
        if isinstance(message, Image) and (taken := ASSUMED.get(message.encoding)):
            warning = f"encoding {message.encoding} does not say what its channels are: taken for {taken}"
            self._logger.warning(warning, once=True)
        self._look(image)
        start = time.monotonic()
        try:
            moment = self._moment(message.header)
            people = self._pipeline.process(image, moment, self._boxes_of(message.header))
        except Exception:  # noqa: BLE001 - whatever the detector does with one image, it is asked again
            if not self._mailbox.closed:
                detail = f"on an image of {self.size}: {traceback.format_exc()}"
                self._diagnostics.problem("detector failed", detail)
            return
        self._diagnostics.duration("detection", time.monotonic() - start)
        self._publish(message.header, image, people)

    def _look(self, image: Pixels) -> None:
        size = f"{image.shape[1]}x{image.shape[0]}"
        if size != self.size and self.size:
            self._diagnostics.problem("image size", f"it changed from {self.size} to {size}")
        self.size = size
        if image[::_SPARSE, ::_SPARSE].max() < _BLACK:
            self._diagnostics.problem("black image", "is the camera covered, or the exposure far too short?")

    def _moment(self, header: Header) -> float:
        """Return the image's time in seconds."""
        stamp = stamp_ns(header)
        if stamp == 0:
            detail = "header.stamp is zero: the time of arrival is taken, and boxes cannot be matched"
            self._diagnostics.problem("zero stamp", detail)
            stamp = self._clock.now().nanoseconds
        back = (self._stamp - stamp) / 1e9
        if back > _SAME_STREAM:
            self._diagnostics.problem("time went back", f"by {back:.1f} s: people get new ids")
        self._stamp = stamp
        return stamp / 1e9

    def _boxes_of(self, header: Header) -> FloatArray | None:
        if self._boxes is None:
            return None
        message = self._boxes.of(stamp_ns(header), self._parameters["boxes_max_age"])
        if message is None:
            self._diagnostics.count("images without boxes")
            return None
        boxes, bad = read_boxes(message, self._parameters["boxes_class"])
        if bad:
            self._diagnostics.problem("bad box", "not finite, or without an area: left out", bad)
        self._diagnostics.count("boxes of other classes", len(message.detections) - len(boxes) - bad)
        return boxes

    def _publish(self, header: Header, image: Pixels, people: TrackedPeople) -> None:
        found, min_score = people.detections, self._parameters["min_score"]
        sure = found.scores.mean(-1) >= min_score if len(found.scores) else np.zeros(0, bool)
        ids = [name for name, kept in zip(people.ids, sure, strict=True) if kept]
        self._diagnostics.count("people left out (min_score)", len(people.ids) - len(ids))
        if self._wanted(Skeleton2DArray):
            size = CameraInfo(width=image.shape[1], height=image.shape[0])
            variance = None if found.variance is None else found.variance[sure]
            self._outputs[Skeleton2DArray].publish(
                skeletons_2d_message(
                    header, size, ids, found.layout, found.keypoints[sure], found.scores[sure], found.profile, variance
                )
            )
        if self._wanted(Image):
            self._outputs[Image].publish(image_message(draw_people(image, people, min_score), header))
        self._diagnostics.count("images out")
        self._diagnostics.count("people out", len(ids))
        if ids:
            self.seen = time.monotonic()
        if stamp := stamp_ns(header):
            self._diagnostics.duration("latency", (self._clock.now().nanoseconds - stamp) / 1e9)

    def _wanted(self, kind: type) -> bool:
        return bool(self._outputs[kind].get_subscription_count())
