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

"""People's 2D joints in, 3D skeletons with uncertainty out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import detector_joints
from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.lifting.condition import look_at
from diffupose_ros.lifting.engine import call
from diffupose_ros.lifting.engine.sampling import Noise, Sampling
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, LAYOUTS, MIRROR, SPINE, Status, pelvis_axes

LEFT_WRIST = H36M17.index("left_wrist")
WIDE = Camera.from_fov(np.radians(120), 4000, 4000)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(resource_path("resource/clips/people.npz"), 5)


@pytest.fixture(scope="module")
def people(scene: Scene) -> np.ndarray:
    return scene.poses(30)


def see(lifter: Lifter, poses: np.ndarray, camera: Camera, layout: str = "h36m17", **options) -> Lifted:
    """Lift what a perfect detector sees of poses in the camera frame."""
    pixels = camera.project(detector_joints(poses, layout))
    return lifter.lift(
        pixels, np.isfinite(pixels).all(-1), camera, layout, **{"seed": 0, "detector": "exact"} | options
    )


def mpjpe(lifted: Lifted, poses: np.ndarray) -> np.ndarray:
    """Mean error of the root-relative joints of each person, in mm."""
    error = (lifted.mean - lifted.root[:, None]) - (poses - poses[:, :1])
    return 1000 * np.linalg.norm(error, axis=-1).mean(-1)


def assert_plausible(lifted: Lifted, people: int, hypotheses: int) -> None:
    """All that holds for every valid result."""
    assert lifted.valid.tolist() == [True] * people
    for name, value in vars(lifted).items():
        assert np.isfinite(value).all(), name
    for covariance in (lifted.covariance, lifted.root_covariance, lifted.orientation_covariance):
        np.testing.assert_allclose(covariance, np.swapaxes(covariance, -1, -2), atol=1e-12)
        assert np.linalg.eigvalsh(covariance).min(initial=1) > 0
    assert lifted.hypotheses.shape == (people, hypotheses, 17, 3)
    assert (lifted.root[:, 2] > 0).all()
    bones = np.linalg.norm(lifted.mean[:, 1:] - lifted.mean[:, :1], axis=-1)
    assert bones.max(initial=0) < 2.5


@pytest.mark.parametrize("hypotheses", [1, 2, 10])
@pytest.mark.parametrize("count", [1, 5])
def test_result_fields(lifter: Lifter, scene: Scene, people: np.ndarray, count: int, hypotheses: int) -> None:
    lifted = see(lifter, people[:count], scene.camera, hypotheses=hypotheses)
    assert_plausible(lifted, count, hypotheses)
    assert {name: value.shape for name, value in vars(lifted).items()} == {
        "mean": (count, 17, 3),
        "covariance": (count, 17, 3, 3),
        "freedom": (count, 17),
        "hypotheses": (count, hypotheses, 17, 3),
        "root": (count, 3),
        "root_covariance": (count, 3, 3),
        "orientation": (count, 3, 3),
        "orientation_covariance": (count, 3, 3),
        "reprojection_error": (count,),
        "novelty": (count,),
        "scores": (count, 17),
        "status": (count, 17),
        "valid": (count,),
    }
    np.testing.assert_array_equal(lifted.root, lifted.mean[:, 0])
    np.testing.assert_allclose(lifted.orientation, pelvis_axes(lifted.mean))
    assert (lifted.status == Status.MEASURED).all() and (lifted.scores == 1).all()


def test_poses_are_plainly_right_and_fit_the_image(lifter: Lifter, scene: Scene) -> None:
    errors, depth = [], []
    for frame in range(0, 300, 60):
        poses = scene.poses(frame)
        lifted = see(lifter, poses, scene.camera)
        errors.append(mpjpe(lifted, poses))
        depth.append(np.abs(lifted.root[:, 2] / poses[:, 0, 2] - 1))
        error = np.linalg.norm(scene.camera.project(lifted.mean) - scene.camera.project(poses), axis=-1)
        np.testing.assert_allclose(lifted.reprojection_error, np.sqrt((error**2).mean(1)))
        assert (lifted.reprojection_error < 15).all()
    assert np.mean(errors) < 80
    assert np.mean(depth) < 0.15


def test_nobody(lifter: Lifter, scene: Scene) -> None:
    lifted = lifter.lift(np.zeros((0, 17, 2)), np.zeros((0, 17)), scene.camera)
    assert_plausible(lifted, 0, 10)
    assert lifted.mean.shape == (0, 17, 3) and lifted.covariance.shape == (0, 17, 3, 3)


def test_a_seed_decides_the_result(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    first, again, other = (see(lifter, people, scene.camera, seed=seed) for seed in (3, 3, 4))
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(again, name))
    assert not np.allclose(first.hypotheses, other.hypotheses, atol=1e-3)
    unseeded = [see(lifter, people, scene.camera, seed=None) for _ in range(2)]
    assert not np.allclose(unseeded[0].hypotheses, unseeded[1].hypotheses, atol=1e-3)


def test_lifting_leaves_the_global_random_state_alone(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    see(lifter, people, scene.camera, seed=1)
    assert torch.equal(torch.randn(3), expected)


def test_companions_in_the_batch_change_nothing(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    pixels, scores = scene.camera.project(people), np.ones((5, 17))
    scores[3, 4:] = 0
    pixels[1, 9] = np.nan
    together = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
    for person in (0, 2, 4):
        one = slice(person, person + 1)
        alone = lifter.lift(pixels[one], scores[one], scene.camera, "h36m17", seed=0, detector="exact")
        np.testing.assert_allclose(alone.mean, together.mean[one], atol=1e-4)
        np.testing.assert_allclose(alone.covariance, together.covariance[one], atol=1e-5)


def test_people_without_joints_are_nan_beside_people_with_joints(
    lifter: Lifter, scene: Scene, people: np.ndarray
) -> None:
    pixels, scores = scene.camera.project(people), np.ones((5, 17))
    scores[1] = 0
    pixels[3] = np.nan
    scores[4, 2:] = 0
    lifted = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
    assert lifted.valid.tolist() == [True, False, True, False, False]
    for name in (
        "mean",
        "covariance",
        "hypotheses",
        "root",
        "root_covariance",
        "orientation",
        "orientation_covariance",
    ):
        value = getattr(lifted, name)
        assert np.isnan(value[[1, 3, 4]]).all() and np.isfinite(value[[0, 2]]).all(), name
    assert np.isnan(lifted.reprojection_error[[1, 3, 4]]).all()
    assert (lifted.status[[1, 3]] == Status.MISSING).all() and (lifted.scores[[1, 3]] == 0).all()


def test_all_people_missing(lifter: Lifter, scene: Scene) -> None:
    lifted = lifter.lift(np.zeros((2, 17, 2)), np.zeros((2, 17)), scene.camera)
    assert not lifted.valid.any() and np.isnan(lifted.mean).all() and np.isnan(lifted.covariance).all()


def test_an_unseen_wrist_is_less_certain_than_a_seen_one(lifter: Lifter, scene: Scene) -> None:
    ratios = []
    for frame in range(0, 300, 60):
        pixels, scores = scene.camera.project(scene.poses(frame)), np.ones((5, 17))
        seen = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
        scores[:, LEFT_WRIST] = 0
        unseen = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
        assert (unseen.status[:, LEFT_WRIST] == Status.MISSING).all()
        traces = (np.trace(lifted.covariance[:, LEFT_WRIST], axis1=1, axis2=2) for lifted in (unseen, seen))
        ratios.append(np.divide(*traces))
    assert np.mean(ratios) > 2 and np.mean(np.concatenate(ratios) > 1) > 0.9


def test_depth_is_less_certain_than_the_image_plane(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    lifted = see(lifter, people, scene.camera)
    for root, joints, covariance in zip(lifted.root, lifted.covariance, lifted.root_covariance, strict=True):
        ray = root / np.linalg.norm(root)
        along, total = ray @ covariance @ ray, np.trace(covariance)
        assert along > 0.8 * total
        assert along**0.5 > 0.04 * np.linalg.norm(root)  # body size leaves the distance open
        assert np.mean([ray @ c @ ray / np.trace(c) for c in joints[1:]]) > 0.4


def test_raised_hands_are_not_clipped_at_a_metre(lifter: Lifter, people: np.ndarray) -> None:
    pose = 1.25 * (people[4] - people[4, :1])  # a tall person; y is down
    for side in ("left", "right"):
        shoulder, elbow, wrist = (H36M17.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
        lengths = [np.linalg.norm(pose[b] - pose[a]) for a, b in ((shoulder, elbow), (elbow, wrist))]
        pose[elbow] = pose[shoulder] + (0, -lengths[0], 0)
        pose[wrist] = pose[elbow] + (0, -lengths[1], 0)
    wrists = [H36M17.index("left_wrist"), H36M17.index("right_wrist")]
    lifted = see(lifter, pose[None] + (0, 0, 3), WIDE, hypotheses=50)
    assert -pose[wrists, 1].max() > 1.1
    assert -(lifted.mean - lifted.root[:, None])[0, wrists, 1].mean() > 1.0
    assert lifter.sampler.diffusion.clamp is None


@pytest.mark.parametrize("degrees", [-25, 40, 90])
def test_a_camera_that_is_rolled_sees_the_same_people(lifter: Lifter, people: np.ndarray, degrees: float) -> None:
    about = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    lifted, rolled = see(lifter, people, WIDE), see(lifter, people @ about.T, WIDE)
    np.testing.assert_allclose(rolled.mean @ about, lifted.mean, atol=1e-3)
    np.testing.assert_allclose(about.T @ rolled.covariance @ about, lifted.covariance, atol=1e-4)
    np.testing.assert_allclose(about.T @ rolled.root_covariance @ about, lifted.root_covariance, atol=1e-3)
    np.testing.assert_allclose(about.T @ rolled.orientation, lifted.orientation, atol=1e-2)


@pytest.mark.parametrize("place", [(0.5, 0.0, 1), (-0.9, 0, 1), (0.3, -0.6, 1), (-0.5, 0.7, 1)])
def test_the_same_pose_elsewhere_in_the_image(lifter: Lifter, people: np.ndarray, place: tuple) -> None:
    ahead = np.einsum("pij,pkj->pki", look_at(people.mean(1)), people)
    moved = ahead @ look_at(np.array(place))
    lifted, elsewhere = see(lifter, ahead, WIDE), see(lifter, moved, WIDE)
    back = (elsewhere.mean - elsewhere.root[:, None]) @ look_at(np.array(place)).T
    distance = np.linalg.norm(back - (lifted.mean - lifted.root[:, None]), axis=-1)
    assert distance.mean(-1).max() < 0.01
    # The covariances turn with the people.
    turned = look_at(np.array(place)) @ elsewhere.covariance @ look_at(np.array(place)).T
    difference = np.linalg.norm(turned - lifted.covariance, axis=(-1, -2))
    assert (difference.mean(-1) < 0.1 * np.linalg.norm(lifted.covariance, axis=(-1, -2)).mean(-1)).all()
    depth = np.linalg.norm(elsewhere.root, axis=-1) / np.linalg.norm(lifted.root, axis=-1)
    np.testing.assert_allclose(depth, 1, atol=0.01)


@pytest.mark.parametrize(
    "camera",
    [
        Camera.from_fov(np.radians(60), 640, 480),
        Camera.from_fov(np.radians(110), 3840, 2160),
        Camera([600, 0, 700, 0, 600, 300, 0, 0, 1], [-0.2, 0.05, 0.001, -0.001, 0]),
        Camera([300, 0, 640, 0, 300, 480, 0, 0, 1], [0.01, -0.005, 0, 0], "equidistant"),
    ],
    ids=["narrow", "wide", "distorted", "fisheye"],
)
def test_the_same_pose_through_another_lens(lifter: Lifter, scene: Scene, people: np.ndarray, camera: Camera) -> None:
    without_size = Camera(camera.K, camera.D, camera.model)  # people may stand outside of the narrow image
    lifted, other = see(lifter, people, scene.camera), see(lifter, people, without_size)
    np.testing.assert_allclose(other.mean, lifted.mean, atol=0.01)


def test_mirrored_input_gives_mirrored_output(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    mirrored = people[:, MIRROR] * (-1, 1, 1)
    lifted = see(lifter, people, scene.camera, hypotheses=50)
    back = see(lifter, mirrored, scene.camera, hypotheses=50).mean[:, MIRROR] * (-1, 1, 1)
    # The hypotheses themselves start from noise that is not mirrored; their mean hardly shows it.
    assert np.linalg.norm(back - lifted.mean, axis=-1).mean() < 0.01


def test_every_second_hypothesis_is_the_mirrored_one_of_the_mirror_image(
    lifter: Lifter, scene: Scene, people: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored = people[:, MIRROR] * (-1, 1, 1)
    lifted = see(lifter, people, scene.camera, hypotheses=4)

    def others(sampling: Sampling, joints: int) -> Callable[[], np.ndarray]:
        """The other image's noise: mirrored, and that of the even hypotheses for the odd ones."""
        noise = Noise(sampling, joints)()[[1, 0, 3, 2]][:, MIRROR] * np.array((-1, 1, 1), np.float32)
        return lambda: noise

    monkeypatch.setattr(call, "Noise", others)
    back = see(lifter, mirrored, scene.camera, hypotheses=4).hypotheses[:, [1, 0, 3, 2]]
    np.testing.assert_allclose(back[:, :, MIRROR] * (-1, 1, 1), lifted.hypotheses, atol=2e-3)
    monkeypatch.undo()
    straight = see(lifter, people, scene.camera, hypotheses=4, flip=False)
    np.testing.assert_allclose(straight.hypotheses[:, ::2], lifted.hypotheses[:, ::2], atol=2e-3)
    assert not np.allclose(straight.hypotheses[:, 1::2], lifted.hypotheses[:, 1::2], atol=2e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_lifted(lifter: Lifter, scene: Scene, people: np.ndarray, layout: str) -> None:
    lifted = see(lifter, people, scene.camera, layout)
    assert_plausible(lifted, 5, 10)
    assert (lifted.status != Status.MISSING).all()
    assert (lifted.status[:, SPINE] == (Status.MEASURED if layout == "h36m17" else Status.DERIVED)).all()
    assert mpjpe(lifted, people).mean() < 110


@pytest.mark.parametrize("broken", [(np.nan, np.nan), (np.inf, 3), (1e30, -1e30), (-5e4, 100), (3e4, 3e4)])
def test_broken_keypoints_count_as_missing(lifter: Lifter, scene: Scene, people: np.ndarray, broken: tuple) -> None:
    pixels, scores = scene.camera.project(people), np.ones((5, 17))
    pixels[:, LEFT_WRIST] = broken
    lifted = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
    scores[:, LEFT_WRIST] = 0
    missing = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
    assert_plausible(lifted, 5, 10)
    for name, value in vars(missing).items():
        np.testing.assert_array_equal(getattr(lifted, name), value, err_msg=name)


def test_joints_a_little_outside_of_the_image_are_used(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    pixels = scene.camera.project(people[:1])
    narrow = Camera(scene.camera.K, width=int(pixels[..., 0].max()) - 5, height=720)
    assert (pixels[..., 0] > narrow.width).any()
    lifted = lifter.lift(pixels, np.ones((1, 17)), narrow, "h36m17", seed=0, detector="exact")
    assert (lifted.status == Status.MEASURED).all()


@pytest.mark.parametrize("score", [np.nan, -1.0, np.inf])
def test_broken_scores_count_as_missing(lifter: Lifter, scene: Scene, people: np.ndarray, score: float) -> None:
    pixels, scores = scene.camera.project(people), np.ones((5, 17))
    scores[:, LEFT_WRIST] = score
    lifted = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0, detector="exact")
    assert_plausible(lifted, 5, 10)
    assert (lifted.status[:, LEFT_WRIST] == Status.MISSING).all()


def test_joints_at_the_origin_move_nobody(lifter: Lifter, scene: Scene, people: np.ndarray) -> None:
    pixels, scores = scene.camera.project(people), np.ones((5, 17))
    pixels[:, LEFT_WRIST] = 0  # as YOLO writes what it did not find, with a score
    told = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0)
    scores[:, LEFT_WRIST] = 0
    expected = lifter.lift(pixels, scores, scene.camera, "h36m17", seed=0)
    np.testing.assert_array_equal(told.root, expected.root)
    np.testing.assert_array_equal(told.mean, expected.mean)


