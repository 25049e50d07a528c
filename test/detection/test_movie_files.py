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

"""What videos say of how they are to be shown and timed, whatever OpenCV makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.movies import claim_duration, corners, cut, numbered_video, set_times, turn, widen

from diffupose_ros.detection import frames
from diffupose_ros.detection.frames import VideoFile, open_recording
from diffupose_ros.detection.movie_files import read_movie

TURNS = {
    "as stored": ((1, 0, 0, 1), ("upper left", "upper right")),
    "90": ((0, 1, -1, 0), ("upper right", "lower right")),
    "180": ((-1, 0, 0, -1), ("lower right", "lower left")),
    "270": ((0, -1, 1, 0), ("lower left", "upper left")),
    "mirrored": ((-1, 0, 0, 1), ("upper right", "upper left")),
    "transposed": ((0, 1, 1, 0), ("upper left", "lower left")),
    "no matrix": ((0, 0, 0, 0), ("upper left", "upper right")),
}


REAL = cv2.VideoCapture


class Other:
    """Another OpenCV, in one thing or the other; no subclass, which crashes."""

    def __init__(self) -> None:
        self.real = REAL()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Ignorant(Other):
    """An OpenCV that knows nothing of turned videos."""

    def set(self, what: int, value: float) -> bool:
        self.real.set(what, value)
        return False

    def get(self, what: int) -> float:
        return 0.0 if what in (cv2.CAP_PROP_ORIENTATION_META, cv2.CAP_PROP_ORIENTATION_AUTO) else self.real.get(what)


class Stubborn(Other):
    """An OpenCV that turns videos, and lets nobody change it."""

    def set(self, what: int, value: float) -> bool:
        return False


def read(path: Path) -> tuple[VideoFile, list[np.ndarray], list[float]]:
    """Return a video with all its images and their times."""
    source, images, times = open_recording(path), [], []
    assert isinstance(source, VideoFile)
    while (image := source.read()) is not None:
        images.append(image)
        times.append(source.time)
    return source, images, times


@pytest.mark.parametrize("name", TURNS)
@pytest.mark.parametrize("opencv", [REAL, Ignorant])
def test_an_image_is_shown_as_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, opencv: type
) -> None:
    monkeypatch.setattr(frames.cv2, "VideoCapture", opencv)
    matrix, expected = TURNS[name]
    turn(path := numbered_video(tmp_path / "turned.mp4", "mp4v"), *matrix)
    source, images, _ = read(path)
    assert len(images) == 20 and images[0].flags.c_contiguous
    assert images[8].shape == ((64, 48, 3) if matrix[1] else (48, 64, 3))
    assert corners(images[8]) == expected
    source.rewind()
    assert corners(source.read(since=0.8)) == expected


@pytest.mark.parametrize("name", ["90", "180", "270"])
def test_an_opencv_that_turns_them_itself_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(frames.cv2, "VideoCapture", Stubborn)
    turn(path := numbered_video(tmp_path / "turned.mp4", "mp4v"), *TURNS[name][0])
    assert corners(read(path)[1][8]) == TURNS[name][1]


def test_images_have_the_times_that_the_container_says(tmp_path: Path) -> None:
    steps = [3, 3, 4, 20, 3, 3, 50, 10, 3, 1]
    set_times(path := numbered_video(tmp_path / "variable.mp4", "mp4v", count=10), steps)
    source, images, times = read(path)
    expected = np.cumsum([0, *steps[:-1]]) / 100
    assert len(images) == 10
    np.testing.assert_allclose(times, expected, atol=0.011)
    assert source.rate == pytest.approx(10, abs=0.01) and source.duration == pytest.approx(1.0, abs=0.01)
    source.rewind()
    source.read(since=0.4)
    assert source.time == pytest.approx(0.86)
    later = open_recording(path, start_at=0.2)
    later.read()
    assert later.time == pytest.approx(0.30)


def test_what_an_editor_cut_away_is_neither_shown_nor_missed(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "cut.mp4", "mp4v")
    cut(path, 10 * 1024, 1000)
    source, images, _ = read(path)
    assert [round(float(np.median(image)) / 10) for image in images] == list(range(10, 20))
    assert (source.count, source.duration) == (20, pytest.approx(1.0))


def test_pixels_become_square(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "wide.mp4", "mp4v")
    widen(path, 4, 3)
    assert read(path)[1][0].shape == (48, 85, 3)
    turn(path, 0, 1, -1, 0)
    image = read(path)[1][8]
    assert image.shape == (85, 48, 3) and corners(image) == TURNS["90"][1]
    widen(other := numbered_video(tmp_path / "nonsense.mp4", "mp4v"), 1, 900)
    assert read(other)[1][0].shape == (48, 64, 3)


@pytest.mark.parametrize("nanoseconds", [1_000_000, 1, 1000])
def test_a_unit_of_time_is_no_rate(tmp_path: Path, nanoseconds: int) -> None:
    path = numbered_video(tmp_path / "recorder.mkv", "MJPG")
    claim_duration(path, nanoseconds)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) >= 1000
    source, images, times = read(path)
    assert len(images) == 20 and source.rate == pytest.approx(10)
    np.testing.assert_allclose(times, np.arange(20) / 10, atol=1e-3)


@pytest.mark.parametrize("rate", [0.0, np.nan, np.inf, -1.0])
def test_without_a_rate_that_of_the_times_counts_and_without_those_a_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    known = True

    class Vague(Other):
        def get(self, what: int) -> float:
            if what == cv2.CAP_PROP_FPS:
                return rate
            return 0.0 if what == cv2.CAP_PROP_POS_MSEC and not known else self.real.get(what)

    monkeypatch.setattr(frames.cv2, "VideoCapture", Vague)
    path = numbered_video(tmp_path / "vague.avi", "MJPG")
    assert read(path)[0].rate == pytest.approx(10)
    known = False
    source, _, times = read(path)
    assert source.rate == 30
    np.testing.assert_allclose(times, np.arange(20) / 30)


@pytest.mark.parametrize("kind", ["grey", "deep", "alpha"])
def test_whatever_pixels_a_backend_gives_they_become_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    class Unusual(Other):
        def retrieve(self, *arguments: Any) -> tuple[bool, np.ndarray]:
            there, image = self.real.retrieve(*arguments)
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            made = {
                "grey": grey,
                "deep": grey.astype(np.uint16) * 257,
                "alpha": cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA),
            }
            return there, made[kind]

    path = numbered_video(tmp_path / "grey.avi", "MJPG")
    expected = read(path)[1][5]
    monkeypatch.setattr(frames.cv2, "VideoCapture", Unusual)
    image = read(path)[1][5]
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(
        str(tmp_path / "odd.avi"), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10, (63, 47)
    )
    writer.write(np.full((47, 63, 3), 70, np.uint8))
    writer.release()
    assert read(tmp_path / "odd.avi")[1][0].shape == (47, 63, 3)


def test_a_damaged_description_is_as_none(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "video.mp4", "mp4v")
    whole = path.read_bytes()
    movie = read_movie(path)
    assert movie is not None and movie.duration == pytest.approx(2)
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        read_movie(path)  # raises nothing
    for data in (b"", b"RIFF" * 9, b"\0\0\0\1ftyp" + b"\xff" * 8, b"\0\0\0\2moov" * 3, b"\0\0\0\0mdat" * 3):
        path.write_bytes(data)
        assert read_movie(path) is None
    assert read_movie(tmp_path / "missing") is None
