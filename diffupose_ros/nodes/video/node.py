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


"""The video node: a file, a folder of images, or a camera as image and camera_info."""

import math
import threading
import time
import traceback
from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from diffupose_ros.camera import Camera
from diffupose_ros.camera_files import CameraFile, read_camera_file
from diffupose_ros.detection.frames import Pixels, open_source
from diffupose_ros.nodes.common.conversions import camera_to_info
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.images import compressed_message, image_message
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.qos import OUTPUT

PARAMETERS = (
    Parameter("source", "", "Path of a video, a photograph or a folder of these, or number (or device) of a camera",
              effect="start", or_number=True),
    Parameter("rate", 0.0, "Images per second; 0: the video's own, which is also the most (of a folder: 10)",
              0.0, 240.0, effect="start"),
    Parameter("loop", False, "Start again at the end; otherwise fall silent", effect="start"),
    Parameter("start_at", 0.0, "Seconds of a file or folder to leave out", 0.0, 1e6, effect="start"),
    Parameter("calibration", "", "Calibration of this image size: YAML of camera_calibration, OpenCV (FileStorage) or "
              "Kalibr (of several cameras one: FILE#cam0), or an echoed CameraInfo; empty: an ideal lens of hfov",
              effect="start"),
    Parameter("hfov", 0.0, "Horizontal field of view in degrees, where there is no calibration; 0: what a photograph "
              "says (EXIF), else a guess, 60 across the longer side", 0.0, 170.0,
              effect="start"),
    Parameter("frame_id", "camera_optical_frame", "Optical frame of the camera", effect="start"),
    Parameter("compressed", False, "Publish JPEGs on <image>/compressed in place of image", effect="start"),
    Parameter("wait_for", [], "Topics that a file or folder waits for, besides somebody who takes its images: it "
              "starts when each has a publisher, such as skeletons_3d when the lift node is ready", effect="start"),
)  # fmt: skip

_EARLY = 0.1  # of the time between two images, by which one may come early
_PAUSE = 0.5  # s between two tries to read a camera that gives nothing
_GLANCE = 0.05  # s between two looks for those who are waited for
_SETTLING = 0.5  # s in which those who have just begun to publish find each other
_PATIENCE = 2.0  # s that a camera may keep the end of the node waiting