@pytest.mark.parametrize("unit", ["0 to 1", "-1 to 1"])
def test_normalised_keypoints_are_refused(lifter: Lifter, scene: Scene, people: np.ndarray, unit: str) -> None:
    camera = scene.camera
    pixels, scores = camera.project(people), np.ones((5, 17))
    pixels[3] /= (camera.width, camera.height)
    if unit == "-1 to 1":
        pixels[3] = 2 * pixels[3] - 1
    pixels[3, 5], scores[3, 5] = 500, 0  # a joint that was not seen says nothing
    with pytest.raises(ValueError, match=r"people \[3\] look normalised: expected pixels"):
        lifter.lift(pixels, scores, camera, "h36m17")


def test_a_camera_of_normalised_coordinates_takes_them(lifter: Lifter, people: np.ndarray) -> None:
    camera = Camera(np.eye(3))
    assert_plausible(lifter.lift(camera.project(people), np.ones((5, 17)), camera, "h36m17", seed=0), 5, 10)


def test_all_joints_in_one_point_are_nobody(lifter: Lifter, scene: Scene) -> None:
    lifted = lifter.lift(np.full((1, 17, 2), 300.0), np.ones((1, 17)), scene.camera, "h36m17", seed=0, detector="exact")
    assert not lifted.valid.any() and np.isnan(lifted.mean).all()


