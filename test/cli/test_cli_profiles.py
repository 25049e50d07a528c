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

"""`diffupose calibrate-detector`, as a user calls it."""

from pathlib import Path

import numpy as np
import pytest
from std_msgs.msg import Header
from support.recordings import recording
from typer.testing import CliRunner

from diffupose_ros.bags import BagRecorder
from diffupose_ros.cli import app
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.recordings import save_recording
from diffupose_ros.data.scenes import Scene
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message
from diffupose_ros.offline.footage import read_footage
from diffupose_ros.offline.messages import record
from diffupose_ros.profiles import load_profile
from diffupose_ros.resources import resource_path

SCENE = Scene(resource_path("resource/clips/people.npz"), 2)
RUNNER = CliRunner()


def make_bag(path: Path, frames: list[int]) -> Path:
    """Two people at 30 Hz, with a camera."""
    detector = SimulatedDetector("coco17")
    with BagRecorder(path) as bag:
        record(bag, "/camera_info", camera_to_info(SCENE.camera, Header(frame_id="camera")), 1)
        for frame in frames:
            header = Header(frame_id="camera")
            header.stamp.sec, header.stamp.nanosec = divmod(10**9 + frame * 33_333_333, 10**9)
            pixels, scores = detector.observe(SCENE.poses(frame), SCENE.camera, 0.0)
            message = skeletons_2d_message(header, SCENE.camera, ["ann", "bob"], "coco17", pixels, scores)
            record(bag, "/skeletons_2d", message, 10**9 + frame)
    return path


def test_a_bag_becomes_a_profile_that_can_be_used(tmp_path: Path) -> None:
    bag, out = make_bag(tmp_path / "bag", list(range(40))), tmp_path / "mine.json"
    result = RUNNER.invoke(app, ["calibrate-detector", str(bag), "--name", "mine", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "of the apparent size" in result.output and "no truth" in " ".join(result.output.split())
    assert load_profile(out, "coco17").name == "mine"


def test_a_recording_with_truth_becomes_a_profile(tmp_path: Path) -> None:
    save_recording(recording(noise=1.0), tmp_path / "walk.npz")
    out = tmp_path / "mine.json"
    result = RUNNER.invoke(app, ["calibrate-detector", str(tmp_path / "walk.npz"), "--name", "mine", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "from the projected truth" in load_profile(out, "coco17").source


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", clips=np.zeros(3))
    out = tmp_path / "mine.json"
    result = RUNNER.invoke(app, ["calibrate-detector", str(tmp_path / "other.npz"), "--name", "x", "--out", str(out)])
    assert result.exit_code == 1 and "other.npz: lacks keypoints" in "".join(result.output.split("\n"))


def test_footage_is_of_one_person_and_ends_where_they_are_out_of_sight(tmp_path: Path) -> None:
    footage = read_footage(make_bag(tmp_path / "bag", [*range(20), *range(30, 45)]))
    assert [len(part.keypoints) for part in footage] == [20, 15, 20, 15]
    assert all(part.rate == pytest.approx(30) and part.layout == "coco17" for part in footage)
    assert not np.array_equal(footage[0].keypoints, footage[2].keypoints)


@pytest.mark.parametrize(
    ("inputs", "out", "reason"),
    [
        (["nowhere.npz"], "a.json", "no recording at nowhere.npz"),
        (["nowhere"], "a.json", "no bag at nowhere"),
        (["nowhere.npz", "nowhere"], "a.json", "recordings with truth and bags without together"),
        (["nowhere.npz"], "no/such/folder/a.json", "there is no folder"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(inputs: list[str], out: str, reason: str) -> None:
    result = RUNNER.invoke(app, ["calibrate-detector", *inputs, "--name", "mine", "--out", out])
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and reason in result.output
