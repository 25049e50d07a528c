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

"""`diffupose data recording`, as a user calls it: on a bag and on JSON files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from support.multiview import CLIP, displaced, hall, observe, write_rig
from tf2_msgs.msg import TFMessage
from typer.testing import CliRunner

from diffupose_ros.bags import BagRecorder, Storage
from diffupose_ros.cli import app
from diffupose_ros.data.markerless.multiview import Multiview, PlacedCamera
from diffupose_ros.data.recordings import load_recording
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message
from diffupose_ros.offline.messages import record

RUNNER = CliRunner()
TRUTH = CLIP[::3][:20]
CAMERAS = hall(3, TRUTH)
SEEN = observe(CAMERAS, TRUTH, noise=1)
FRAMES = len(TRUTH)


def invoke(*arguments: Any) -> Any:
    return RUNNER.invoke(app, ["data", "recording", *map(str, arguments), "--detector", "made"], env={"COLUMNS": "120"})


def refused(*arguments: Any) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 1 and "Traceback" not in result.output, result.output
    return str(result.output)


def header(frame: str, nanoseconds: int) -> Header:
    made = Header(frame_id=frame)
    made.stamp.sec, made.stamp.nanosec = divmod(nanoseconds + 10**9, 10**9)
    return made


def transform(parent: str, child: str, pose: np.ndarray) -> TransformStamped:
    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
    place = Transform(translation=Vector3(x=pose[0, 3], y=pose[1, 3], z=pose[2, 3]))
    place.rotation = Quaternion(x=x, y=y, z=z, w=w)
    return TransformStamped(header=header(parent, 0), child_frame_id=child, transform=place)


def static_frames(cameras: tuple[PlacedCamera, ...]) -> TFMessage:
    """Each camera on a mount, half a metre aside."""
    frames = []
    for camera in cameras:
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.rotation.T, camera.centre
        mount = np.eye(4)
        mount[0, 3] = 0.5
        frames.append(transform("hall", f"{camera.name}_mount", pose @ np.linalg.inv(mount)))
        frames.append(transform(f"{camera.name}_mount", camera.name, mount))
    return TFMessage(transforms=frames)


def messages(seen: Multiview = SEEN, late: float = 0.002) -> list[tuple[str, Any, int]]:
    """Topic, message, time in ns; each camera's images are ``late`` seconds after those of the camera before.

    Somebody else runs through the first camera's image.
    """
    made: list[tuple[str, Any, int]] = [("/tf_static", static_frames(seen.cameras), 0)]
    for c, camera in enumerate(seen.cameras):
        made.append((f"/{camera.name}/camera_info", camera_to_info(camera.lens, header(camera.name, 0)), 0))
        for n, (xy, scores) in enumerate(zip(seen.keypoints[c], seen.scores[c], strict=True)):
            at = round((n / seen.rate + c * late) * 1e9)
            others = 1 if c == 0 and n % 3 == 0 else 0
            ids, people = ["passer", "ann"][1 - others :], np.stack([xy * 0.5, xy])[1 - others :]
            scored = np.stack([scores, scores])[1 - others :]
            skeletons = skeletons_2d_message(header(camera.name, at), camera.lens, ids, seen.layout, people, scored)
            made.append((f"/{camera.name}/skeletons_2d", skeletons, at))
    return sorted(made, key=lambda entry: entry[2])


def write_bag(path: Path, content: list[tuple[str, Any, int]], storage: Storage = "mcap") -> Path:
    with BagRecorder(path, storage) as bag:
        for topic, message, at in content:
            record(bag, topic, message, at + 10**9)
    return path


def write_json(folder: Path, seen: Multiview = SEEN) -> Path:
    for camera, keypoints, scores in zip(seen.cameras, seen.keypoints, seen.scores, strict=True):
        (folder / camera.name).mkdir(parents=True)
        for n, (xy, score) in enumerate(zip(keypoints, scores, strict=True)):
            person = {"pose_keypoints_2d": np.concatenate([xy, score[:, None]], 1).ravel().tolist()}
            (folder / camera.name / f"{n:012d}_keypoints.json").write_text(json.dumps({"people": [person]}))
    return folder


def json_arguments(folder: Path) -> tuple[Any, ...]:
    return folder, folder.parent / "out.npz", "--cameras", folder.parent / "cameras.yaml", "--layout", "h36m17"


def error(path: Path) -> float:
    recording = load_recording(path)
    assert recording.gt_world.shape == TRUTH.shape and recording.detector == "made"
    return float(np.linalg.norm(recording.gt_world - TRUTH, axis=-1).mean())


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_becomes_a_recording(tmp_path: Path, storage: Storage) -> None:
    bag = write_bag(tmp_path / "bag", messages(), storage)
    result = invoke(bag, tmp_path / "out.npz", "--no-refine")
    assert result.exit_code == 0, result.output
    assert "20 frames of 3 cameras, 30 Hz" in result.output and "100 % of the joints, from 3.0 cameras" in result.output
    assert error(tmp_path / "out.npz") < 0.03
    recording = load_recording(tmp_path / "out.npz")
    assert recording.rate == pytest.approx(30)
    np.testing.assert_allclose(recording.keypoints, SEEN.keypoints, atol=1e-3)
    np.testing.assert_allclose(recording.R, [camera.rotation for camera in CAMERAS], atol=1e-6)
    np.testing.assert_allclose(recording.t, [camera.translation for camera in CAMERAS], atol=1e-6)


def test_poses_for_a_bag_may_come_from_a_file(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [entry for entry in messages() if entry[0] != "/tf_static"])
    assert "does not say where frame 'cam0' is; it knows none. Or give the poses" in refused(bag, tmp_path / "out.npz")
    result = invoke(bag, tmp_path / "out.npz", "--cameras", write_rig(tmp_path, CAMERAS), "--person", "ann")
    assert result.exit_code == 0, result.output
    assert error(tmp_path / "out.npz") < 0.03


def test_json_files_become_a_recording_with_poses_refined(tmp_path: Path) -> None:
    off = (CAMERAS[0], *(displaced(camera, 0.02, 0.01, n) for n, camera in enumerate(CAMERAS[1:])))
    write_rig(tmp_path, off)
    result = invoke(*json_arguments(write_json(tmp_path / "json")), "--rate", 30)
    assert result.exit_code == 0, result.output
    assert "cam2" in result.output and "moved, mm" in result.output
    assert error(tmp_path / "out.npz") < 0.03


def without(topic: str) -> list[tuple[str, Any, int]]:
    return [entry for entry in messages() if topic not in entry[0]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (without("camera_info"), "no message of type sensor_msgs/msg/CameraInfo"),
        (without("cam1/camera_info"), "skeletons in frame 'cam1', which is no camera's"),
        ([e for e in messages() if "cam0" in e[0]], "skeletons of 1 camera"),
        (messages(late=0.015), "is of the same moment as one of cam"),
        (without("skeletons"), "no message of type diffupose_ros/msg/Skeleton2DArray"),
    ],
)
def test_a_bag_that_lacks_something_is_refused(tmp_path: Path, content: list[Any], reason: str) -> None:
    assert reason in refused(write_bag(tmp_path / "bag", content), tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_a_person_whom_nobody_saw_is_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", messages())
    assert "camera cam0: nobody was detected" in refused(bag, tmp_path / "out.npz", "--person", "zoe")
    assert "camera cam1: nobody was detected" in refused(bag, tmp_path / "out.npz", "--person", "passer")


def test_frames_that_are_not_connected_or_go_round_are_refused(tmp_path: Path) -> None:
    def other(parent: str) -> list[tuple[str, Any, int]]:
        frames = [*static_frames(CAMERAS).transforms[:4], transform(parent, "cam2", np.eye(4))]
        return [*without("tf"), ("/tf_static", TFMessage(transforms=frames), 0)]

    for parent, reason in (("cellar", "below cellar, hall"), ("cam2", "round in a circle at frame 'cam2'")):
        assert reason in refused(write_bag(tmp_path / parent, other(parent)), tmp_path / "out.npz")


def test_cameras_that_disagree_by_metres_are_refused(tmp_path: Path) -> None:
    off = replace(CAMERAS[1], translation=CAMERAS[1].translation + (2, 0, 0))
    write_rig(tmp_path, (CAMERAS[0], off, CAMERAS[2]))
    arguments = json_arguments(write_json(tmp_path / "json"))
    for option in ("--refine", "--no-refine"):
        assert "the cameras disagree" in refused(*arguments, "--rate", 30, option)


def test_what_is_missing_or_too_much_on_the_command_line_is_said(tmp_path: Path) -> None:
    folder = write_json(tmp_path / "json")
    write_rig(tmp_path, CAMERAS)
    assert "give --rate" in refused(*json_arguments(folder))
    assert "give --cameras, --layout, --rate" in refused(folder, tmp_path / "out.npz")
    assert "nothing at" in refused(tmp_path / "none", tmp_path / "out.npz")
    assert "there is no folder" in refused(folder, tmp_path / "none" / "out.npz")
    bag = write_bag(tmp_path / "bag", messages())
    assert "leave --layout, --rate out" in refused(bag, tmp_path / "out.npz", "--rate", 30)
    assert invoke(folder, tmp_path / "out.npz", "--layout", "coco18").exit_code == 2