@pytest.mark.parametrize("seed", range(3))
def test_random_pixels_are_no_error(lifter: Lifter, scene: Scene, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels, scores = rng.uniform(-300, 1500, (40, 17, 2)), rng.uniform(0, 1, (40, 17))
    scores[rng.random((40, 17)) < 0.7] = 0
    lifted = lifter.lift(pixels, scores, scene.camera, "h36m17", hypotheses=2, seed=0)
    assert lifted.valid.any() and not lifted.valid.all()
    assert np.isfinite(lifted.mean[lifted.valid]).all() and np.isnan(lifted.mean[~lifted.valid]).all()
    assert np.isfinite(lifted.covariance[lifted.valid]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hypotheses": 0}, "hypotheses: expected 1 or more, got 0"),
        ({"hypotheses": -3}, "hypotheses: expected 1 or more, got -3"),
        ({"steps": 0}, "steps: expected 1 to 100, got 0"),
        ({"steps": 101}, "steps: expected 1 to 100, got 101"),
        ({"layout": "coco18"}, "unknown layout 'coco18': expected one of h36m17, coco17"),
        ({"layout": "body25"}, r"body25: expected shape \(P, 25\), got \(1, 17\)"),
    ],
)
def test_wrong_options_are_refused(lifter: Lifter, scene: Scene, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lifter.lift(np.ones((1, 17, 2)), np.ones((1, 17)), scene.camera, **options)


@pytest.mark.parametrize(
    ("keypoints", "scores"),
    [((17, 2), (17,)), ((1, 17, 3), (1, 17)), ((2, 17, 2), (1, 17)), ((1, 16, 2), (1, 16))],
)
def test_wrong_shapes_are_refused(lifter: Lifter, scene: Scene, keypoints: tuple, scores: tuple) -> None:
    with pytest.raises(ValueError, match=r"expected shape \(.*\), got \("):
        lifter.lift(np.ones(keypoints), np.ones(scores), scene.camera)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="device 'cuda:77' cannot be used"):
        Lifter.load("default", device="cuda:77")
    with pytest.raises(ValueError, match="device 'gpu' cannot be used"):
        Lifter.load("default", device="gpu")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision 'half': the engine torch has auto, float32 and bfloat16"):
        Lifter.load("default", device="cpu", precision="half")


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_any_number_of_steps_is_plainly_right(lifter: Lifter, scene: Scene, people: np.ndarray, steps: int) -> None:
    assert mpjpe(see(lifter, people, scene.camera, steps=steps), people).mean() < 100


def test_official_network_lifts_degenerate_poses_too(official_file: Path, scene: Scene, people: np.ndarray) -> None:
    # Its weights are random, and its x0 is clamped: both hips may well fall on one corner.
    lifter = Lifter.load(official_file, device="cpu")
    for seed in range(5):
        lifted = see(lifter, people, scene.camera, hypotheses=5, seed=seed)
        assert lifted.valid.all() and np.isfinite(lifted.mean).all()
        assert np.isfinite(lifted.orientation_covariance).all()


def test_official_network_needs_the_size_of_the_image(official_file: Path, scene: Scene, people: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image's size: give Camera width and height"):
        see(Lifter.load(official_file, device="cpu"), people, Camera(scene.camera.K))
