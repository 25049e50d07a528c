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

"""`diffupose run` and `diffupose lift`, as a user calls them."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import pytest
from diffupose_ros.msg import Skeleton2DArray
from std_msgs.msg import Header
from support.offline import CAMERA, SCENE, DiscPipeline, render, write_video
from typer.testing import CliRunner

from diffupose_ros.bags import BagRecorder
from diffupose_ros.camera import Camera
from diffupose_ros.cli import app
from diffupose_ros.demo.recording import read_recording
from diffupose_ros.nodes.common.conversions import camera_to_info
from diffupose_ros.nodes.lift import node as lift_node
from diffupose_ros.offline.messages import record

RUNNER = CliRunner()
FAST = ("--hypotheses", "2", "--steps", "1", "--device", "cpu")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "people.avi", [render(SCENE.poses(frame)) for frame in (0, 10)])


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Let the command get a pipeline that needs no weights; return what it asks for."""
    asked: list[tuple[Any, ...]] = []

    def load_pipeline(*arguments: Any) -> DiscPipeline:
        asked.append(arguments)
        if arguments[0] == "rtmlib":
            raise ImportError("the detector rtmlib needs rtmlib: pip install 'diffupose_ros[rtmlib]'")
        if arguments[1] == "w99":
            raise FileNotFoundError("no weights called w99: see diffupose weights list")
        return DiscPipeline()

    module = ModuleType("diffupose_ros.detection.pipeline")
    module.load_pipeline = load_pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return asked


def invoke(*arguments: Any) -> Any:
    return RUNNER.invoke(app, list(map(str, arguments)))


def test_run_writes_video_bag_and_summary(film: Path, pipelines: list[tuple[Any, ...]], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("run", film, "--weights", "w48", "--hfov", 75, "--out", out, *FAST)
    assert result.exit_code == 0, result.output
    assert "2 people, 4 poses in 2 frames" in result.output
    assert pipelines == [("auto", "w48", "cpu", "auto")]
    assert {path.name for path in out.iterdir()} == {"bag", "summary.json", "video.mp4"}
    recording = read_recording(out / "bag")
    assert recording.camera is not None and recording.camera.K[0, 0] == pytest.approx(CAMERA.K[0, 0])


@pytest.mark.usefixtures("pipelines")
def test_an_overlay_that_cannot_be_written_is_said_once(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "video.mp4").mkdir(parents=True)
    result = invoke("run", film, "--out", out, *FAST)
    assert result.exit_code == 0, result.output
    assert result.output.count("video.mp4 cannot be written") == 1
    assert read_recording(out / "bag").answered()


@pytest.mark.usefixtures("pipelines")
def test_a_photograph_alone_is_lifted(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "people.png"), render(SCENE.poses(0)))
    result = invoke("run", tmp_path / "people.png", "--out", tmp_path / "out", *FAST)
    assert result.exit_code == 0 and "2 people, 2 poses in 1 frames" in result.output, result.output


@pytest.mark.usefixtures("pipelines")
def test_without_a_calibration_the_camera_is_guessed_and_that_is_said(film: Path, tmp_path: Path) -> None:
    result = invoke("run", film, "--out", tmp_path / "out", *FAST)
    assert result.exit_code == 0 and "guessed a field of view of 60 degrees across the longer side" in result.output


@pytest.mark.usefixtures("pipelines")
def test_a_calibration_file_is_the_camera_if_it_is_of_the_videos_size(film: Path, tmp_path: Path) -> None:
    pytest.importorskip("diffupose_ros.camera_files")
    for width in (640, 1280):
        (tmp_path / f"{width}.yaml").write_text(
            f"image_width: {width}\nimage_height: 360\ndistortion_model: plumb_bob\n"
            "camera_matrix: {rows: 3, cols: 3, data: [500.0, 0.0, 320.0, 0.0, 500.0, 180.0, 0.0, 0.0, 1.0]}\n"
            "distortion_coefficients: {rows: 1, cols: 5, data: [0.0, 0.0, 0.0, 0.0, 0.0]}\n"
        )
    good = invoke("run", film, "--calibration", tmp_path / "640.yaml", "--out", tmp_path / "out", *FAST)
    assert good.exit_code == 0, good.output
    camera = read_recording(tmp_path / "out" / "bag").camera
    assert camera is not None and camera.K[0, 0] == 500
    other = invoke("run", film, "--calibration", tmp_path / "1280.yaml", *FAST)
    assert other.exit_code == 1 and "is of 1280x360, but the images are 640x360" in other.output


@pytest.mark.usefixtures("pipelines")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.mp4"], "no video at missing.mp4"),
        (["{film}", "--detector", "rtmlib"], "pip install"),
        (["{film}", "--weights", "w99"], "diffupose weights list"),
        (["{film}", "--lifter", "none"], "no weights 'none'"),
        (["{film}", "--calibration", "c.yaml", "--hfov", "60"], "give one of them"),
    ],
)
def test_run_says_what_is_missing_without_a_traceback(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("run", *(argument.format(film=film) for argument in arguments))
    assert result.exit_code == 1
    assert reason in result.output and "Traceback" not in result.output
    assert not (tmp_path / "people_3d").exists()


def bag(path: Path, camera: Camera) -> Path:
    header = Header(frame_id="camera")
    header.stamp.sec = 1
    with BagRecorder(path) as recorder:
        record(recorder, "/camera_info", camera_to_info(camera, header), 1)
        record(recorder, "/skeletons_2d", Skeleton2DArray(header=header), 2)
    return path


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_lift_takes_bags(tmp_path: Path, storage: str) -> None:
    result = invoke("lift", bag(tmp_path / "in", CAMERA), tmp_path / "out", "--storage", storage, *FAST)
    assert result.exit_code == 0, result.output
    assert "0 poses in 1 messages" in result.output
    assert f"storage_identifier: {storage}" in (tmp_path / "out" / "metadata.yaml").read_text()


def test_lift_says_what_is_wrong_with_bags(tmp_path: Path) -> None:
    for source, target, reason in (
        (tmp_path / "missing", tmp_path / "out", "no bag at"),
        (bag(tmp_path / "in", CAMERA), tmp_path / "in", "there already"),
    ):
        result = invoke("lift", source, target, *FAST)
        assert result.exit_code == 1 and reason in result.output
    result = invoke("lift", tmp_path / "in", tmp_path / "out", "--detector-profile", "mine", *FAST)
    assert result.exit_code == 1 and "no detector profile 'mine'" in " ".join(result.output.split())
    assert invoke("lift", tmp_path / "in").exit_code == 2
    assert invoke("lift", "--steps", "3").exit_code == 2


@pytest.mark.parametrize("arguments", [[], ["--ros-args", "-p", "steps:=10", "-r", "skeletons_3d:=/people"]])
def test_lift_without_bags_is_the_node(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    received: list[list[str]] = []
    monkeypatch.setattr(lift_node, "main", lambda args: received.append(list(args)) or 0)
    result = invoke("lift", *arguments)
    assert result.exit_code == 0, result.output
    assert received == [arguments]
