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

"""What the denoiser sees of a 2D skeleton."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from diffupose_ros.camera import Camera
from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting.condition import (
    image_centred,
    image_coordinates,
    look_at,
    person_centred,
    placing_rays,
    quality,
    upright,
)
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import (
    LEFT_HIP,
    LEFT_SHOULDER,
    MIRROR,
    PELVIS,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    THORAX,
    Status,
    to_h36m,
)

ALL_MEASURED = np.zeros((5, 17), np.int8)
EXACT = np.zeros((5, 17))
HIPS, SHOULDERS = [LEFT_HIP, RIGHT_HIP], [LEFT_SHOULDER, RIGHT_SHOULDER]


@pytest.fixture(scope="module")
def rays() -> np.ndarray:
    """People's joints, each person straight ahead of the camera."""
    poses = Scene(resource_path("resource/clips/people.npz"), 5).poses(30)
    return np.einsum("pij,pkj->pki", person_centred(poses, EXACT, ALL_MEASURED).rotation, poses)


def test_look_at_turns_a_direction_ahead_by_the_shortest_way() -> None:
    directions = np.random.default_rng(0).normal(size=(50, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    rotation = look_at(directions)
    ahead = np.einsum("pij,pj->pi", rotation, directions)
    lengths = np.linalg.norm(directions, axis=1)
    np.testing.assert_allclose(ahead / lengths[:, None], np.broadcast_to((0, 0, 1), (50, 3)), atol=1e-9)
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, 1, 2), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-9
    )
    # The shortest turn has no part about the viewing direction: its angle is that of the direction.
    angle = np.arccos((np.trace(rotation, axis1=1, axis2=2) - 1) / 2)
    np.testing.assert_allclose(angle, np.arccos(directions[:, 2] / lengths))
    np.testing.assert_allclose(look_at(np.array([0.0, 0, 3])), np.eye(3))


def test_features_are_centred_scaled_rays_quality_derived_and_size(rays: np.ndarray) -> None:
    status = ALL_MEASURED.copy()
    status[:, [7, 9]] = Status.DERIVED
    condition = person_centred(rays, EXACT + 0.08, status)
    features = condition.features
    assert features.shape == (5, 17, 5) and features.dtype == np.float32 and condition.valid.all()
    np.testing.assert_allclose((features[..., :2] ** 2).sum(-1).mean(1), 1, rtol=1e-5)
    np.testing.assert_allclose(features[..., 2], np.exp(-0.4), rtol=1e-6)
    assert (features[..., 3] == (status == Status.DERIVED)).all()
    # The apparent size: the RMS angle (its tangent) of the joints from the person's centre.
    size = np.exp(features[:, 0, 4]) * 0.15
    tangents = rays[..., :2] / rays[..., 2:]
    np.testing.assert_allclose(size, np.sqrt((tangents**2).sum(-1).mean(-1)), rtol=1e-5)
    np.testing.assert_allclose(features[..., :2] * size[:, None, None], tangents, atol=1e-5)


@pytest.mark.parametrize("place", [(0.0, 0.0, 1), (0.7, 0, 1), (-0.6, 0.5, 1), (0.3, -0.8, 1), (-2.5, 0.3, 1)])
def test_features_do_not_depend_on_the_place_in_the_image(rays: np.ndarray, place: tuple) -> None:
    rotation = look_at(np.array(place)).T  # from straight ahead to that place
    seen, moved = (
        person_centred(rays, EXACT, ALL_MEASURED),
        person_centred(rays @ rotation.T, EXACT, ALL_MEASURED),
    )
    np.testing.assert_allclose(moved.features, seen.features, atol=1e-5)
    turned_back = np.einsum("pij,pkj->pki", moved.rotation, rays @ rotation.T)
    np.testing.assert_allclose(turned_back, rays, atol=1e-5)


@pytest.mark.parametrize("degrees", [-170, -90, -20, 5, 60, 180])
def test_features_do_not_depend_on_how_the_camera_is_rolled(rays: np.ndarray, degrees: float) -> None:
    about = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    seen = person_centred(rays, EXACT, ALL_MEASURED)
    rolled = person_centred(rays @ about.T, EXACT, ALL_MEASURED)
    np.testing.assert_allclose(rolled.features, seen.features, atol=1e-5)
    np.testing.assert_allclose(rolled.rotation @ about, seen.rotation, atol=1e-9)
    hips, shoulders = (seen.features[:, pair, :2].mean(1) for pair in (HIPS, SHOULDERS))
    trunk = shoulders - hips
    np.testing.assert_allclose(trunk[:, 0], 0, atol=1e-6)
    assert (trunk[:, 1] < 0).all()  # y is down


