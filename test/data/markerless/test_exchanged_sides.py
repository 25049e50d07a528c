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


"""Cameras whose detectors take left for right: which, when, and what becomes of the truth."""

from dataclasses import replace

import numpy as np
import pytest
from support.multiview import hall, observe, walk

from diffupose_ros.data.markerless.sides import exchange, find_exchanged
from diffupose_ros.data.markerless.truth import make_recording

TRUTH = walk(40)
CAMERAS = hall(4, TRUTH)
SEEN = observe(CAMERAS, TRUTH, noise=3)
BURSTS = {
    "one camera": [(1, 5, 20)],
    "the first one, from the first frame on": [(0, 0, 12)],
    "two, one after the other": [(1, 5, 20), (3, 10, 30)],
    "two of four at once": [(0, 12, 25), (2, 12, 25)],
    "each of them at some time": [(0, 3, 9), (1, 9, 15), (2, 15, 21), (3, 21, 27)],
}


def exchanged_in(bursts: list[tuple[int, int, int]]) -> np.ndarray:
    exchanged = np.zeros((4, 40), bool)
    for camera, first, last in bursts:
        exchanged[camera, first:last] = True
    return exchanged


@pytest.mark.parametrize("bursts", BURSTS.values(), ids=BURSTS)
def test_exchanged_sides_are_found_in_the_very_frames(bursts: list[tuple[int, int, int]]) -> None:
    expected = exchanged_in(bursts)
    keypoints = exchange(SEEN.keypoints, expected, SEEN.layout)
    np.testing.assert_array_equal(find_exchanged(CAMERAS, keypoints, SEEN.scores, SEEN.layout), expected)
    np.testing.assert_array_equal(exchange(keypoints, expected, SEEN.layout), SEEN.keypoints)


def test_nobody_who_is_seen_right_is_exchanged() -> None:
    for noise in (0.0, 3.0, 12.0):
        seen = observe(CAMERAS, TRUTH, noise, seed=1)
        assert not find_exchanged(CAMERAS, seen.keypoints, seen.scores, seen.layout).any()


def test_joints_and_frames_that_cameras_did_not_see_tell_nothing() -> None:
    expected = exchanged_in([(1, 5, 20)])
    hidden = np.random.default_rng(0).random(SEEN.scores.shape) < 0.3
    hidden[2, 10:15] = hidden[:, 30] = True
    keypoints = np.where(hidden[..., None], np.nan, SEEN.keypoints)
    scores = np.where(hidden, 0, SEEN.scores)
    keypoints, scores = (exchange(of, expected, SEEN.layout) for of in (keypoints, scores))
    np.testing.assert_array_equal(find_exchanged(CAMERAS, keypoints, scores, SEEN.layout), expected)


def test_two_cameras_cannot_tell() -> None:
    keypoints = exchange(SEEN.keypoints, exchanged_in([(1, 5, 20)]), SEEN.layout)[:2]
    assert not find_exchanged(CAMERAS[:2], keypoints, SEEN.scores[:2], SEEN.layout).any()


def test_truth_is_that_of_the_right_sides_and_the_2d_stays_as_it_was_seen() -> None:
    expected = exchanged_in(BURSTS["two of four at once"])
    wrong = replace(SEEN, keypoints=exchange(SEEN.keypoints, expected, SEEN.layout))
    made = make_recording(wrong, "made")
    np.testing.assert_array_equal(made.exchanged, expected)
    np.testing.assert_array_equal(made.recording.keypoints, wrong.keypoints)
    np.testing.assert_array_equal(made.recording.gt_world, make_recording(SEEN, "made").recording.gt_world)
