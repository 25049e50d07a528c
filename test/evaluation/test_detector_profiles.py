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

"""Fitting profiles: what a simulated detector's scores mean comes out again."""

from dataclasses import replace

import numpy as np
import pytest
from support.recordings import CAMERAS, recording

from diffupose_ros.data.scenes import Scene
from diffupose_ros.evaluation.detector_profiles import (
    MIN_ERRORS,
    Footage,
    fit_with_truth,
    fit_without_truth,
    footage_of,
    monotone,
    robust_deviation,
)
from diffupose_ros.lifting import Lifter
from diffupose_ros.profiles import Profile
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17

SCENE, FRAMES = Scene(resource_path("resource/clips/people.npz"), 2), 120
TRUE = Profile("true", "h36m17", (0.45, 0.95), (0.09, 0.03))


def footage(person: int, seed: int = 0, rho: float = 0.7) -> Footage:
    """A detector with two scores and normal errors of TRUE's deviations, correlated in time; an offset of 1 cm."""
    rng = np.random.default_rng(seed)
    truth = np.stack([SCENE.poses(frame)[person] for frame in range(FRAMES)])
    pixels = SCENE.camera.project(truth)
    size = np.sqrt(((pixels - pixels.mean(1, keepdims=True)) ** 2).mean(1).sum(-1))
    scores = np.repeat(np.where(rng.random((FRAMES // 20, 17)) < 0.4, 0.45, 0.95), 20, 0)
    noise = rng.normal(size=pixels.shape)
    for frame in range(1, FRAMES):
        noise[frame] = rho * noise[frame - 1] + np.sqrt(1 - rho**2) * noise[frame]
    offset = 0.03 * size.mean() * rng.normal(size=(17, 2))
    seen = pixels + offset + noise * (TRUE.deviation(scores, H36M17) * size[:, None])[..., None]
    return Footage(seen, scores, "h36m17", 30.0, SCENE.camera, H36M17, truth)


@pytest.mark.parametrize("outliers", [0.0, 0.02])
def test_truth_tells_the_deviations_exchanged_joints_or_not(outliers: float) -> None:
    parts = [footage(person, person) for person in range(2)]
    rng = np.random.default_rng(1)
    for part in parts:
        part.keypoints[rng.random(part.scores.shape) < outliers] += 200
    profile = fit_with_truth("simulated", parts)
    assert profile.name == "simulated" and "projected truth" in profile.source
    for score in 0.45, 0.95:
        ratio = profile.deviation([score], ["any"]) / TRUE.deviation([score], ["any"])
        assert 0.85 < ratio < 1.2, score
    assert all(0.8 < factor < 1.25 for factor in profile.joints.values())
    low = profile.deviation([0.05, 0.2], ["any", "any"])
    assert (low >= profile.deviation([0.45], ["any"])).all(), "nothing seen there: careful"


def test_without_truth_the_deviations_come_within_a_factor_of_two() -> None:
    profile = fit_without_truth("simulated", [footage(person, person) for person in range(2)], Lifter.load())
    ratios = [(profile.deviation([s], ["any"]) / TRUE.deviation([s], ["any"])).item() for s in (0.45, 0.95)]
    assert all(0.5 < ratio < 2 for ratio in ratios), ratios
    assert "no truth" in profile.source


def test_a_recording_is_footage_of_each_camera() -> None:
    walk = recording(noise=1.0)
    parts = footage_of(walk)
    assert [part.rate for part in parts] == [walk.rate] * CAMERAS and parts[0].truth_names == walk.gt_names
    np.testing.assert_array_equal(parts[2].keypoints, walk.keypoints[2])
    np.testing.assert_array_equal(parts[2].truth, walk.gt_camera[2])  # nothing is known of other cameras
    others = replace(walk, loo_camera=0.99 * walk.gt_camera)
    np.testing.assert_array_equal(footage_of(others)[2].truth, others.loo_camera[2])


def test_too_little_is_refused() -> None:
    whole = footage(0)
    unseen = Footage(whole.keypoints, whole.scores * 0, "h36m17", 30.0, whole.camera, H36M17, whole.truth)
    short = Footage(whole.keypoints[:10], whole.scores[:10], "h36m17", 30.0, whole.camera)
    with pytest.raises(ValueError, match=f"expected {MIN_ERRORS} joints whose error can be told, got 0"):
        fit_with_truth("x", [unseen, short])
    with pytest.raises(ValueError, match=f"expected {MIN_ERRORS} joints whose error can be told, got 0"):
        fit_without_truth("x", [short, unseen], Lifter.load())


def test_violators_are_pooled() -> None:
    np.testing.assert_allclose(monotone([5, 3, 4, 1, 1, 2], [1, 1, 3, 1, 1, 2]), [5, 3.75, 3.75, 1.5, 1.5, 1.5])


def test_the_robust_deviation_is_a_normal_one_s() -> None:
    values = np.random.default_rng(0).normal(0, 0.04, 20000)
    values[:400] = 3
    assert robust_deviation(values) == pytest.approx(0.04, rel=0.08)
