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


"""Videos, folders and cameras as images one after the other."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from support.videos import level

from diffupose_ros.detection.frames import FOLDER_RATE, Source, open_recording, open_source


def levels(source: Source, step: float = 0.0) -> list[int]:
    """Return the images up to the end, those that are ``step`` seconds apart at least."""
    found, since = [], -np.inf
    while (image := source.read(since)) is not None:
        found.append(level(image))
        since = source.time + step
    return found


def test_a_video_is_read_to_its_end_and_again(video: Path) -> None:
    source = open_source(str(video))
    assert source.rate == 10
    assert levels(source) == list(range(20))
    source.rewind()
    assert levels(source, step=0.5) == [0, 5, 10, 15]
    source.close()


def test_a_video_starts_where_it_is_told_each_time(video: Path) -> None:
    source = open_source(str(video), start_at=1.5)
    assert levels(source) == [15, 16, 17, 18, 19]
    source.rewind()
    assert level(source.read()) == 15
    with pytest.raises(ValueError, match=r"start_at is 2 s, but .*video.avi lasts 2.0 s"):
        open_source(str(video), start_at=2.0)


def test_names_that_are_not_utf8_end_no_process(video: Path, folder: Path) -> None:
    first = level(open_recording(folder).read())
    foreign = folder.rename(folder.with_name("caf" + os.fsdecode(b"\xe9")))
    assert level(open_recording(foreign).read()) == first
    film = video.rename(video.with_name(os.fsdecode(b"\xe9.avi")))
    with pytest.raises(ValueError, match=r"udce9\.avi': not a name in UTF-8, which OpenCV needs: rename it"):
        open_recording(film)


def test_a_video_that_breaks_off_ends_there(video: Path) -> None:
    data = video.read_bytes()
    video.write_bytes(data[: len(data) * 3 // 4])
    found = levels(open_source(str(video)))
    assert 3 < len(found) < 20
    assert found[:4] == [0, 1, 2, 3]


def test_a_folder_is_read_by_name_and_a_broken_image_costs_no_other(folder: Path) -> None:
    source = open_source(str(folder))
    assert source.rate == FOLDER_RATE
    assert [level(source.read()) for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match=r"2\.png: truncated PNG"):
        source.read()
    assert levels(source) == [3, 4, 5]
    source.rewind()
    assert level(source.read(since=0.3)) == 3
    later = open_source(str(folder), start_at=0.75, rate=4.0)
    assert later.rate == 4
    assert levels(later) == [3, 4, 5]
    with pytest.raises(ValueError, match=r"lasts 1\.5 s"):
        open_source(str(folder), start_at=1.5, rate=4.0)


def test_what_is_no_source_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "empty").mkdir()
    for source, reason in (
        (tmp_path / "text.mp4", "no video that OpenCV can read"),
        (tmp_path / "empty", "no images in"),
        (tmp_path / "missing.mp4", "nothing at source .*expected a video file, a folder of images, or the number"),
        ("", "nothing at source ''"),
        ("63", "camera 63 cannot be opened"),
        ("/dev/null", "camera /dev/null cannot be opened"),
    ):
        with pytest.raises(ValueError, match=reason):
            open_source(str(source))


def test_images_have_the_times_they_have_in_the_video_or_folder(video: Path, folder: Path) -> None:
    for source, seconds in ((open_recording(video), 0.1), (open_recording(folder, rate=4.0), 0.25)):
        source.read()
        assert source.time == 0
        source.read(since=3.5 * seconds)
        assert source.time == pytest.approx(4 * seconds)
        source.rewind()
        source.read()
        assert source.time == 0
    later = open_recording(video, start_at=1.5)
    later.read()
    assert (later.time, later.count) == (pytest.approx(1.5), 20)
    with pytest.raises(FileNotFoundError, match="no video at missing"):
        open_recording(Path("missing"))
