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

"""Poses of cameras, corrected on a person; and the low pass."""

from dataclasses import replace

import numpy as np
import pytest
from support.multiview import CLIP, displaced, hall, observe

from diffupose_ros.data.markerless.low_pass import low_pass
from diffupose_ros.data.markerless.refinement import ROUNDS, refine
from diffupose_ros.data.markerless.triangulation import triangulate

TRUTH = CLIP[::6][:25]
CAMERAS = hall(4, TRUTH)
SEEN = observe(CAMERAS, TRUTH, noise=2)


def error(cameras: tuple, keypoints: np.ndarray = SEEN.keypoints) -> float:
    points = triangulate(cameras, keypoints, SEEN.scores).points
    return float(np.nanmean(np.linalg.norm(points - TRUTH, axis=-1)))


def test_displaced_cameras_are_put_right() -> None:
    given = (CAMERAS[0], *(displaced(camera, 0.03, 0.02, n) for n, camera in enumerate(CAMERAS[1:])))
    rounds: list[None] = []
    refined = refine(given, SEEN.keypoints, SEEN.scores, lambda: rounds.append(None))
    assert len(rounds) == ROUNDS
    assert refined.before_px.max() > 10 and (refined.after_px < 3).all()
    for true, off, found in zip(CAMERAS[1:], given[1:], refined.cameras[1:], strict=True):
        turn = np.arccos(np.clip((np.trace(true.rotation @ found.rotation.T) - 1) / 2, -1, 1))
        assert turn < 0.01
        assert np.linalg.norm(found.centre - true.centre) < np.linalg.norm(off.centre - true.centre)
    assert error(refined.cameras) < 0.02 < error(given)


def test_the_first_camera_stays_and_so_does_the_scale() -> None:
    given = (CAMERAS[0], *(displaced(camera, 0.05, 0.02, n) for n, camera in enumerate(CAMERAS[1:])))
    refined = refine(given, SEEN.keypoints, SEEN.scores)
    np.testing.assert_allclose(refined.cameras[0].rotation, given[0].rotation)
    np.testing.assert_allclose(refined.cameras[0].translation, given[0].translation)
    assert refined.moved[0] == refined.turned[0] == 0 and (refined.moved[1:] > 0).all()
    spreads = [np.mean([np.linalg.norm(c.centre - given[0].centre) for c in cs]) for cs in (given, refined.cameras)]
    assert spreads[0] == pytest.approx(spreads[1])


def test_cameras_that_are_right_stay() -> None:
    refined = refine(CAMERAS, SEEN.keypoints, SEEN.scores)
    assert refined.moved.max() < 0.01 and refined.turned.max() < 0.003


def test_a_camera_that_looks_elsewhere_for_a_while_does_no_harm() -> None:
    given = (*CAMERAS[:3], displaced(CAMERAS[3], 0.03, 0.02, 0))
    wrong = SEEN.keypoints.copy()
    wrong[1, ::4] += 120
    assert error(refine(given, wrong, SEEN.scores).cameras, wrong) < 0.02


def test_cameras_that_disagree_by_metres_are_refused_by_name() -> None:
    given = (*CAMERAS[:2], replace(CAMERAS[2], translation=CAMERAS[2].translation + (1.5, 0, 0)), CAMERAS[3])
    with pytest.raises(ValueError, match=r"camera cam2 miss the joints by \d\.\d m .* from the world to the camera"):
        refine(given, SEEN.keypoints, SEEN.scores)


def test_cameras_that_share_no_joint_are_refused() -> None:
    scores = SEEN.scores * (np.arange(4) == 1)[:, None, None]
    with pytest.raises(ValueError, match="no joint is seen by two cameras"):
        refine(CAMERAS, SEEN.keypoints, scores)


def test_low_pass_takes_the_jitter_and_leaves_the_movement() -> None:
    times = np.arange(200) / 60
    movement = np.stack([np.sin(2 * np.pi * times), times, 0 * times], -1)[:, None]
    jitter = 0.01 * np.sin(2 * np.pi * 20 * times)[:, None, None]
    smooth = low_pass(movement + jitter, 60)
    assert np.abs(smooth - movement)[10:-10].max() < 0.002


def test_low_pass_keeps_gaps_and_what_is_around_them() -> None:
    times = np.arange(120) / 60
    movement = np.repeat(np.sin(2 * np.pi * 0.5 * times)[:, None, None], 3, -1)
    gappy = movement.copy()
    gappy[40:46] = np.nan
    gappy[0] = np.nan
    smooth = low_pass(gappy, 60)
    assert (np.isnan(smooth) == np.isnan(gappy)).all()
    assert np.nanmax(np.abs(smooth - movement)) < 0.005
    assert np.isnan(low_pass(np.full((5, 1, 3), np.nan), 60)).all()


@pytest.mark.parametrize(("frames", "rate"), [(50, 10.0), (1, 60.0), (3, 60.0)])
def test_slow_or_short_movements_are_no_error(frames: int, rate: float) -> None:
    points = np.ones((frames, 2, 3))
    np.testing.assert_allclose(low_pass(points, rate), points)
