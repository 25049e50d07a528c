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

"""The simulated detector and the scene of recorded people."""

from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector, detector_joints, detector_noise
from diffupose_ros.data.scenes import Scene
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, HEAD, LAYOUTS, NECK, apparent_size, to_h36m, unit

CLIP = resource_path("resource/clips/people.npz")


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return Scene(CLIP, 5).poses(30)


def joint(layout: str, name: str) -> int:
    return LAYOUTS[layout].index(name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_detector_joints_are_those_of_the_pose(people: np.ndarray, layout: str) -> None:
    joints = detector_joints(people, layout)
    assert joints.shape == (5, len(LAYOUTS[layout]), 3)
    for name in LAYOUTS[layout]:
        if name in H36M17:
            np.testing.assert_array_equal(joints[:, joint(layout, name)], people[:, H36M17.index(name)])


def test_the_face_is_in_front_of_the_head_with_left_on_the_left() -> None:
    pose = np.zeros((17, 3))  # upright, looks along x; y left, z up
    pose[NECK], pose[HEAD] = (0, 0, 1.55), (0, 0, 1.7)
    pose[H36M17.index("left_shoulder"), 1], pose[H36M17.index("right_shoulder"), 1] = 0.2, -0.2
    face = {name: detector_joints(pose, "coco17")[joint("coco17", name)] for name in LAYOUTS["coco17"][:5]}
    assert face["nose"][0] > face["left_eye"][0] > face["left_ear"][0] > 0
    assert face["nose"][1] == pytest.approx(0)
    for part in ("eye", "ear"):
        assert face[f"left_{part}"][1] > 0.02
        np.testing.assert_allclose(face[f"left_{part}"] * (1, -1, 1), face[f"right_{part}"], atol=1e-9)
    turned = detector_joints(pose, "coco17", head_yaw=np.pi / 2)
    for name, (x, y, z) in face.items():  # to the left about the vertical through the neck
        np.testing.assert_allclose(turned[joint("coco17", name)], (-y, x, z), atol=1e-9)


def test_joints_that_the_pose_says_nothing_about_are_nan(people: np.ndarray) -> None:
    unknown = np.isnan(detector_joints(people, "mediapipe33")).all(-1)
    names = {name for name, lost in zip(LAYOUTS["mediapipe33"], unknown[0], strict=True) if lost}
    assert {"left_thumb", "right_foot_index", "mouth_left"} <= names
    assert not names & {"nose", "left_eye", "right_ear", "left_wrist", "right_ankle"}
    assert not np.isnan(detector_joints(people, "coco17")).any()


def test_noise_has_the_level_it_is_given_and_low_scores_tell_of_it() -> None:
    names, rng = LAYOUTS["coco17"], np.random.default_rng(0)
    xy = rng.normal(0, 50, (4000, 17, 2))
    deviations, scores = [], []
    for level in (0.01, 0.05):
        noisy, score = detector_noise(xy, names, np.full((4000, 1), level), rng)
        error = np.abs((noisy - xy) / apparent_size(xy)[..., None])
        deviations.append(np.median(error, axis=(0, 2)) / 0.6745)
        scores.append(score.mean())
        assert ((score > 0) & (score <= 1)).all()
        assert deviations[-1][joint("coco17", "nose")] == pytest.approx(level, rel=0.35)
        assert deviations[-1][joint("coco17", "left_wrist")] > 1.2 * deviations[-1][joint("coco17", "nose")]
    np.testing.assert_allclose(deviations[1] / deviations[0], 5, rtol=0.2)
    assert scores[1] < scores[0] - 0.1


def test_apparent_size_is_the_rms_distance_from_the_centre() -> None:
    square = np.array([[[0.0, 0], [0, 6], [8, 0], [8, 6], [np.nan, np.nan]]])
    np.testing.assert_allclose(apparent_size(square), [[5]])


def test_without_noise_the_detector_is_exact(people: np.ndarray) -> None:
    camera = Scene(CLIP, 1).camera
    pixels, scores = SimulatedDetector("h36m17", noise=0).observe(people, camera, 0.0)
    expected = camera.project(people)
    inside = ((expected >= 0) & (expected < (1280, 720))).all(-1)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(pixels[inside], expected[inside])
    assert ((scores == 1) == inside).all() and (pixels[~inside] == 0).all() and (scores[~inside] == 0).all()


def test_joints_outside_of_the_image_or_behind_the_camera_are_not_seen(people: np.ndarray) -> None:
    camera = Camera.from_fov(1.2, 640, 480)
    poses = np.stack([people[0] - people[0, :1] + (0, 0, 0.8), people[0] - people[0, :1] - (0, 0, 3)])
    pixels, scores = SimulatedDetector("coco17", noise=1, seed=1).observe(poses, camera, 0.0)
    assert 0 < (scores[0] > 0).sum() < 17 and (scores[1] == 0).all()
    assert np.isfinite(pixels).all() and ((pixels >= 0) & (pixels < (640, 480))).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_observed_makes_usable_skeletons(people: np.ndarray, layout: str) -> None:
    pixels, scores = SimulatedDetector(layout, seed=2).observe(people, Scene(CLIP, 1).camera, 0.0)
    skeletons = to_h36m(pixels, scores, layout)
    assert ((skeletons.scores > 0).sum(1) >= 10).all()


def test_nobody_is_observed_without_people() -> None:
    pixels, scores = SimulatedDetector("coco17").observe(np.zeros((0, 17, 3)), Camera.from_fov(1.2, 640, 480), 0.0)
    assert pixels.shape == (0, 17, 2) and scores.shape == (0, 17)


def test_a_limb_is_hidden_for_the_part_of_the_time_that_is_asked_for(people: np.ndarray) -> None:
    camera = Scene(CLIP, 1).camera
    centred = people - people[:, :1] + (0, 0, 5)
    for occlusion in (0.0, 0.3, 1.0):
        detector = SimulatedDetector("coco17", noise=0, occlusion=occlusion)
        hidden = np.array([detector.observe(centred, camera, t)[1] == 0 for t in np.arange(0, 24, 0.1)])
        assert hidden.any(-1).mean() == pytest.approx(occlusion, abs=0.02)
        assert hidden.sum(-1).max() <= 2
    limbs = {LAYOUTS["coco17"][j] for j in np.flatnonzero(hidden.any((0, 1)))}
    assert limbs == {f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "elbow", "knee", "ankle")}


