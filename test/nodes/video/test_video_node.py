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


"""The video node in its own process: files and folders as image and camera_info over real topics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from support.camera_file import WRITTEN
from support.movies import numbered_video, set_times
from support.nodes import Observer, connected, node_process
from support.videos import level

from diffupose_ros.nodes.common.conversions import camera_from_info
from diffupose_ros.nodes.common.images import read_image
from diffupose_ros.nodes.video.node import VideoNode


class Viewer(Observer):
    """Receives images, and the camera_info of each."""

    def __init__(self) -> None:
        super().__init__("viewer", "video_node")
        self.images: list[Any] = []
        self.info: list[Any] = []
        qos = QoSProfile(depth=50)
        self.node.create_subscription(Image, "image", self.images.append, qos)
        self.node.create_subscription(CompressedImage, "other/compressed", self.images.append, qos)
        self.node.create_subscription(CameraInfo, "camera_info", self.info.append, qos)

    def levels(self) -> list[int]:
        """Return which images have come."""
        return [level(read_image(m)) for m in self.images]


def made(**parameters: Any) -> VideoNode:
    """Return a video node in this process."""
    return VideoNode(parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()])


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    with connected(Viewer) as viewer:
        yield viewer


def test_a_video_is_played_once_from_where_it_is_told_with_a_guessed_camera(
    viewer: Viewer,
    video: Path,
) -> None:
    options = ("-p", f"source:={video}", "-p", "start_at:=0.5", "-p", "hfov:=90.0", "-p", "frame_id:=eye")
    with node_process("video_node", *options):
        viewer.spin_until(lambda: viewer.status() and viewer.status().message == "the video has ended")
        assert viewer.values()["calibration"] == "hfov: 90 degrees across"
    assert viewer.levels() == list(range(5, 20))
    assert [m.header for m in viewer.images] == [m.header for m in viewer.info]
    assert {m.header.frame_id for m in viewer.images} == {"eye"}
    assert min(np.diff(stamps(viewer.images))) > 0
    camera = camera_from_info(viewer.info[0])
    assert (camera.width, camera.height) == (64, 48)
    assert camera.K[0, 0] == pytest.approx(32)


def test_a_calibrated_video_loops_in_fewer_images_and_compressed(
    viewer: Viewer,
    video: Path,
    tmp_path: Path,
) -> None:
    written = WRITTEN.replace("640", "64").replace("480", "48", 1)
    (tmp_path / "camera.yaml").write_text(written)
    options = ("-p", f"source:={video}", "-p", "rate:=5.0", "-p", "loop:=true", "-p", "compressed:=true")
    with node_process("video_node", *options, "-p", f"calibration:={tmp_path / 'camera.yaml'}", "-r", "image:=other"):
        viewer.spin_until(lambda: len(viewer.images) >= 12)
    assert viewer.levels()[:12] == [*range(0, 20, 2), 0, 2]
    info = viewer.info[0]
    assert list(info.d[:2]) == [-0.1, 0.02]
    assert list(info.p[:3]) == [480, 0, 321]
    assert list(info.r[4:6]) == [0.8, 0.6]
    assert info.k[0] == 500.5


def test_a_loop_is_no_faster_than_its_rate_where_the_video_is_shorter_than_that(viewer: Viewer, tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "short.mp4", "mp4v", count=2)
    with node_process("video_node", "-p", f"source:={path}", "-p", "rate:=2.0", "-p", "loop:=true"):
        viewer.spin_until(lambda: len(viewer.images) >= 3)
    assert min(np.diff(stamps(viewer.images))) > 0.3  # not 0.1


def test_a_broken_image_in_a_folder_and_another_size_than_calibrated_are_said(
    viewer: Viewer,
    folder: Path,
    tmp_path: Path,
) -> None:
    cv2.imwrite(str(folder / "4.png"), np.full((24, 32, 3), 40, np.uint8))
    (tmp_path / "camera.yaml").write_text(WRITTEN.replace("640", "64").replace("480", "48", 1))
    node = made(source=str(folder), calibration=str(tmp_path / "camera.yaml"), rate=20.0)
    viewer.spin_until(lambda: len(viewer.images) == 5 and len(viewer.info) == 4)
    assert viewer.levels() == [0, 1, 3, 4, 5]
    for kind in ("calibration", "unreadable image"):
        assert node.diagnostics.total(f"problem: {kind}") == 1
    node.destroy_node()


def stamps(messages: list[Any]) -> np.ndarray:
    return np.array([m.header.stamp.sec + m.header.stamp.nanosec / 1e9 for m in messages])


def test_images_are_published_at_the_times_that_the_video_says(viewer: Viewer, tmp_path: Path) -> None:
    set_times(path := numbered_video(tmp_path / "variable.mp4", "mp4v", count=4), [5, 5, 100, 10])
    with node_process("video_node", "-p", f"source:={path}"):
        viewer.spin_until(lambda: viewer.status() and viewer.status().message == "the video has ended")
    assert len(viewer.images) == 4
    assert np.diff(stamps(viewer.images))[2] > 0.6  # evenly they would be 0.3 s apart


def test_fewer_images_are_those_nearest_to_even_times(viewer: Viewer, tmp_path: Path) -> None:
    set_times(path := numbered_video(tmp_path / "variable.mp4", "mp4v", count=8), [5, 5, 5, 5, 40, 5, 5, 5])
    with node_process("video_node", "-p", f"source:={path}", "-p", "rate:=10.0"):
        viewer.spin_until(lambda: viewer.status() and viewer.status().message == "the video has ended")
    assert [round(float(np.median(read_image(m))) / 10) for m in viewer.images] == [0, 2, 4, 5, 7]


def test_photographs_have_cameras_of_their_own(viewer: Viewer, tmp_path: Path) -> None:
    for name, size, exif in (("1", (80, 60), {}), ("2", (60, 80), {}), ("3", (80, 60), {0xA405: 26})):
        tags = PIL.Image.Exif()
        tags.get_ifd(0x8769).update(exif)
        PIL.Image.new("RGB", size).save(tmp_path / f"{name}.jpg", exif=tags.tobytes())
    node = made(source=str(tmp_path), rate=20.0)
    viewer.spin_until(lambda: len(viewer.images) == 3 and len(viewer.info) == 3)
    assert [(m.width, m.height) for m in viewer.info] == [(80, 60), (60, 80), (80, 60)]
    guess = 40 / np.tan(np.radians(30))  # across the longer side
    assert [m.k[0] for m in viewer.info] == pytest.approx([guess, guess, 26 / np.hypot(36, 24) * 100])
    node.destroy_node()


def test_a_file_waits_for_the_topics_that_it_is_told_to(viewer: Viewer, video: Path) -> None:
    def says(text: str) -> bool:
        return bool(viewer.status()) and viewer.status().message == f"waiting for somebody to publish {text}"

    with node_process("video_node", "-p", f"source:={video}", "-p", "wait_for:=[skeletons_3d, /people]"):
        viewer.spin_until(lambda: says("/skeletons_3d, /people"))
        viewer.node.create_publisher(Image, "skeletons_3d", 1)
        viewer.spin_until(lambda: says("/people"))
        assert not viewer.images
        viewer.node.create_publisher(Image, "people", 1)
        viewer.spin_until(lambda: viewer.images)
        assert viewer.levels()[0] == 0


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"source": ""}, "nothing at source ''"),
        ({"source": 62}, "camera 62 cannot be opened"),
        ({"source": True}, "source: expected text or a whole number"),
        ({"source": ".", "calibration": "missing.yaml"}, "calibration missing.yaml cannot be read"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(
    viewer: Viewer, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        made(**parameters)


def test_a_camera_that_gives_nothing_is_said_and_asked_again(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sleepy:
        rate = focal = None
        asked = 0

        def read(self) -> np.ndarray:
            self.asked += 1
            if self.asked < 3:
                raise ValueError("camera 0 gives no images")
            time.sleep(0.05)
            return np.full((48, 64, 3), 70, np.uint8)

        def close(self) -> None:
            pass

    monkeypatch.setattr("diffupose_ros.nodes.video.node.open_source", lambda *_: Sleepy())
    node = made(source="0", rate=5.0)
    viewer.spin_until(lambda: viewer.images)
    assert viewer.levels()[0] == 7
    assert node.diagnostics.total("problem: no images") == 2
    node.destroy_node()
