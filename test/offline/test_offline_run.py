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

"""A video through detector and lifter: the 3D result, and what is written."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from rich.console import Console
from rosbags.highlevel import AnyReader
from support.offline import CAMERA, IDS, MARK, RATE, SCENE, DiscPipeline, render, write_video

from diffupose_ros.bags import typestore
from diffupose_ros.demo.recording import Recording, read_recording
from diffupose_ros.drawing.style import PEOPLE
from diffupose_ros.lifting import Lifter
from diffupose_ros.offline.cameras import Cameras
from diffupose_ros.offline.run import PATIENCE, VideoReport, run_video
from diffupose_ros.offline.settings import Settings
from diffupose_ros.offline.video import Video

SETTINGS = Settings(hypotheses=5, steps=3)
STEP = 10  # frames of the scene between two of the video
EMPTY = (4, 5)  # frames without people
FRAMES = 9
NOBODY = np.zeros((0, 17, 3))
QUIET = Console(quiet=True)
LAST_OF_FACE = 45  # blue of the discs of COCO's nose, eyes and ears, at most


def poses(frame: int) -> np.ndarray:
    return NOBODY if frame in EMPTY else SCENE.poses(STEP * frame)


def cameras(video: Video) -> Cameras:
    return Cameras(video, None, np.degrees(CAMERA.hfov), lambda line: None)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = [render(poses(frame)) for frame in range(FRAMES)]
    return write_video(tmp_path_factory.mktemp("film") / "people.avi", images)


@pytest.fixture(scope="module")
def output(film: Path, lifter: Lifter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "deep" / "result"
    video = Video(film)
    run_video(video, cameras(video), DiscPipeline(), lifter, folder, SETTINGS, QUIET)
    return folder


@pytest.fixture(scope="module")
def recording(output: Path) -> Recording:
    return read_recording(output / "bag")


def test_the_poses_are_near_the_truth_and_ids_stay_with_their_person(recording: Recording) -> None:
    errors, depths = [], []
    for number, frame in enumerate(recording.frames):
        truth = dict(zip(IDS, poses(number), strict=False))
        assert set(frame.estimates) == set(frame.detections) == set(truth)
        for name, estimate in frame.estimates.items():
            true = truth[name]
            errors.append(np.linalg.norm((estimate.mean - estimate.mean[0]) - (true - true[0]), axis=-1).mean())
            depths.append(estimate.mean[0, 2] / true[0, 2])
    assert len(errors) == 2 * (FRAMES - len(EMPTY))
    assert np.mean(errors) < 0.06 and np.max(errors) < 0.12  # m
    np.testing.assert_allclose(depths, 1, atol=0.12)


def test_stamps_are_the_times_of_the_video(recording: Recording) -> None:
    stamps = [frame.stamp for frame in recording.frames]
    np.testing.assert_allclose(np.array(stamps) / 1e9, np.arange(FRAMES) / RATE, atol=1e-3)
    assert stamps[0] == 1  # 0 would say that the time is not known


def test_the_camera_is_in_the_bag(recording: Recording) -> None:
    assert recording.camera is not None
    np.testing.assert_allclose(recording.camera.K, CAMERA.K)
    assert (recording.width, recording.height) == (CAMERA.width, CAMERA.height)


def test_the_summary_says_what_was_done(output: Path) -> None:
    summary = json.loads((output / "summary.json").read_text())
    with_people = FRAMES - len(EMPTY)
    assert (summary["frames"], summary["frames_with_people"], summary["people"]) == (FRAMES, with_people, 2)
    assert summary["poses"] == 2 * with_people
    assert set(summary["frames_per_second"]) == {"read", "detect", "lift", "draw", "write", "all"}
    assert summary["problems"] == {} and summary["interrupted"] is False


def test_the_video_shows_the_image_with_people_and_the_3d_view_beside_it(output: Path) -> None:
    video = Video(output / "video.mp4")
    height = 480  # of small images, enlarged
    assert (video.width, video.height) == (854 + height, height)
    assert video.rate == pytest.approx(RATE)
    frames = list(video)
    assert len(frames) == FRAMES
    for number in (0, EMPTY[0]):
        for side in (slice(0, 854), slice(854, None)):
            shown = [near(frames[number].image[:, side], colour) > 100 for colour in PEOPLE[:3]]
            assert shown == [number not in EMPTY, number not in EMPTY, False], (number, side)


def near(image: np.ndarray, colour: str) -> int:
    """Count the pixels of a colour, as far as a lossy video keeps it."""
    bgr = np.array(list(bytes.fromhex(colour[1:]))[::-1])
    return int(cv2.inRange(image, bgr - 40, bgr + 40).sum() // 255)


class Troubled(DiscPipeline):
    """Does something else on some frames."""

    def __init__(self, trouble: dict[int, Any]) -> None:
        self.trouble, self.frame = trouble, -1

    def process(self, image: np.ndarray, time: float, boxes: Any = None) -> SimpleNamespace:
        self.frame += 1
        if self.frame in self.trouble:
            self.trouble[self.frame]()
        return super().process(image, time, boxes)


def crash() -> None:
    raise RuntimeError("CUDA error: an illegal memory access")


def run(film: Path, pipeline: DiscPipeline, lifter: Lifter, folder: Path) -> VideoReport:
    video = Video(film)
    return run_video(video, cameras(video), pipeline, lifter, folder, SETTINGS, QUIET)  # type: ignore[arg-type]


def test_after_ctrl_c_the_outputs_hold_what_was_done(film: Path, lifter: Lifter, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    pipeline = Troubled({2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    report = run(film, pipeline, lifter, tmp_path)
    assert report.interrupted and report.frames == 3
    assert json.loads((tmp_path / "summary.json").read_text())["interrupted"] is True
    assert len(read_recording(tmp_path / "bag").answered()) == 3
    assert len(list(Video(tmp_path / "video.mp4"))) == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_a_detector_that_fails_on_one_frame_costs_no_other(film: Path, lifter: Lifter, tmp_path: Path) -> None:
    summary = run(film, Troubled({1: crash}), lifter, tmp_path)
    assert summary.problems == {"detector failed": 1}
    assert (summary.frames, summary.frames_with_people) == (FRAMES, FRAMES - len(EMPTY) - 1)


def test_a_detector_that_fails_on_every_frame_ends_it_with_the_reason(lifter: Lifter, tmp_path: Path) -> None:
    film = write_video(tmp_path / "dark.avi", [render(NOBODY)] * (PATIENCE + 1))
    with pytest.raises(RuntimeError, match=r"every frame.*illegal memory access"):
        run(film, Troubled(dict.fromkeys(range(PATIENCE), crash)), lifter, tmp_path / "out")
    assert not (tmp_path / "out" / "bag").exists() and not (tmp_path / "out" / "summary.json").exists()


def test_people_with_too_few_joints_are_counted_and_drawn_in_2d_alone(lifter: Lifter, tmp_path: Path) -> None:
    image, whole = render(SCENE.poses(0)), render(SCENE.poses(0))
    image[(image[..., 2] == MARK) & (image[..., 0] > LAST_OF_FACE)] = 90
    summary = run(write_video(tmp_path / "faces.avi", [image, whole]), DiscPipeline(), lifter, tmp_path / "out")
    assert summary.problems == {"too few joints": 2}
    assert (summary.frames, summary.frames_with_people, summary.people, summary.poses) == (2, 1, 2, 2)
    recording = read_recording(tmp_path / "out" / "bag")
    assert [(len(f.detections), len(f.estimates)) for f in recording.frames] == [(2, 0), (2, 2)]


@pytest.mark.parametrize("what", ["a folder in its place", "a full disk"])
def test_an_overlay_that_cannot_be_written_costs_nothing_else(
    film: Path, lifter: Lifter, tmp_path: Path, what: str
) -> None:
    if what == "a full disk":
        (tmp_path / "video.mp4").symlink_to("/dev/full")
    else:
        (tmp_path / "video.mp4").mkdir()
    report = run(film, DiscPipeline(), lifter, tmp_path)
    assert "video.mp4" in report.overlay_problem and "disk" in report.overlay_problem
    assert len(read_recording(tmp_path / "bag").frames) == FRAMES
    assert json.loads((tmp_path / "summary.json").read_text())["overlay_problem"] == report.overlay_problem


def test_photographs_of_different_sizes_are_all_lifted_each_with_its_camera(lifter: Lifter, tmp_path: Path) -> None:
    """The same scene: as it is, in the middle of a larger image, and turned, of a camera that tells its lens."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    image = render(SCENE.poses(0))
    cv2.imwrite(str(photographs / "1.png"), image)
    cv2.imwrite(
        str(photographs / "2.png"), cv2.copyMakeBorder(image, 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=(90,) * 3)
    )
    focal = CAMERA.K[0, 0]
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = round(focal * np.hypot(36, 24) / np.hypot(640, 360))
    stored = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
    PIL.Image.fromarray(stored[..., ::-1]).save(photographs / "3.png", exif=exif.tobytes())
    video = Video(photographs)
    said: list[str] = []
    cameras = Cameras(video, None, None, said.append)
    discs: Any = DiscPipeline()
    report = run_video(video, cameras, discs, lifter, tmp_path / "out", SETTINGS, QUIET)
    assert (report.frames, report.poses, report.problems) == (3, 6, {})
    with AnyReader([tmp_path / "out" / "bag"], default_typestore=typestore()) as reader:
        chosen = [c for c in reader.connections if c.topic == "/camera_info"]
        infos = [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages(chosen)]
    assert [(info.width, info.height) for info in infos] == [(640, 360), (800, 480), (640, 360)]
    guess = 1 / np.tan(np.radians(30)) / 2
    assert [info.k[0] for info in infos] == pytest.approx([640 * guess, 800 * guess, focal], rel=0.02)
    assert len([line for line in said if "guessed a field of view of 60 degrees across the longer side" in line]) == 1
    assert len([line for line in said if "EXIF" in line]) == 1
    assert len(list(Video(tmp_path / "out" / "video.mp4"))) == 3
