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

"""Pixels to rays and back, and where in space a pose stands."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffupose_ros.camera import Camera

CAMERAS = {
    "ideal": Camera([600, 0, 320, 0, 590, 240, 0, 0, 1], width=640, height=480),
    "webcam": Camera([610, 0, 325, 0, 612, 238, 0, 0, 1], [0.11, -0.23, 0.001, -0.0006, 0.06], "plumb_bob", 640, 480),
    "barrel": Camera([420, 0, 322, 0, 421, 243, 0, 0, 1], [-0.3, 0.09, 0.0012, -0.0009, 0], "plumb_bob", 640, 480),
    "pincushion": Camera([500, 0, 320, 0, 500, 240, 0, 0, 1], [0.25, 0.1, 0, 0], "plumb_bob", 640, 480),
    "azure kinect": Camera(
        [608, 0, 639, 0, 608, 367, 0, 0, 1],
        [0.513, -2.74, 0.0006, -0.0002, 1.55, 0.39, -2.56, 1.48],
        "rational_polynomial", 1280, 720,
    ),
    "fisheye T265": Camera(
        [286, 0, 419, 0, 286, 400, 0, 0, 1], [-0.008, 0.044, -0.042, 0.008], "equidistant", 848, 800
    ),
    "fisheye 190 degrees": Camera(
        [330, 0, 640, 0, 331, 480, 0, 0, 1], [0.06, -0.02, 0.006, -0.002], "equidistant", 1280, 960
    ),
    "equidistant without coefficients": Camera([330, 0, 640, 0, 330, 480, 0, 0, 1], [0] * 4, "equidistant", 1280, 960),
}  # fmt: skip
cameras = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())


def pixel_grid(camera: Camera) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, camera.width, 33), np.linspace(0, camera.height, 25))
    return np.stack([x, y], -1)


def distorted(camera: Camera, points: np.ndarray) -> np.ndarray:
    """The lens models as OpenCV's manual writes them."""
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r = np.hypot(x, y)
    if camera.model == "equidistant" and camera.D.size:
        k1, k2, k3, k4 = camera.D
        theta = np.arctan(r)
        factor = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8) / np.maximum(r, 1e-12)
        x, y = x * factor, y * factor
    else:
        k1, k2, p1, p2, k3, k4, k5, k6 = np.pad(camera.D, (0, 8 - camera.D.size))
        factor = (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
        x, y = (
            x * factor + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2),
            y * factor + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y,
        )
    return np.stack([camera.K[0, 0] * x + camera.K[0, 2], camera.K[1, 1] * y + camera.K[1, 2]], -1)


@cameras
def test_every_pixel_of_the_image_has_a_ray_that_projects_back_onto_it(camera: Camera) -> None:
    pixels = pixel_grid(camera)
    rays = camera.rays(pixels)
    reached = np.isfinite(rays).all(-1)
    if camera.model == "equidistant":  # a fisheye's corners look past 90 degrees
        reached &= rays[..., 2] > np.cos(np.radians(85))
        assert reached.mean() > 0.5
    else:
        assert reached.all() and (rays[..., 2] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(rays[reached], axis=-1), 1)
    np.testing.assert_allclose(camera.project(rays[reached]), pixels[reached], atol=0.02)


@cameras
def test_points_project_as_the_lens_model_says_and_are_found_again(camera: Camera) -> None:
    rng = np.random.default_rng(0)
    reach = 0.9 * np.array([camera.width, camera.height]) / 2 / camera.K[[0, 1], [0, 1]]
    xy = rng.uniform(-1, 1, (200, 2)) * np.minimum(reach, 1.3) * 0.85
    points = np.concatenate([xy, np.ones((200, 1))], 1) * rng.uniform(0.5, 9, (200, 1))
    pixels = camera.project(points)
    np.testing.assert_allclose(pixels, distorted(camera, points), atol=1e-6)
    np.testing.assert_allclose(camera.rays(pixels), points / np.linalg.norm(points, axis=1, keepdims=True), atol=1e-4)