class VideoNode(Node):
    """Publishes ``image`` and ``camera_info``, stamped with the time they are published at.

    A file or folder starts when somebody subscribes to the images and all topics of ``wait_for`` are published, so that
    nodes that still load miss nothing.

    Attributes:
        parameters: by name.
        diagnostics: what has happened so far, published.

    Raises:
        ValueError: the source or the camera's file cannot be read; says why.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("video_node", **kwargs)
        self.parameters = parameters = Parameters(self, PARAMETERS)
        camera_file = parameters["calibration"]
        self._camera_file: CameraFile | None = read_camera_file(camera_file) if camera_file else None
        self._source = open_source(parameters["source"], parameters["start_at"], parameters["rate"])
        kind, suffix = (CompressedImage, "/compressed") if parameters["compressed"] else (Image, "")
        self._images = self.create_publisher(kind, self.resolve_topic_name("image") + suffix, OUTPUT)
        self._info = self.create_publisher(CameraInfo, "camera_info", OUTPUT)
        self._size, self._focal, self._camera = (0, 0), None, CameraInfo()
        self._lens = camera_file or "none yet"
        self._awaited = [self.resolve_topic_name(topic) for topic in parameters["wait_for"]]
        self._state = "starting"
        self.diagnostics = Diagnostics(self, ("images out",), self._health)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Stop playing, then destroy the node."""
        self._stopping.set()
        self._thread.join(_PATIENCE)
        super().destroy_node()

    # The thread that reads and publishes

    def _work(self) -> None:
        try:
            self._play()
        except Exception as error:  # noqa: BLE001 - the node lives on, and says so
            if self.context.ok() and not self._stopping.is_set():
                self._state = f"stopped: {error}"
                self.diagnostics.problem("internal error", traceback.format_exc())
        finally:
            self._source.close()

    def _play(self) -> None:
        if self._source.rate is None:
            self._state = "publishing"
            self._play_camera()
        else:
            self._wait()
            self._state = "publishing"
            while self._play_through(self._source.rate) and self.parameters["loop"]:
                self._source.rewind()
            if not self._stopping.is_set():
                self._state = "the video has ended"
                self.get_logger().info(self._state)

    def _wait(self) -> None:
        """Wait for everybody who is to see the first image, or for the end of the node."""
        while (missing := self._missing()) and not self._stopping.wait(_GLANCE):
            if missing != self._state:
                self._state = missing
                self.get_logger().info(missing)
        if self._awaited:
            self._stopping.wait(_SETTLING)

    def _missing(self) -> str:
        """Return what a file still waits for, for people; nothing where it can start."""
        if unpublished := [topic for topic in self._awaited if not self.count_publishers(topic)]:
            return f"waiting for somebody to publish {', '.join(unpublished)}"
        return "" if self._images.get_subscription_count() else "waiting for somebody to subscribe to the images"

    def _play_through(self, own_rate: float) -> int:
        """Play a file or folder from where it begins to its end, each image at its time; return how many it gave."""
        rate, source, played = self.parameters["rate"], self._source, 0
        between = 1 / min(rate or math.inf, own_rate)  # s
        begin = first = last = wanted = -math.inf  # begin: when the source was, or would have been, at 0 s
        while not self._stopping.is_set():
            try:
                image = source.read(wanted)
            except ValueError as error:
                self.diagnostics.problem("unreadable image", str(error))
                continue
            now = time.monotonic()
            if image is None:
                self._stopping.wait(max(0.0, begin + last + between - now) if played else 0.0)
                break
            if not played:
                begin, first = now - source.time, source.time
            begin = max(begin, now - source.time - 1 / own_rate)  # what was too slow is not caught up with
            if self._stopping.wait(max(0.0, begin + source.time - now)):
                break
            self._publish(image)
            played, last = played + 1, source.time
            if rate:
                wanted = first + (math.floor((last - first) * rate + _EARLY) + 1 - _EARLY) / rate
        if not played and not self._stopping.is_set():
            self.diagnostics.problem("no images", f"none could be read from {self.parameters['source']}")
        return 0 if self._stopping.is_set() else played

    def _play_camera(self) -> None:
        """Publish what a camera gives, no more often than ``rate``."""
        rate, due = self.parameters["rate"], 0.0
        while not self._stopping.is_set():
            try:
                image = self._source.read()
            except ValueError as error:
                self.diagnostics.problem("no images", str(error))
                self._stopping.wait(_PAUSE)
                continue
            now = time.monotonic()
            if image is not None and now >= due:
                due = max(due + 1 / rate, now) if rate else 0.0
                self._publish(image)

    # Output

    def _publish(self, image: Pixels) -> None:
        if not self.context.ok():
            self._stopping.set()
            return
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.parameters["frame_id"])
        size = (image.shape[1], image.shape[0])
        if (size, self._source.focal) != (self._size, self._focal):
            self._size, self._focal = size, self._source.focal
            self._camera = self._camera_of(*size, self._focal)
        if self._camera.width:
            self._camera.header = header
            self._info.publish(self._camera)
        else:
            self.diagnostics.problem("calibration", self._misfit())
        if self._images.get_subscription_count():
            make = compressed_message if self.parameters["compressed"] else image_message
            self._images.publish(make(image, header))
            self.diagnostics.count("images out")

    def _camera_of(self, width: int, height: int, focal: float | None) -> CameraInfo:
        """Return the CameraInfo of images of that size; one without a size where the camera's file is of another."""
        if self._camera_file is None:
            if hfov := self.parameters["hfov"]:
                camera, self._lens = Camera.from_fov(math.radians(hfov), width, height), "hfov"
            elif focal is not None:
                camera, self._lens = Camera.from_focal(focal, width, height), "focal length of the photograph"
            else:
                camera, self._lens = Camera.guess(width, height), "guess"
            self._lens += f": {math.degrees(camera.hfov):.0f} degrees across"
            warning = f"no calibration: distances are no better than the lens, {self._lens}. Set calibration, or hfov"
            self.get_logger().warning(warning, once=True)
            return camera_to_info(camera, Header())
        camera = self._camera_file.camera
        if (camera.width, camera.height) != (width, height):
            return CameraInfo()
        info = camera_to_info(camera, Header())
        info.r, info.p = self._camera_file.rectification.ravel(), self._camera_file.projection.ravel()
        return info

    def _misfit(self) -> str:
        assert self._camera_file is not None
        camera, (width, height) = self._camera_file.camera, self._size
        return (
            f"it is of {camera.width}x{camera.height} images, but these are {width}x{height}: no camera_info is "
            "published. Calibrate at the size of the images"
        )

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        size = "x".join(map(str, self._size)) if self._size[0] else "none yet"
        found = problems(recent)
        level = DiagnosticStatus.WARN if found else DiagnosticStatus.OK
        values = {"source": self.parameters["source"], "calibration": self._lens, "image": size}
        return Health(level, found or self._state, values)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(VideoNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
