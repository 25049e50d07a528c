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

from diffupose_ros.data.scenes import Scene
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import HEAD, unit

CLIP = resource_path("resource/clips/people.npz")


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