def test_the_mirror_image_is_seen_as_the_mirror_image(rays: np.ndarray) -> None:
    mirrored = person_centred(rays[:, MIRROR] * (-1, 1, 1), EXACT, ALL_MEASURED).features
    expected = person_centred(rays, EXACT, ALL_MEASURED).features[:, MIRROR] * (-1, 1, 1, 1, 1)
    np.testing.assert_allclose(mirrored, expected, atol=1e-5)


@pytest.mark.parametrize("hidden", [[PELVIS, THORAX], [HIPS[0]], [SHOULDERS[1]]])
def test_half_of_a_trunks_joints_tell_where_it_points(rays: np.ndarray, hidden: list[int]) -> None:
    status = ALL_MEASURED.copy()
    status[:, hidden] = Status.MISSING
    sideways = rays @ Rotation.from_euler("z", 50, degrees=True).as_matrix().T
    features = person_centred(sideways, EXACT, status).features
    np.testing.assert_allclose(features, person_centred(rays, EXACT, status).features, atol=1e-5)


@pytest.mark.parametrize("hidden", [[PELVIS, HIPS[0]], [THORAX, *SHOULDERS]])
def test_who_shows_no_trunk_is_seen_as_the_camera_is_rolled(rays: np.ndarray, hidden: list[int]) -> None:
    status = ALL_MEASURED.copy()
    status[:, hidden] = Status.MISSING
    condition = person_centred(rays, EXACT, status)
    others = np.delete(np.arange(17), hidden)
    ahead = look_at((rays / np.linalg.norm(rays, axis=-1, keepdims=True))[:, others].sum(1))
    np.testing.assert_allclose(condition.rotation, ahead, atol=1e-9)


def test_a_trunk_of_no_length_rolls_nothing() -> None:
    xy = np.zeros((1, 17, 2))
    np.testing.assert_array_equal(upright(xy, np.ones((1, 17), bool)), np.eye(3)[None])


@pytest.mark.parametrize(
    "camera",
    [
        Camera.from_fov(np.radians(50), 320, 240),
        Camera.from_fov(np.radians(110), 3840, 2160),
        Camera([400, 0, 300, 0, 450, 200, 0, 0, 1], [-0.25, 0.06, 0.001, 0, 0]),
        Camera([300, 0, 400, 0, 300, 300, 0, 0, 1], [0.02, -0.01, 0.002, 0], "equidistant"),
    ],
    ids=["narrow", "wide", "distorted", "fisheye"],
)
def test_features_do_not_depend_on_the_camera(rays: np.ndarray, camera: Camera) -> None:
    pixels = camera.project(rays)
    through_lens = person_centred(camera.rays(pixels), EXACT, ALL_MEASURED)
    np.testing.assert_allclose(through_lens.features, person_centred(rays, EXACT, ALL_MEASURED).features, atol=2e-3)


def test_lengths_of_the_rays_do_not_matter(rays: np.ndarray) -> None:
    scaled = rays * np.random.default_rng(0).uniform(0.1, 9, (5, 17, 1))
    expected = person_centred(rays, EXACT, ALL_MEASURED).features
    np.testing.assert_allclose(person_centred(scaled, EXACT, ALL_MEASURED).features, expected, atol=1e-5)


def test_missing_joints_are_zero_whatever_their_ray_and_deviation(rays: np.ndarray) -> None:
    status = ALL_MEASURED.copy()
    status[:, [3, 13]] = Status.MISSING
    features = []
    for junk in (np.nan, 0, 5e9):
        broken = rays.copy()
        broken[:, [3, 13]] = junk
        deviations = EXACT.copy()
        deviations[:, 3] = junk
        features.append(person_centred(broken, deviations, status).features)
        assert (features[-1][:, [3, 13], :4] == 0).all()
    np.testing.assert_array_equal(features[0], features[1])
    np.testing.assert_array_equal(features[0], features[2])


def test_three_joints_make_a_valid_person_and_two_do_not(rays: np.ndarray) -> None:
    for count in range(5):
        status = np.full((5, 17), Status.MISSING)
        status[:, [1, 8, 13, 16][:count]] = Status.MEASURED
        condition = person_centred(rays, EXACT, status)
        assert (condition.valid == (count >= 3)).all()
        assert np.isfinite(condition.features).all() and np.isfinite(condition.rotation).all()


def test_derived_joints_do_not_make_up_for_joints_that_the_detector_gave() -> None:
    keypoints, scores = np.full((1, 17, 2), 300.0), np.zeros((1, 17))
    keypoints[0, 11:13] = (250, 200), (220, 200)
    scores[0, 11:13] = 1  # two hips, and the pelvis derived from them
    skeletons = to_h36m(keypoints, scores, "coco17")
    rays = Camera.from_fov(1.2, 640, 480).rays(skeletons.keypoints)
    assert not person_centred(rays, skeletons.deviations, skeletons.status).valid[0]