@pytest.mark.parametrize("name", ["webcam", "barrel", "azure kinect"])
def test_rays_agree_with_opencv_at_full_convergence(name: str) -> None:
    camera = CAMERAS[name]
    pixels = pixel_grid(camera).reshape(-1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-12)
    ideal = cv2.undistortImagePoints(pixels[:, None], camera.K, camera.D, None, criteria)[:, 0]
    expected = (ideal - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
    rays = camera.rays(pixels)
    np.testing.assert_allclose(rays[:, :2] / rays[:, 2:], expected, atol=1e-3)


def test_the_centre_looks_ahead_and_x_is_right_y_is_down() -> None:
    for camera in CAMERAS.values():
        ahead, right, down = camera.rays(camera.K[:2, 2] + np.array([[0, 0], [50, 0], [0, 50]]))
        np.testing.assert_allclose(ahead, (0, 0, 1), atol=1e-6)
        assert right[0] > 0.05 and abs(right[1]) < 0.01 and down[1] > 0.05 and abs(down[0]) < 0.01


def test_field_of_view() -> None:
    camera = Camera.from_fov(np.radians(90), 640, 480)
    left, right = camera.rays([[0, 240], [640, 240]])
    assert np.degrees(np.arccos(left @ right)) == pytest.approx(90)
    assert np.degrees(camera.hfov) == pytest.approx(90)
    assert Camera.from_focal(320, 640, 480).hfov == pytest.approx(camera.hfov)
    for width, height in ((640, 480), (480, 640)):
        guess = Camera.guess(width, height)
        assert guess.K[0, 0] == guess.K[1, 1] == pytest.approx(320 / np.tan(np.radians(30)))
        assert (guess.width, guess.height, guess.K[0, 2], guess.K[1, 2]) == (width, height, width / 2, height / 2)


@pytest.mark.parametrize("name", ["webcam", "barrel", "fisheye T265", "equidistant without coefficients"])
def test_pixels_that_the_lens_does_not_reach_have_no_ray(name: str) -> None:
    rays = CAMERAS[name].rays([[1e5, 240.0], [-3e4, -3e4], [1e7, 0], [322, 243]])
    assert np.isnan(rays[:3]).all() and np.isfinite(rays[3]).all()


@cameras
def test_pixels_that_are_not_finite_have_no_ray_and_harm_no_other(camera: Camera) -> None:
    pixels = np.array([[[100.0, 100], [np.nan, 100]], [[100, np.inf], [300, 200]]])
    rays = camera.rays(pixels)
    assert np.isnan(rays[[0, 1], [1, 0]]).all()
    np.testing.assert_array_equal(rays[[0, 1], [0, 1]], camera.rays(pixels[[0, 1], [0, 1]]))


@cameras
def test_points_behind_the_camera_have_no_pixel(camera: Camera) -> None:
    pixels = camera.project([[0.1, 0.1, 1], [0.1, 0.1, -1], [0.1, 0.1, 0], [np.nan, 0, 1]])
    assert np.isfinite(pixels[0]).all() and np.isnan(pixels[1:]).all()


@cameras
def test_shapes_are_kept(camera: Camera) -> None:
    assert camera.rays(np.ones((2, 3, 4, 2))).shape == (2, 3, 4, 3)
    assert camera.project(np.ones((2, 3, 4, 3))).shape == (2, 3, 4, 2)
    assert camera.rays(np.zeros((0, 17, 2))).shape == (0, 17, 3)
    assert camera.project(np.zeros((0, 17, 3))).shape == (0, 17, 2)
    assert camera.rays([3.0, 4]).shape == (3,)


@given(st.sampled_from(sorted(CAMERAS)), st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=8))
@settings(max_examples=60)
def test_any_pixel_gives_a_unit_ray_or_nan(name: str, pixels: list) -> None:
    rays = CAMERAS[name].rays(pixels)
    length = np.linalg.norm(rays, axis=-1)
    assert (np.isnan(rays).all(-1) | (np.abs(length - 1) < 1e-9)).all()


def test_a_skewed_ideal_camera_finds_its_points_again() -> None:
    camera = Camera([[600, 40, 320], [0, 600, 240], [0, 0, 1]])
    point = np.array([0.3, 0.4, 1])
    np.testing.assert_allclose(camera.rays(camera.project(point)), point / np.linalg.norm(point), atol=1e-6)


@pytest.mark.parametrize("K", [np.zeros(9), np.zeros((3, 3)), np.full(9, np.nan), [0, 0, 1, 0, 500, 1, 0, 0, 1]])
def test_an_uncalibrated_camera_is_refused_saying_what_to_do(K: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"not calibrated: K\[0\] = .*camera_calibration.*CameraInfo"):
        Camera(K)


@pytest.mark.parametrize(
    ("D", "model", "message"),
    [
        ([0.1] * 3, "plumb_bob", r"D of plumb_bob: expected 0 or 4 or 5 finite.*got \[0.1, 0.1, 0.1\]"),
        ([0.1] * 5, "equidistant", "D of equidistant: expected 0 or 4 finite"),
        ([0.1] * 6, "rational_polynomial", "D of rational_polynomial: expected 0 or 8 or 12 or 14 finite"),
        ([0.1] * 4, "pinhole", r"without distortion \(pinhole\): expected zeros or nothing, got \[0.1"),
        ([0.1] * 4, "None", r"without distortion \(None\)"),
        ([np.nan] * 5, "plumb_bob", "finite coefficients, got .*nan"),
        ([], "fov", "unknown lens model 'fov'.*plumb_bob, rational_polynomial, equidistant"),
    ],
)
def test_distortion_that_no_lens_has_is_refused(D: list, model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Camera([500, 0, 320, 0, 500, 240, 0, 0, 1], D, model)


@pytest.mark.parametrize(
    ("model", "D", "camera"),
    [
        ("plumb_bob", CAMERAS["azure kinect"].D, "azure kinect"),  # as RealSense and others publish it
        ("", CAMERAS["azure kinect"].D, "azure kinect"),
        ("", CAMERAS["webcam"].D, "webcam"),
        ("rational_polynomial", CAMERAS["webcam"].D, "webcam"),
        ("radtan", CAMERAS["pincushion"].D, "pincushion"),
        ("fisheye", CAMERAS["fisheye T265"].D, "fisheye T265"),
        ("kannala_brandt4", CAMERAS["fisheye T265"].D, "fisheye T265"),
        ("Equidistant", CAMERAS["fisheye T265"].D, "fisheye T265"),
        *((name, D, "ideal") for name in ("", "none", "None", "pinhole") for D in ([], [0] * 5)),
        ("equidistant", [], "ideal"),
    ],
)
def test_lenses_are_known_by_the_names_that_drivers_and_tools_give_them(model: str, D: list, camera: str) -> None:
    expected = CAMERAS[camera]
    named = Camera(expected.K, D, model, expected.width, expected.height)
    assert named.model == expected.model
    np.testing.assert_array_equal(named.rays(pixel_grid(expected)), expected.rays(pixel_grid(expected)))


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3x3 or 9 numbers, got shape \(4,\)"):
        Camera([500, 320, 500, 240])


def test_intrinsics_beyond_all_cameras_are_refused() -> None:
    with pytest.raises(ValueError, match=r"K: expected numbers up to 1e\+09 px, got 1e\+300"):
        Camera([[500, 1e300, 320], [0, 500, 240], [0, 0, 1]])
