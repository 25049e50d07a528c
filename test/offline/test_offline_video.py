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

"""Videos and directories of images as frames with times; what is broken in them."""

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.movies import claim_duration, cut, numbered_video, set_times
from support.offline import write_video

from diffupose_ros.offline.video import Video, VideoWriter


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), 10 * number, np.uint8)


def test_a_file_gives_its_frames_with_their_times(tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "video.avi", [numbered(i) for i in range(5)], rate=25))
    assert (video.width, video.height, video.rate, video.count) == (64, 48, 25, 5)
    frames = list(video)
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 10, 20, 30, 40]
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(5) / 25, atol=1e-3)
    assert not video.problems


def test_images_of_a_directory_come_by_number_whatever_their_size_and_bad_ones_are_said(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        cv2.imwrite(str(tmp_path / f"image{number}.png"), numbered(number))
    cv2.imwrite(str(tmp_path / "image3.png"), numbered(3, width=80))
    (tmp_path / "image4.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (tmp_path / "image5.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    said: list[str] = []
    video = Video(tmp_path, 5, said.append)
    frames = list(video)
    assert [frame.image[0, 0, 0] for frame in frames] == [10, 20, 30, 100]
    assert [frame.image.shape[1] for frame in frames] == [64, 64, 80, 64]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.2, 0.4, 1.0])
    assert video.count == 6
    assert video.problems == {"unreadable": 2}
    assert [line.partition(" is ")[0] for line in said] == [f"{tmp_path}/image4.jpg", f"{tmp_path}/image5.png"]


def test_a_grey_and_a_sixteen_bit_image_are_read_as_colour(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((48, 64), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((48, 64), 7 * 257, np.uint16))
    assert [(f.image.shape, f.image.dtype, f.image.max()) for f in Video(tmp_path)] == [((48, 64, 3), np.uint8, 7)] * 2


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "folder"])
def test_what_is_no_video_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    reason = "no video at" if name == "missing.mp4" else "in it can be read"
    with pytest.raises((FileNotFoundError, ValueError), match=reason):
        Video(tmp_path / name)


def test_a_truncated_file_gives_what_it_has_and_says_what_is_missing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(20)]
    path = write_video(tmp_path / "video.avi", noise, rate=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = Video(path)
    got = len(list(video))
    assert 5 < got < 15
    assert not video.count or video.problems["missing at the end"] == video.count - got


def test_nothing_is_missing_where_a_file_is_whole(tmp_path: Path) -> None:
    """One that was cut has images that are not shown; one of a recorder says only how long it is."""
    cut(cut_video := numbered_video(tmp_path / "cut.mp4", "mp4v"), 10 * 1024, 1000)
    claim_duration(recorded := numbered_video(tmp_path / "recorded.mkv", "MJPG"), 1_000_000)
    set_times(held := numbered_video(tmp_path / "held.mp4", "mp4v", count=10), [10] * 9 + [500])
    for path, frames in ((cut_video, 10), (recorded, 20), (held, 10)):
        video = Video(path)
        assert len(list(video)) == frames and not video.problems


RATES = [0.01, 0.5, 7.4925, 14.985, 29.97, 59.94, 119.88, 211.222, 333.3333, 1000, 30000]


@pytest.mark.parametrize("rate", RATES)
def test_what_is_written_at_any_rate_can_be_read(tmp_path: Path, rate: float) -> None:
    with VideoWriter(tmp_path / "video.mp4", rate, (64, 48)) as writer:
        for number in range(3):
            writer.write(numbered(number))
    assert not writer.problem
    video = Video(tmp_path / "video.mp4")
    assert (video.width, video.height, len(list(video))) == (64, 48, 3)
    assert video.rate == pytest.approx(min(max(rate, 0.1), 1000), rel=1e-3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is Linux's /dev/full")
def test_a_full_disk_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").symlink_to("/dev/full")
    with VideoWriter(tmp_path / "video.mp4", 30, (64, 48)) as writer:
        for number in range(3):
            writer.write(numbered(number))
    assert re.search(r"video\.mp4 (is not whole|cannot be written).*is the disk full|the disk not full", writer.problem)


@pytest.mark.parametrize("name", ["nowhere/video.mp4", os.fsdecode(b"\xe9.mp4")])
def test_a_video_that_cannot_be_written_is_said_and_does_no_harm(tmp_path: Path, name: str) -> None:
    with VideoWriter(tmp_path / name, 30, (64, 48)) as writer:
        writer.write(numbered(1))
    assert "cannot be written" in writer.problem