def test_rays_that_cannot_be_of_the_same_person_are_left_out(rays: np.ndarray) -> None:
    stray = rays.copy()
    stray[:, 16] = (-0.9, 0.1, -0.5)  # behind
    status = ALL_MEASURED.copy()
    features = person_centred(stray, EXACT, status).features
    assert (features[:, 16, :4] == 0).all() and (features[:, :16, 2] == 1).all()


@given(
    hnp.arrays(float, (2, 17, 2), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    hnp.arrays(float, (2, 17), elements=st.floats(0, 1e6) | st.just(np.nan)),
    hnp.arrays(np.int8, (2, 17), elements=st.sampled_from([0, 1, 2])),
)
@settings(max_examples=60)
def test_any_rays_give_finite_features(xy: np.ndarray, deviations: np.ndarray, status: np.ndarray) -> None:
    condition = person_centred(np.concatenate([xy, np.ones((2, 17, 1))], -1), deviations, status)
    assert np.isfinite(condition.features).all() and np.isfinite(condition.rotation).all()


def test_quality_falls_from_exact_joints_to_missing_ones() -> None:
    np.testing.assert_allclose(quality(np.array([0, 0.02, 0.2, 2])), np.exp([0, -0.1, -1, -10]))
    assert quality(np.array([[np.nan, np.inf]])).tolist() == [[0, 0]]


def test_people_are_placed_by_measured_joints_and_less_by_imprecise_ones(rays: np.ndarray) -> None:
    status, deviations = ALL_MEASURED.copy(), EXACT.copy()
    status[:, [0, 9]], status[:, 13] = Status.DERIVED, Status.MISSING
    deviations[:, 1], deviations[:, 2], deviations[:, 13] = 0.03, 0.3, np.nan
    turned = look_at(np.array([0.3, -0.2, 1])).T @ rays[..., None]
    condition = person_centred(turned[..., 0], deviations, status)
    placed, weights = placing_rays(condition, turned[..., 0], deviations)
    seen = status != Status.MISSING
    expected = np.einsum("pij,pkj->pki", condition.rotation, turned[..., 0])
    np.testing.assert_allclose(placed[seen], expected[seen], atol=1e-9)
    assert (weights[:, [0, 9, 13]] == 0).all()
    np.testing.assert_allclose(weights[:, [1, 2, 3]], np.broadcast_to([0.5, 1 / 101, 1], (5, 3)))


def test_people_of_hardly_any_measured_joints_are_placed_by_derived_ones_too(rays: np.ndarray) -> None:
    status = np.full((5, 17), Status.MISSING, np.int8)
    status[:, [1, 4, 8]], status[:, 0] = Status.MEASURED, Status.DERIVED
    _, weights = placing_rays(person_centred(rays, EXACT, status), rays, EXACT)
    assert (weights == (status != Status.MISSING)).all()


def test_no_people() -> None:
    condition = person_centred(np.zeros((0, 17, 3)), np.zeros((0, 17)), np.zeros((0, 17), np.int8))
    assert condition.features.shape == (0, 17, 5) and condition.valid.shape == (0,)


# The paper's condition.


def test_image_coordinates_are_the_papers_formula() -> None:
    pixels = np.array([(500, 501), (0, 0), (1000, 1002), (250, 1002)])
    expected = [[0, 0], [-1, -1.002], [1, 1.002], [-0.5, 1.002]]
    np.testing.assert_allclose(image_coordinates(pixels, 1000, 1002), expected, atol=1e-6)


def test_image_coordinates_need_the_size_of_the_image() -> None:
    with pytest.raises(ValueError, match="image's size: give Camera width and height"):
        image_coordinates(np.zeros((1, 17, 2)), 0, 0)


def test_image_centred_puts_missing_joints_at_the_centre_of_the_others() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 17, 2))
    status = np.zeros((1, 17), np.int8)
    status[0, 13] = Status.MISSING
    expected = np.delete(image, 13, 1)[0]
    image[0, 13] = 1e9
    condition = image_centred(image, status)
    np.testing.assert_allclose(np.delete(condition.features[0], 13, 0), expected, atol=1e-6)
    np.testing.assert_allclose(condition.features[0, 13], expected.mean(0), atol=1e-6)
    assert condition.valid.all() and condition.features.dtype == np.float32
    nobody = image_centred(image, np.full((1, 17), Status.MISSING, np.int8))
    assert not nobody.valid[0] and np.isfinite(nobody.features).all()


def test_joints_all_at_one_spot_are_nobody(rays: np.ndarray) -> None:
    rays = rays[:2].copy()
    rays[0] = rays[0, 0]
    assert person_centred(rays, EXACT[:2], ALL_MEASURED[:2]).valid.tolist() == [False, True]
