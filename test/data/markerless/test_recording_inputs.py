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

"""What recordings are made of: where cameras are, JSON files, times; and what is wrong with them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.multiview import LENS, RATE, hall, observe, walk, write_rig

from diffupose_ros.camera import Camera
from diffupose_ros.data.markerless.moments import match
from diffupose_ros.data.markerless.multiview import Person, align, follow
from diffupose_ros.data.markerless.pose_json import read_folders
from diffupose_ros.data.markerless.rig import read_rig
from diffupose_ros.data.markerless.truth import as_plumb_bob, make_recording

TRUTH = walk(6)
CAMERAS = hall(3, TRUTH)
SEEN = observe(CAMERAS, TRUTH)


def joints(camera: int, frame: int) -> np.ndarray:
    return np.concatenate([SEEN.keypoints[camera, frame], SEEN.scores[camera, frame][:, None]], 1)


def openpose(values: np.ndarray) -> dict[str, Any]:
    return {"person_id": [-1], "pose_keypoints_2d": values.ravel().tolist()}


def mmpose(values: np.ndarray) -> dict[str, Any]:
    return {"keypoints": values[:, :2].tolist(), "keypoint_scores": values[:, 2].tolist(), "bbox_score": 0.9}


def write(folder: Path, form: str, first: int = 0) -> Path:
    """Write what the cameras saw; beside the person there is a smaller one."""
    for c, camera in enumerate(CAMERAS):
        (folder / camera.name).mkdir(parents=True, exist_ok=True)
        people = [[joints(c, frame) * (0.2, 0.2, 1), joints(c, frame)] for frame in range(len(TRUTH))]
        instances = [list(map(mmpose, those)) for those in people]
        if form == "mmpose video":
            content = [{"frame_id": first + n, "instances": those} for n, those in enumerate(instances)]
            (folder / camera.name / "all.json").write_text(json.dumps({"meta_info": {}, "instance_info": content}))
            continue
        for n, those in enumerate(people):
            content = {"version": 1.3, "people": list(map(openpose, those))} if form == "openpose" else instances[n]
            path = folder / camera.name / f"{camera.name}_{first + n:012d}_keypoints.json"
            path.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("form", ["openpose", "mmpose", "mmpose video"])
def test_json_files_are_read_and_the_larger_person_is_taken(tmp_path: Path, form: str) -> None:
    read: list[None] = []
    seen = read_folders(write(tmp_path, form, 7), CAMERAS, "h36m17", RATE, lambda: read.append(None))
    np.testing.assert_allclose(seen.keypoints, SEEN.keypoints)
    np.testing.assert_allclose(seen.scores, SEEN.scores)
    assert len(read) == (3 if form == "mmpose video" else 18)


def test_frames_that_a_camera_lacks_are_empty_and_what_only_one_has_is_cut(tmp_path: Path) -> None:
    folder = write(tmp_path, "openpose")
    for name in ("cam0", "cam1"):
        (folder / name / f"{name}_{0:012d}_keypoints.json").unlink()
    (folder / "cam2" / f"cam2_{3:012d}_keypoints.json").unlink()
    (folder / "cam1" / f"cam1_{4:012d}_keypoints.json").write_text('{"people": []}')
    seen = read_folders(folder, CAMERAS, "h36m17", RATE)
    present = (seen.scores > 0).any(-1)
    assert present.tolist() == [[True] * 5, [True, True, True, False, True], [True, True, False, True, True]]
    assert np.isnan(seen.keypoints[2, 2]).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("people", "Expecting value.*expected the JSON of OpenPose or MMPose"),
        ("5", "neither a list nor a mapping"),
        ('{"people": [{"pose": []}]}', "'pose_keypoints_2d' is missing"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "1 joints, expected 17: is the layout right"),
        ('[{"keypoints": [[1, 2]], "keypoint_scores": [1]}]', r"keypoints \(1, 2\).* is the layout right"),
        ('[{"keypoints": [[1, 2]]}]', "'keypoint_scores' is missing"),
        ('[{"keypoints": "none", "keypoint_scores": []}]', "could not convert"),
        ('[{"instances": []}, {"instances": []}]', "'frame_id' is missing"),
        ('[{"frame_id": 2, "instances": []}]', "frame 2 is there twice"),
        ("[1, 2]", "JSON of OpenPose or MMPose"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = write(tmp_path, "openpose") / "cam1" / f"cam1_{4:012d}_keypoints.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=reason) as raised:
        read_folders(tmp_path, CAMERAS, "h36m17", RATE)
    assert str(path) in str(raised.value)


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "openpose")
    with pytest.raises(ValueError, match="unknown layout 'coco18'"):
        read_folders(tmp_path, CAMERAS, "coco18", RATE)
    with pytest.raises(ValueError, match="1 camera: expected two at least"):
        read_folders(tmp_path, CAMERAS[:1], "h36m17", RATE)
    with pytest.raises(FileNotFoundError, match=r"no JSON files in .*other"):
        read_folders(tmp_path, (*CAMERAS, replace(CAMERAS[0], name="other")), "h36m17", RATE)
    (tmp_path / "cam2" / "nobody.json").write_text('{"people": []}')
    with pytest.raises(ValueError, match="no number of the frame in the file's name"):
        read_folders(tmp_path, CAMERAS, "h36m17", RATE)


def test_folders_without_a_common_frame_say_what_they_have(tmp_path: Path) -> None:
    for camera, first in ((0, 0), (1, 100)):
        folder = tmp_path / f"cam{camera}"
        folder.mkdir()
        (folder / f"{first}.json").write_text(json.dumps({"people": [openpose(joints(camera, 0))]}))
    with pytest.raises(ValueError, match=r"no two cameras have a frame .* \(cam0: 0 to 0; cam1: 100 to 100\)"):
        read_folders(tmp_path, CAMERAS[:2], "h36m17", RATE)


def test_the_person_who_is_seen_most_is_followed_or_who_is_wanted() -> None:
    ann, bob = Person("ann", np.ones((2, 3))), Person("bob", np.full((2, 3), 2.0))
    frames = [[ann, bob], [bob], [], [ann], [bob]]
    assert [None if f is None else f[0, 0] for f in follow(frames)] == [2, 2, None, None, 2]
    assert [None if f is None else f[0, 0] for f in follow(frames, "ann")] == [1, None, None, 1, None]


def test_a_camera_that_sees_nobody_and_a_rate_that_is_none_are_refused() -> None:
    with pytest.raises(ValueError, match="camera cam1: nobody was detected in any of 1 frames"):
        align(CAMERAS[:2], [[joints(0, 0)], [None]], "h36m17", RATE)
    with pytest.raises(ValueError, match="0 frames per second"):
        align(CAMERAS[:2], [[joints(0, 0)], [joints(1, 0)]], "h36m17", 0)


def test_a_rig_is_read_as_it_was_written(tmp_path: Path) -> None:
    for read, written in zip(read_rig(write_rig(tmp_path, CAMERAS)), CAMERAS, strict=True):
        assert read.name == written.name and read.lens.D.tolist() == written.lens.D.tolist()
        np.testing.assert_allclose(read.rotation, written.rotation, atol=1e-12)
        np.testing.assert_allclose(read.translation, written.translation)


def test_a_rig_for_known_lenses_needs_no_calibration(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text("cameras:\n  b: {rotation: [0, 0, 0, 1], translation: [1, 2, 3]}\n  a: 5\n")
    (camera,) = read_rig(path, {"b": LENS})
    assert camera.lens is LENS and camera.rotation.tolist() == np.eye(3).tolist()
    with pytest.raises(ValueError, match="lacks c; there are b, a"):
        read_rig(path, {"b": LENS, "c": LENS})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "cannot be read: not YAML"),
        ("a: 5", "expected `cameras:`"),
        ("cameras: {a: 5}", "a: expected calibration, rotation and translation"),
        ("cameras: {a: {rotation: [0, 0, 0, 1], translation: [0, 0, 0]}}", "calibration is missing"),
        ("cameras: {a: {calibration: none.yaml}}", "none.yaml cannot be read"),
        ("cameras: {a: {calibration: cam0.yaml, translation: [0, 0, 0]}}", "rotation is missing"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: [0, 0, 0, 2]}}", "quaternion of length 1"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: [0, 0, 1]}}", r"got shape \(3,\)"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}}", "a rotation matrix"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: east}}", "rotation: expected numbers, got 'east'"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: [0, 0, 0, .nan]}}", "expected finite numbers"),
        ("cameras: {a: {calibration: cam0.yaml, rotation: [0, 0, 0, 1], translation: [1]}}", "expected 3 numbers"),
    ],
)
def test_a_rig_that_is_none_is_refused_with_the_file_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = write_rig(tmp_path, CAMERAS)
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as raised:
        read_rig(path)
    assert str(path) in str(raised.value)


def test_images_of_the_same_moment_are_found_where_stamps_jitter_and_images_lack() -> None:
    fast, slow = np.arange(40) / 60 + 0.002, np.delete(np.arange(20) / 30, [4, 5])
    slow = slow + np.random.default_rng(0).uniform(-0.001, 0.001, len(slow))
    found, rate = match({"fast": fast, "slow": slow}, 0.005)
    assert rate == pytest.approx(30, rel=0.05)
    expected = [n if n not in (4, 5) else -1 for n in range(20)]
    assert found[0].tolist() == [2 * n if n >= 0 else -1 for n in expected]
    assert (found[1] >= 0).tolist() == [n >= 0 for n in expected]


def test_times_that_do_not_fit_are_refused() -> None:
    times = np.arange(10) / 30
    with pytest.raises(
        ValueError, match=r"no image of . \(nearest: 99\.7 s\) is of the same moment as one of ., within 0\.01 s"
    ):
        match({"a": times, "b": times + 100}, 0.01)
    with pytest.raises(ValueError, match="fewer than two images of b"):
        match({"a": times, "b": times[:1]}, 0.01)


def test_a_recording_holds_what_was_seen_and_where_it_was() -> None:
    advanced: list[None] = []
    recording = make_recording(SEEN, "made", advance=lambda: advanced.append(None)).recording
    assert recording.gt_world.shape == (6, 17, 3) and recording.gt_names[0] == "pelvis"
    assert np.linalg.norm(recording.gt_world - TRUTH, axis=-1).mean() < 0.02
    np.testing.assert_array_equal(recording.keypoints, SEEN.keypoints)
    for c in range(3):
        np.testing.assert_allclose(
            recording.gt_camera[c], recording.gt_world @ recording.R[c].T + recording.t[c], atol=1e-9
        )
    assert len(advanced) == 1 + 4 + 1 + 3


def test_truth_of_the_others_is_independent_of_a_cameras_own_errors() -> None:
    wrong = SEEN.keypoints.copy()
    wrong[1] += 15
    before, after = (
        make_recording(replace(SEEN, keypoints=keypoints), "made", refine_poses=False).recording
        for keypoints in (SEEN.keypoints, wrong)
    )
    assert before.loo_camera is not None and after.loo_camera is not None
    np.testing.assert_array_equal(before.loo_camera[1], after.loo_camera[1])
    assert not np.array_equal(before.loo_camera[0], after.loo_camera[0])


def test_2d_that_no_two_cameras_agree_on_makes_no_recording() -> None:
    with pytest.raises(ValueError, match="no joint is seen by two cameras"):
        make_recording(SEEN, "made", min_score=0.95)
    wrong = SEEN.keypoints[:2] + np.array([[40.0, -40], [-40, 40]])[:, None, None]
    with pytest.raises(ValueError, match="no joint is known in 3D"):
        make_recording(replace(SEEN, cameras=CAMERAS[:2], keypoints=wrong, scores=SEEN.scores[:2]), "made", 0.3, False)


def test_a_fisheyes_joints_are_recorded_in_the_image_of_an_ideal_lens() -> None:
    fisheye = Camera(LENS.K, [0.1, 0.01, 0, 0], "equidistant", 1280, 720)
    cameras = (*CAMERAS[:2], replace(CAMERAS[2], lens=fisheye))
    seen = observe(cameras, TRUTH, noise=0)
    ideal = as_plumb_bob(seen)
    np.testing.assert_array_equal(ideal.keypoints[:2], seen.keypoints[:2])
    rays = cameras[2].see(TRUTH)
    np.testing.assert_allclose(ideal.keypoints[2], (rays @ LENS.K.T)[..., :2] / rays[..., 2:], atol=1e-3)
    recording = make_recording(seen, "made").recording
    assert recording.D.shape == (3, 5) and not recording.D[2].any()
    assert np.linalg.norm(recording.gt_world - TRUTH, axis=-1).max() < 0.02
