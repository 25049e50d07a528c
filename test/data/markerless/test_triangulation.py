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

"""Joints from several cameras: how exact, and what a wrong camera does."""

from dataclasses import replace

import numpy as np
import pytest
from support.multiview import hall, observe, walk

from diffupose_ros.data.markerless.triangulation import triangulate

TRUTH = walk(20)
CAMERAS = hall(4, TRUTH)


def errors(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - TRUTH, axis=-1)


def test_exact_2d_gives_exact_joints() -> None:
    seen = observe(CAMERAS, TRUTH, noise=0)
    joints = triangulate(CAMERAS, seen.keypoints, seen.scores)
    assert errors(joints.points).max() < 1e-5
    assert (joints.views == 4).all() and joints.rms_px.max() < 0.01


def test_noise_of_pixels_costs_millimetres() -> None:
    seen = observe(CAMERAS, TRUTH, noise=2)
    joints = triangulate(CAMERAS, seen.keypoints, seen.scores)
    # 2 px at 4 m with f = 900 are 9 mm of each line; four lines leave 9 mm * sqrt(3 / 4 / 2 * 2), roughly.
    assert np.sqrt((errors(joints.points) ** 2).mean()) < 0.011
    assert joints.rms_px.mean() == pytest.approx(2 * np.sqrt(2 * 5 / 8), rel=0.15)  # 8 numbers, 3 of them fitted


def test_a_camera_that_looks_elsewhere_is_left_out() -> None:
    seen = observe(CAMERAS, TRUTH, noise=1)
    wrong = seen.keypoints.copy()
    wrong[2, ::2] += 150
    joints = triangulate(CAMERAS, wrong, seen.scores)
    assert not joints.used[2, ::2].any() and joints.used[2, 1::2].all() and joints.used[[0, 1, 3]].all()
    assert errors(joints.points).max() < 0.03
    assert (joints.error_px[2, ::2] > 150).all() and joints.rms_px.max() < 6


def test_without_rejection_one_camera_still_pulls_less_than_it_would() -> None:
    seen = observe(CAMERAS, TRUTH, noise=0)
    wrong = seen.keypoints.copy()
    wrong[2] += 150
    joints = triangulate(CAMERAS, wrong, seen.scores, reject=False)
    assert (joints.views == 4).all() and errors(joints.points).max() < 0.1


def test_what_a_camera_sees_counts_by_its_score() -> None:
    seen = observe(CAMERAS, TRUTH, noise=0)
    wrong, scores = seen.keypoints.copy(), seen.scores.copy()
    wrong[1] += 4
    even = errors(triangulate(CAMERAS, wrong, scores).points).mean()
    scores[1] = 0.1
    assert errors(triangulate(CAMERAS, wrong, scores).points).mean() < 0.3 * even


def test_leaving_a_camera_out_is_independent_of_its_errors() -> None:
    seen = observe(CAMERAS, TRUTH)
    scores = seen.scores * (np.arange(4) != 1)[:, None, None]
    before = triangulate(CAMERAS, seen.keypoints, scores)
    wrong = seen.keypoints.copy()
    wrong[1] = np.random.default_rng(1).uniform(0, 700, wrong[1].shape)
    after = triangulate(CAMERAS, wrong, scores)
    np.testing.assert_array_equal(before.points, after.points)
    assert not after.used[1].any() and np.isnan(after.error_px[1]).all()


def test_a_joint_that_cameras_do_not_tell_is_not_known() -> None:
    seen = observe(CAMERAS, TRUTH, noise=0)
    keypoints, scores = seen.keypoints.copy(), seen.scores.copy()
    scores[1:, 0] = 0  # one view
    keypoints[1:, 1], scores[1:, 1] = np.nan, 0
    scores[2:, 2], keypoints[1, 2] = 0, keypoints[1, 2] + 150  # two views that disagree
    joints = triangulate(CAMERAS, keypoints, scores)
    assert np.isnan(joints.points[:3]).all() and np.isnan(joints.rms_px[:3]).all()
    assert (joints.views[:3] == 0).all() and np.isfinite(joints.points[3:]).all()


def test_two_lines_of_sight_that_are_nearly_parallel_tell_no_distance() -> None:
    twin = replace(CAMERAS[0], translation=CAMERAS[0].translation + (0.1, 0, 0))
    seen = observe((CAMERAS[0], twin), TRUTH, noise=0)
    assert np.isnan(triangulate(seen.cameras, seen.keypoints, seen.scores).points).all()
