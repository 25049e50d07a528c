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

import numpy as np
import pytest

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import (
    Detected,
    SimulatedDetector,
    counterparts,
    detector_joints,
    independent_errors,
    real_errors,
)
from diffupose_ros.data.scenes import Scene
from diffupose_ros.profiles import load_profile
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, HEAD, LAYOUTS, NECK, apparent_size, to_h36m

CLIP = resource_path("resource/clips/people.npz")
COCO = LAYOUTS["coco17"]


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
        if name == "thorax" and layout != "h36m17":  # OpenPose's neck
            shoulders = people[:, [H36M17.index("left_shoulder"), H36M17.index("right_shoulder")]]
            np.testing.assert_allclose(joints[:, joint(layout, name)], shoulders.mean(1))
        elif name in H36M17:
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


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """What cameras see of 6000 people without any errors, coco17, in the plane z = 1."""
    poses = np.concatenate([Scene(CLIP, 5).poses(frame) for frame in range(0, 600)])
    seen = detector_joints(np.tile(poses, (2, 1, 1)), "coco17")
    return seen[..., :2] / seen[..., 2:]


def relative(found: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Errors in units of the apparent size."""
    return (found - xy) / apparent_size(xy)[..., None]


def test_independent_errors_have_the_level_that_they_are_given_and_are_told_of() -> None:
    rng = np.random.default_rng(0)
    xy = rng.normal(0, 50, (4000, 17, 2))
    spreads, told = [], []
    for level in (0.01, 0.05):
        found = independent_errors(xy, COCO, np.full((4000, 1), level), rng)
        error = np.abs(relative(found.xy, xy))
        spreads.append(np.median(error, axis=(0, 2)) / 0.6745)
        told.append(found.deviations.mean())
        assert ((found.deviations >= 0) & (found.deviations <= 0.8)).all()
        assert spreads[-1][joint("coco17", "nose")] == pytest.approx(level, rel=0.35)
        assert spreads[-1][joint("coco17", "left_wrist")] > 1.2 * spreads[-1][joint("coco17", "nose")]
    np.testing.assert_allclose(spreads[1] / spreads[0], 5, rtol=0.2)
    assert told[1] > told[0] + 0.02
    # Who is told of a deviation errs by it, whether small or large.
    for low, high in ((0.04, 0.06), (0.08, 0.12), (0.4, 0.6)):
        chosen = (found.deviations > low) & (found.deviations < high)
        assert np.sqrt((relative(found.xy, xy)[chosen] ** 2).mean()) == pytest.approx((low + high) / 2, rel=0.35)


def real(xy: np.ndarray, seed: int = 0, hidden: np.ndarray | None = None) -> Detected:
    hidden = np.zeros(xy.shape[:2], bool) if hidden is None else hidden
    return real_errors(xy, COCO, hidden, np.random.default_rng(seed))


def test_real_errors_follow_their_seed_and_their_size_that_of_the_person(crowd: np.ndarray) -> None:
    first, again, other, larger = real(crowd), real(crowd), real(crowd, 1), real(1000 * crowd + 40)
    np.testing.assert_array_equal(first.xy, again.xy)
    np.testing.assert_array_equal(first.deviations, again.deviations)
    assert not np.allclose(first.xy, other.xy)
    np.testing.assert_allclose(larger.xy, 1000 * first.xy + 40, atol=1e-6)
    np.testing.assert_allclose(larger.deviations, first.deviations)


def test_real_detectors_differ_and_are_about_as_good_as_measured_ones(crowd: np.ndarray) -> None:
    error = np.median(np.abs(relative(real(crowd).xy, crowd)), axis=(1, 2)) / 0.6745
    assert np.median(error) == pytest.approx(0.037, rel=0.25)
    assert 1.5 < np.quantile(error, 0.84) / np.median(error) < 2.2


def test_part_of_a_real_error_is_that_of_the_body_and_of_the_limb(crowd: np.ndarray) -> None:
    def together(error: np.ndarray, a: str, b: str) -> float:
        """Correlation of two joints' errors, each weighted alike among people."""
        first, second = (error[:, joint("coco17", name)].clip(-3, 3).ravel() for name in (a, b))
        return float(np.corrcoef(first, second)[0, 1])

    error = relative(real(crowd).xy, crowd)
    error /= np.median(np.abs(error), axis=(1, 2), keepdims=True)
    apart = relative(
        independent_errors(crowd, COCO, np.full((len(crowd), 1), 0.03), np.random.default_rng(0)).xy, crowd
    )
    apart /= np.median(np.abs(apart), axis=(1, 2), keepdims=True)
    body, limb = together(error, "left_elbow", "right_hip"), together(error, "left_elbow", "left_wrist")
    assert 0.1 < body < 0.35 and body + 0.1 < limb < 0.6
    assert abs(together(apart, "left_elbow", "right_hip")) < 0.05


def test_real_errors_have_heavy_tails(crowd: np.ndarray) -> None:
    error = relative(real(crowd).xy, crowd)
    error /= np.median(np.abs(error), axis=(1, 2), keepdims=True) / 0.6745
    beyond = (np.abs(error) > 4).mean()
    assert 0.005 < beyond < 0.06  # 6e-5 of a normal distribution


def test_guessed_joints_err_more_and_others_do_not(crowd: np.ndarray) -> None:
    hidden = np.zeros(crowd.shape[:2], bool)
    hidden[:, joint("coco17", "left_wrist")] = True
    error = np.median(np.abs(relative(real(crowd, hidden=hidden).xy, crowd)), axis=(0, 2))
    assert error[joint("coco17", "left_wrist")] > 1.7 * error[joint("coco17", "right_wrist")]
    assert error[joint("coco17", "left_knee")] == pytest.approx(error[joint("coco17", "right_knee")], rel=0.1)


def test_some_people_and_limbs_are_exchanged_left_and_right(crowd: np.ndarray) -> None:
    found, other = real(crowd).xy, crowd[:, counterparts(COCO)]
    wide = np.linalg.norm(crowd - other, axis=-1) / apparent_size(crowd) > 0.6
    nearer = np.linalg.norm(found - other, axis=-1) < np.linalg.norm(found - crowd, axis=-1)
    shoulder, knee, wrist = (joint("coco17", f"left_{part}") for part in ("shoulder", "knee", "wrist"))
    shares = [nearer[wide[:, j], j].mean() for j in (shoulder, knee, wrist)]
    assert 0.01 < shares[0] < 0.05 and 0.02 < shares[1] < 0.09 and 0.02 < shares[2] < 0.09
    whole = nearer[:, shoulder] & wide[:, shoulder] & wide[:, wrist]
    assert nearer[whole, wrist].mean() > 0.6
    assert COCO[counterparts(COCO)[wrist]] == "right_wrist" and counterparts(COCO)[0] == 0


def test_what_real_detectors_tell_is_right_on_average_and_tells_something_of_joints(crowd: np.ndarray) -> None:
    hidden = np.random.default_rng(3).random(crowd.shape[:2]) < 0.1
    found = real(crowd, hidden=hidden)
    error = np.abs(relative(found.xy, crowd)).mean(-1)
    assert ((found.deviations > 0) & (found.deviations <= 0.8)).all()
    # Their mean is about right: for normal errors the ratio would be 0.80.
    assert 0.55 < np.median(error / found.deviations) < 0.9
    assert np.corrcoef(np.log(found.deviations.mean(1)), np.log(error.mean(1)))[0, 1] > 0.5  # of people
    within = np.log(found.deviations) - np.log(found.deviations).mean(1, keepdims=True)
    worse = np.log(error) - np.log(error).mean(1, keepdims=True)
    assert 0.1 < np.corrcoef(within.ravel(), worse.ravel())[0, 1] < 0.6  # of the joints of a person
    # Scores of a part of the detectors say nothing of joints.
    silent = within.std(1) < 0.2
    assert 0.2 < silent.mean() < 0.6


def test_one_detection_or_the_other(crowd: np.ndarray) -> None:
    first, second = real(crowd[:4]), Detected(crowd[:4], np.zeros((4, 17)))
    mixed = first.where(np.array([True, False, True, False]), second)
    for name in ("xy", "deviations"):
        np.testing.assert_array_equal(getattr(mixed, name)[::2], getattr(first, name)[::2])
        np.testing.assert_array_equal(getattr(mixed, name)[1::2], getattr(second, name)[1::2])


def test_joints_that_are_not_known_are_no_error() -> None:
    names = LAYOUTS["mediapipe33"]
    people = Scene(CLIP, 5).poses(30)
    seen = detector_joints(people, "mediapipe33")
    xy = seen[..., :2] / seen[..., 2:]
    rng = np.random.default_rng(0)
    for found in (
        independent_errors(xy, names, np.full((5, 1), 0.02), rng),
        real_errors(xy, names, np.zeros((5, 33), bool), rng),
    ):
        known = np.isfinite(xy)
        assert (np.isfinite(found.xy) == known).all() and np.isfinite(found.deviations).all()


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


def test_its_scores_are_read_by_the_profile_that_ships(people: np.ndarray) -> None:
    camera = Scene(CLIP, 1).camera
    many = np.tile(people - people[:, :1] + (0, 0, 5), (400, 1, 1))
    exact = camera.project(detector_joints(many, "coco17"))
    pixels, scores = SimulatedDetector("coco17", noise=4).observe(many, camera, 0.0)
    deviations = load_profile("simulated", "coco17").deviation(scores, COCO)
    for told in (0.05, 0.1, 0.15):
        error = relative(pixels, exact)[np.abs(deviations - told) < 0.1 * told]
        assert np.median(np.abs(error)) / 0.6745 == pytest.approx(told, rel=0.25)  # what is told errs too