def test_the_same_seed_sees_the_same(people: np.ndarray) -> None:
    camera = Scene(CLIP, 1).camera
    first, again, other = (SimulatedDetector("coco17", seed=s).observe(people, camera, 0.0) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.allclose(first[0], other[0])


# The scene.


def test_people_stand_upright_in_front_of_the_camera() -> None:
    scene = Scene(CLIP, 5)
    for frame in range(0, 600, 50):
        poses = scene.poses(frame)
        assert poses.shape == (5, 17, 3) and (poses[..., 2] > 0.5).all()
        lowest = poses[..., 1].max(1)  # y is down: their feet are about on the ground, the camera's height below
        assert (np.abs(lowest - scene.HEIGHT) < 0.5).all()
    up = unit(poses[:, HEAD] - poses[:, 0])
    assert (up[:, 1] < -0.7).all()
    pixels = scene.camera.project(scene.poses(0))
    assert ((pixels > 0) & (pixels < (1280, 720))).all(-1).mean() > 0.8


def test_motion_is_played_forth_and_back_without_a_jump() -> None:
    scene = Scene(CLIP, 5)
    poses = np.array([scene.poses(frame) for frame in range(scene.frames + 1)])
    steps = np.linalg.norm(np.diff(poses, axis=0), axis=-1)
    assert 0.05 < steps.max() < 0.5  # m within 1/30 s
    np.testing.assert_array_equal(poses[0, 0], poses[-1, 0])
    np.testing.assert_array_equal(poses[1, 0], poses[-2, 0])


def test_more_people_than_tracks_stand_further_away() -> None:
    few, many = Scene(CLIP, 5).poses(7), Scene(CLIP, 12).poses(7)
    np.testing.assert_array_equal(many[:5], few)
    assert many.shape == (12, 17, 3) and (many[5:10, 0, 2] > few[:, 0, 2]).all()
    assert np.linalg.norm(many[:, None, 0] - many[None, :, 0], axis=-1)[~np.eye(12, dtype=bool)].min() > 0.3


def test_an_empty_scene() -> None:
    assert Scene(CLIP, 0).poses(3).shape == (0, 17, 3)


def test_a_clip_of_one_frame_stands_still(tmp_path: Path) -> None:
    np.savez(tmp_path / "still.npz", person=np.ones((1, 17, 3), np.int16))
    scene = Scene(tmp_path / "still.npz", 1)
    np.testing.assert_array_equal(scene.poses(0), scene.poses(9))


def test_missing_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no clips at .*nowhere\.npz"):
        Scene(tmp_path / "nowhere.npz", 1)


def test_files_that_are_no_clips_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "shape.npz", person=np.zeros((4, 16, 3), np.int16))
    np.savez(tmp_path / "empty.npz")
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros((4, 17, 3), np.int16))
    (tmp_path / "text.npz").write_text("not a clip")
    (tmp_path / "cut.npz").write_bytes(CLIP.read_bytes()[:20_000])
    for name in ("shape", "empty", "array", "text", "cut"):
        with pytest.raises(ValueError, match=rf"{name}\.npz"):
            Scene(tmp_path / f"{name}.npz", 1)
