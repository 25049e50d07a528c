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


"""The detect node in its own process, over real topics, with a detector of coloured discs (support/discs.py)."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import Skeleton2DArray
from lifecycle_msgs.msg import Transition
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from support import ROOT
from support.discs import DEADLY, DiscPipeline, joints, picture
from support.nodes import PATIENCE, Client, connected, node_process

from diffupose_ros.nodes.common.images import compressed_message, image_message, read_image
from diffupose_ros.nodes.detect.boxes import BoxBuffer, read_boxes
from diffupose_ros.nodes.detect.node import DetectNode

try:
    from vision_msgs import msg as vision
except ImportError:
    vision = None
# Not skipped while it is imported: with launch_testing's plugin nothing at all would then be collected.
pytestmark = pytest.mark.skipif(vision is None, reason="needs vision_msgs, which not every ROS 2 has installed")
SCRIPT = str(ROOT / "test/support/discs.py")
ONE, TWO = {"red": (80, 100)}, {"red": (80, 100), "green": (220, 120)}


def boxes_message(header: Header, *boxes: tuple[float, ...]) -> Any:
    """Return a Detection2DArray of boxes (centre x, y, width, height, and angle if there is one)."""
    array = vision.Detection2DArray(header=header)
    for x, y, width, height, *angle in boxes:
        box = vision.BoundingBox2D(size_x=float(width), size_y=float(height))
        box.center.position.x, box.center.position.y = float(x), float(y)
        box.center.theta = float(angle[0]) if angle else 0.0
        array.detections.append(vision.Detection2D(header=header, bbox=box))
    return array


@contextlib.contextmanager
def node_here(load: Any) -> Iterator[DetectNode]:
    """Run a detect node in this process."""
    rclpy.init(args=[])
    node = DetectNode(load)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def test_cleanup_frees_the_detector_and_nothing_is_done_for_nobody() -> None:
    asked = []

    class Watched(DiscPipeline):
        def process(self, *inputs: Any) -> Any:
            asked.append(inputs)

    with node_here(Watched) as node:
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        pipeline, detector = weakref.ref(node._pipeline), node._pipeline.detector
        node._receive_image(image_message(picture(ONE), Header()))
        end = time.monotonic() + PATIENCE
        while not node.diagnostics.total("not looked at (nobody subscribes)"):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert not asked
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert pipeline() is not None
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        gc.collect()
        assert detector.closed
        assert pipeline() is None


def test_an_encoding_that_names_no_channels_is_taken_for_the_usual_one_which_is_said_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with node_here(DiscPipeline) as node:
        found: list[Any] = []
        node.create_subscription(Skeleton2DArray, "skeletons_2d", found.append, QoSProfile(depth=10))
        assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        end = time.monotonic() + PATIENCE
        while len(found) < 2:
            assert time.monotonic() < end
            message = image_message(picture(ONE), Header(frame_id="camera"))
            message.encoding = "8UC3"
            node._receive_image(message)
            rclpy.spin_once(node, timeout_sec=0.05)
        assert not node.diagnostics.total("problem: bad image")
    assert [len(message.skeletons) for message in found[:2]] == [1, 1]
    assert capfd.readouterr().err.count("encoding 8UC3 does not say what its channels are: taken for bgr8") == 1


def test_after_a_minute_without_people_diagnostics_say_so() -> None:
    with node_here(DiscPipeline) as node:
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        recent = Counter({"images in": 10, "images out": 10})
        assert node._health(recent).message == "detecting"
        node._worker.seen -= 61
        assert node._health(recent).message.startswith("detecting; nobody seen for 6")


def test_without_vision_msgs_boxes_are_refused_and_all_else_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", None)
    with node_here(DiscPipeline) as node:
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        node.set_parameters([Parameter("boxes_topic", value="boxes")])
        assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
        assert "-vision-msgs" in node._failure
        node.set_parameters([Parameter("boxes_topic", value="")])
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS


def test_boxes_are_upright_and_of_finite_size() -> None:
    header = Header()
    boxes, bad = read_boxes(boxes_message(header, (50, 40, 20, 10), (50, 40, 20, 10, np.pi / 2), (0, 0, 0, 5)))
    assert bad == 1
    assert boxes == pytest.approx(np.array([(40, 35, 20, 10), (45, 30, 10, 20)]))
    assert read_boxes(vision.Detection2DArray())[0].shape == (0, 4)


def test_boxes_are_of_people_where_their_class_is_known() -> None:
    message = boxes_message(Header(), (1, 1, 2, 2), (2, 2, 2, 2), (3, 3, 2, 2), (4, 4, 0, 2))
    classes = [[("person", 0.6), ("dog", 0.3)], [("person", 0.3), ("dog", 0.6)], [], [("person", 1.0)]]
    for detection, found in zip(message.detections, classes, strict=True):
        for name, score in found:
            hypothesis = vision.ObjectHypothesis(class_id=name, score=score)
            detection.results.append(vision.ObjectHypothesisWithPose(hypothesis=hypothesis))
    boxes, bad = read_boxes(message, "person")
    assert boxes.tolist() == [[0, 0, 2, 2]] and bad == 1
    assert len(read_boxes(message)[0]) == 3 and len(read_boxes(message, "cat")[0]) == 0


def test_the_boxes_of_the_image_itself_go_before_newer_ones() -> None:
    buffer, messages = BoxBuffer(), {}
    for name, nanoseconds in (("old", 0), ("own", 100), ("newer", 150)):
        header = Header()
        header.stamp.sec, header.stamp.nanosec = 5, nanoseconds * 1_000_000
        messages[name] = boxes_message(header)
        buffer.put(messages[name])
    assert buffer.of(5_100_000_000, 1.0) is messages["own"]
    assert buffer.of(5_200_000_000, 1.0) is messages["newer"]
    assert buffer.of(5_300_000_000, 0.1) is None


class Camera(Client):
    """Publishes images and boxes, and receives what the detect node makes of them."""

    def __init__(self) -> None:
        super().__init__("camera", "detect_node")
        self.skeletons: list[Any] = []
        self.debug: list[Any] = []
        qos = QoSProfile(depth=10)
        self._raw = self.node.create_publisher(Image, "image", qos)
        self._compressed = self.node.create_publisher(CompressedImage, "image/compressed", qos)
        self.boxes = self.node.create_publisher(vision.Detection2DArray, "boxes", qos)
        self.node.create_subscription(Skeleton2DArray, "skeletons_2d", self.skeletons.append, QoSProfile(depth=50))

    def publish(self, message: Any) -> None:
        """Publish an image, raw or compressed."""
        (self._compressed if isinstance(message, CompressedImage) else self._raw).publish(message)

    def image(self, people: dict[str, tuple[int, int]], **size: int) -> Image:
        """Return an image with a stamp never used before."""
        return image_message(picture(people, **size), self.next_header())

    def answer(self, message: Any) -> Any:
        """Publish an image until it is answered (inputs are best effort), and return the answer."""

        def answers() -> list[Any]:
            return [m for m in self.skeletons if m.header == message.header]

        for _ in range(20):
            self.publish(message)
            for _ in range(20):
                rclpy.spin_once(self.node, timeout_sec=0.05)
                if answers():
                    return answers()[0]
        raise AssertionError(f"not answered; diagnostics: {self.values()}")

    def ids(self, message: Any) -> list[str]:
        """Return the ids in the answer to an image."""
        return [s.id for s in self.answer(message).skeletons]

    def says(self, text: str) -> bool:
        """Return whether the latest diagnostics say that of the node."""
        return self.status() is not None and text in self.status().message

    def seen(self, event: str, number: int = 1) -> bool:
        """Return whether something has been counted so often."""
        return int(self.values().get(event, 0)) >= number


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    """Return a camera that a detect node answers."""
    with node_process(SCRIPT, "-p", "boxes_topic:=boxes"), connected(Camera) as camera:
        camera.spin_until(lambda: camera.node.count_subscribers("image"))
        yield camera


def test_people_come_with_the_stamp_the_frame_and_the_size_of_the_image(camera: Camera) -> None:
    message = camera.image(TWO)
    answer = camera.answer(message)
    assert answer.header == message.header
    assert (answer.image_width, answer.image_height) == (320, 240)
    assert [s.id for s in answer.skeletons] == ["red", "green"]
    assert {s.layout for s in answer.skeletons} == {"coco17"}
    for skeleton, centre in zip(answer.skeletons, TWO.values(), strict=True):
        pixels = np.array([(k.x, k.y) for k in skeleton.keypoints])
        assert np.abs(pixels - joints(*centre)).max() < 1
        assert all(k.score == pytest.approx(0.9) for k in skeleton.keypoints)
        assert all(k.variance == 4 for k in skeleton.keypoints)
    assert answer.detector == "hrnet"


def test_nobody_is_an_empty_array_and_who_is_not_sure_enough_is_left_out(camera: Camera) -> None:
    assert camera.answer(camera.image({})).skeletons == []
    assert camera.ids(camera.image({"blue": (60, 60), "green": (200, 60)})) == ["green"]
    assert camera.set("min_score", 0.05).successful
    assert camera.ids(camera.image({"blue": (60, 60), "green": (200, 60)})) == ["green", "blue"]
    assert camera.set("min_score", 0.2).successful
    camera.spin_until(lambda: camera.seen("people left out (min_score)"))


def test_a_camera_that_is_best_effort_is_seen_too(camera: Camera) -> None:
    publisher = camera.node.create_publisher(Image, "image", qos_profile_sensor_data)
    message = camera.image(ONE)
    camera.spin_until(lambda: any(m.header == message.header for m in camera.skeletons) or publisher.publish(message))
    camera.node.destroy_publisher(publisher)
    assert camera.ids(camera.image(ONE)) == ["red"]


def test_bad_images_are_counted_by_kind_and_the_next_good_one_is_answered(camera: Camera) -> None:
    bad = [camera.image(ONE) for _ in range(6)]  # inputs may be best effort, and the newest wins: each thrice
    bad[0].encoding = "16UC1"
    bad[1].width = 0
    bad[2].step = 10
    bad[3].data = bad[3].data[:1000]
    bad[4].encoding = "octopus"
    bad[5].height = 100_000
    before = camera.count("bad image")
    for message in bad:
        for _ in range(3):
            camera.publish(message)
            rclpy.spin_once(camera.node, timeout_sec=0.05)
    assert camera.ids(camera.image(ONE)) == ["red"]
    camera.spin_until(lambda: camera.count("bad image") >= before + len(bad))
    assert not {str(m.header.stamp) for m in bad} & {str(m.header.stamp) for m in camera.skeletons}


def test_a_crash_of_the_detector_black_images_and_other_sizes_do_not_stop_it(camera: Camera) -> None:
    deadly = image_message(np.full((240, 320, 3), DEADLY, np.uint8), camera.next_header())
    before = camera.count("detector failed")
    camera.publish(deadly)
    camera.spin_until(lambda: camera.count("detector failed") > before or camera.publish(deadly))
    assert camera.says("detector failed")
    black = image_message(np.zeros((240, 320, 3), np.uint8), camera.next_header())
    assert camera.answer(black).skeletons == []
    large = camera.answer(camera.image(ONE, width=1920, height=1080))
    assert (large.image_width, [s.id for s in large.skeletons]) == (1920, ["red"])
    assert camera.ids(camera.image(ONE)) == ["red"]
    unstamped = image_message(picture(ONE), Header(frame_id="camera"))
    assert camera.ids(unstamped) == ["red"]
    assert camera.ids(camera.image(ONE)) == ["red"]
    for kind in ("black image", "image size", "zero stamp"):
        camera.spin_until(lambda kind=kind: camera.count(kind))
    assert all(m.header != deadly.header for m in camera.skeletons)


def test_the_debug_image_is_drawn_while_somebody_subscribes(camera: Camera) -> None:
    assert not camera.debug
    subscription = camera.node.create_subscription(Image, "debug_image", camera.debug.append, QoSProfile(depth=5))
    message = camera.image(ONE)
    camera.spin_until(lambda: camera.debug or camera.publish(message))
    drawn = read_image(camera.debug[0])
    assert camera.debug[0].header == message.header
    assert np.abs(drawn.astype(int) - picture(ONE)).max(-1)[60:140, 40:120].mean() > 10
    assert np.array_equal(drawn[:, 160:], picture(ONE)[:, 160:])
    camera.node.destroy_subscription(subscription)


def test_boxes_of_the_image_or_shortly_before_it_say_where_people_are(camera: Camera) -> None:
    message = camera.image(TWO)
    bad = [(80, 100, -5, 60), (float("nan"), 100, 60, 60)]
    boxes = boxes_message(message.header, (220, 120, 60, 60), *bad)
    before = int(camera.values().get("boxes in", 0))
    camera.spin_until(lambda: camera.seen("boxes in", before + 1) or camera.boxes.publish(boxes))
    assert camera.ids(message) == ["green"]
    shortly_after = camera.image(TWO)
    shortly_after.header.stamp.sec = message.header.stamp.sec
    shortly_after.header.stamp.nanosec = 150_000_000
    assert camera.ids(shortly_after) == ["green"]
    assert camera.ids(camera.image(TWO)) == ["red", "green"]  # a second later the boxes are too old
    nobody = camera.image(TWO)
    in_time = boxes_message(nobody.header)
    before = int(camera.values().get("boxes in", 0))
    camera.spin_until(lambda: camera.seen("boxes in", before + 1) or camera.boxes.publish(in_time))
    assert camera.ids(nobody) == []
    camera.spin_until(lambda: camera.count("bad box") >= 2 and camera.seen("images without boxes"))


def test_the_newest_image_wins_and_diagnostics_tell(camera: Camera) -> None:
    slow = [camera.image(ONE, seconds=1) for _ in range(6)]
    dropped = int(camera.values().get("dropped (newest wins)", 0))
    for message in slow:
        camera.publish(message)
        rclpy.spin_once(camera.node, timeout_sec=0.05)
    last = slow[-1].header
    camera.spin_until(lambda: any(m.header == last for m in camera.skeletons))
    answered = [m for m in camera.skeletons if m.header in [s.header for s in slow]]
    assert len(answered) <= 3
    camera.spin_until(lambda: camera.seen("dropped (newest wins)", dropped + 3))
    values = camera.values()
    assert {"images in", "images out", "people out", "images out/s", "detection p50 ms", "latency p99 ms"} <= set(
        values
    )
    assert 0 < float(values["detection p50 ms"]) <= float(values["detection p99 ms"])
    assert (values["image"], values["detector"]) == ("320x240", "auto")
    camera.spin_until(lambda: camera.says("no input"))


def test_transitions_compressed_images_and_weights_that_are_not_there(camera: Camera) -> None:
    assert camera.state() == "active"
    assert camera.change(Transition.TRANSITION_DEACTIVATE)
    assert camera.set("compressed", True).successful
    assert not camera.set("detector", "crystal_ball").successful
    assert not camera.set("max_people", 0).successful
    assert camera.change(Transition.TRANSITION_CLEANUP)
    assert camera.set("weights", "nowhere.pth").successful
    assert not camera.change(Transition.TRANSITION_CONFIGURE)
    assert camera.state() == "unconfigured"
    camera.spin_until(lambda: camera.says("cannot configure: no weights at nowhere.pth"))
    assert camera.set("weights", "").successful
    assert camera.set("max_people", 1).successful
    assert camera.change(Transition.TRANSITION_CONFIGURE)
    assert camera.change(Transition.TRANSITION_ACTIVATE)
    good = compressed_message(picture(TWO), camera.next_header())
    assert camera.ids(good) == ["red"]
    corrupt = compressed_message(picture(TWO), camera.next_header())
    corrupt.data = corrupt.data[: len(corrupt.data) // 2]
    before = camera.count("bad image")
    camera.spin_until(lambda: camera.count("bad image") > before or camera.publish(corrupt))
    assert camera.ids(compressed_message(picture(ONE), camera.next_header())) == ["red"]
    assert camera.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert camera.state() == "finalized"
