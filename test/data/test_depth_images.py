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


"""Depth images of simulated people: surfaces where they should be, and errors as depth cameras have them."""

from dataclasses import replace

import numpy as np
import pytest

from diffupose_ros.camera import Camera
from diffupose_ros.data.depth_images import DepthCamera, Room, joint_radii, render_depth
from diffupose_ros.data.scenes import Scene
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17

CAMERA = Camera.from_fov(np.radians(75), 320, 180)
HEIGHT = 1.3
ROOM = Room(Scene.TO_OPTICAL, -Scene.TO_OPTICAL @ (0, 0, HEIGHT), wall=7.0)
STEREO, TIME_OF_FLIGHT = DepthCamera.stereo(), DepthCamera.time_of_flight()


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return Scene(resource_path("resource/clips/people.npz"), 3).poses(40)


def standing(distance: float = 3.0) -> np.ndarray:
    """One who stands with spread arms and faces the camera, all joints equally far."""
    at = {
        "pelvis": (0, 0), "hip": (0.1, 0), "knee": (0.12, 0.42), "ankle": (0.12, 0.84), "spine": (0, -0.22),
        "thorax": (0, -0.46), "neck": (0, -0.65), "head": (0, -0.74), "shoulder": (0.17, -0.44),
        "elbow": (0.45, -0.44), "wrist": (0.7, -0.44),
    }  # fmt: skip
    pose = np.zeros((17, 3))
    for j, name in enumerate(H36M17):
        x, y = at[name.removeprefix("left_").removeprefix("right_")]
        pose[j] = (-x if name.startswith("right") else x), y, distance
    return pose[None]


def plane(depth: float = 3.0) -> np.ndarray:
    return np.full((180, 320), depth, np.float32)


def test_the_nearest_surface_of_a_joint_is_its_radius_nearer(people: np.ndarray) -> None:
    camera = Camera.from_fov(np.radians(60), 640, 480)
    person = standing()
    image, radii = render_depth(person, camera), joint_radii(person)[0]
    assert image.shape == (480, 640) and image.dtype == np.float32
    for name in ("left_wrist", "right_wrist", "left_elbow", "left_knee", "right_ankle", "head"):
        joint = H36M17.index(name)
        x, y = np.rint(camera.project(person[0, joint])).astype(int)
        away = np.linalg.norm(person[0, joint])
        on_ray = person[0, joint, 2] * (1 - radii[joint] / away)
        assert image[y, x] == pytest.approx(on_ray, abs=0.006)
    assert np.isnan(image[0]).all() and 0.03 < np.isfinite(image).mean() < 0.4
    assert np.nanmin(image) > 3 - 0.16


def test_a_bone_is_a_cone_that_touches_both_spheres() -> None:
    person = standing()
    camera = Camera.from_fov(np.radians(20), 900, 900)
    camera.K[0, 2], camera.K[1, 2] = -400, 1000  # magnifies the left forearm
    image, radii = render_depth(person, camera), joint_radii(person)[0]
    elbow, wrist = H36M17.index("left_elbow"), H36M17.index("left_wrist")
    for part in (0.3, 0.5, 0.7):
        point = (1 - part) * person[0, elbow] + part * person[0, wrist]
        radius = (1 - part) * radii[elbow] + part * radii[wrist]
        x, y = np.rint(camera.project(point)).astype(int)
        assert image[y, x] == pytest.approx(3 - radius, abs=0.004)


def test_thickness_grows_with_the_body_and_the_clothes(people: np.ndarray) -> None:
    np.testing.assert_allclose(joint_radii(0.7 * people), 0.7 * joint_radii(people))
    assert 0.1 < joint_radii(people)[0, 0] < 0.15 and joint_radii(people).shape == (3, 17)
    thin, thick = (np.isfinite(render_depth(people, CAMERA, girth=girth)).sum() for girth in (1.0, 1.4))
    assert 1.2 * thin < thick < 1.6 * thin


def test_the_floor_the_wall_and_boxes_are_where_they_are() -> None:
    box = np.array([[[2.0, -0.3, 0.0], [2.5, 0.3, 1.6]]])
    empty, boxed = (render_depth(np.zeros((0, 17, 3)), CAMERA, room) for room in (ROOM, replace(ROOM, boxes=box)))
    focal = CAMERA.K[0, 0]
    assert empty[90, 160] == pytest.approx(7.0) and empty[10, 20] == pytest.approx(7.0)
    assert empty[175, 160] == pytest.approx(HEIGHT * focal / (175 - 90), rel=1e-5)
    assert boxed[90, 160] == pytest.approx(2.0) and boxed[90, 20] == pytest.approx(7.0)
    assert np.isfinite(empty).all()


def test_what_is_nearer_hides_what_is_behind(people: np.ndarray) -> None:
    both = render_depth(np.concatenate([standing(2.0), standing(4.0)]), CAMERA, ROOM)
    alone = [render_depth(standing(distance), CAMERA, ROOM) for distance in (2.0, 4.0)]
    np.testing.assert_array_equal(both, np.minimum(*alone))
    behind = render_depth(standing(-3.0), CAMERA)
    assert np.isnan(behind).all()
    assert np.isfinite(render_depth(standing(0.05), CAMERA)).any()  # within somebody's reach, no failure


def test_windows_change_nothing(people: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = render_depth(people, CAMERA)
    monkeypatch.setattr("diffupose_ros.data.depth_images._window", lambda *_: (slice(None), slice(None)))
    np.testing.assert_array_equal(fast, render_depth(people, CAMERA))


@pytest.mark.parametrize("sensor", [STEREO, TIME_OF_FLIGHT])
def test_noise_has_the_level_that_it_should_at_any_depth(sensor: DepthCamera) -> None:
    for depth in (1.0, 2.0, 4.0):
        measured = sensor.measure(plane(depth), CAMERA, np.random.default_rng(0))
        assert np.nanstd(measured - depth) == pytest.approx(sensor.std(depth), rel=0.1)
        assert abs(np.nanmean(measured) - depth) < 0.1 * sensor.std(depth)
    assert STEREO.std(2.0) == pytest.approx(4 * 0.08 / (425 * 0.05))
    assert TIME_OF_FLIGHT.std(2.0) == pytest.approx(0.014)


def test_a_stereo_cameras_errors_are_alike_beside_each_other_and_have_holes() -> None:
    kept = {}
    for name, sensor in (("stereo", STEREO), ("time of flight", TIME_OF_FLIGHT)):
        error = sensor.measure(plane(), CAMERA, np.random.default_rng(0)) - 3
        known = np.isfinite(error[:, 1:] + error[:, :-1])
        kept[name] = np.corrcoef(error[:, 1:][known], error[:, :-1][known])[0, 1], np.isnan(error).mean()
    assert kept["stereo"][0] > 0.7 and abs(kept["time of flight"][0]) < 0.05
    assert kept["stereo"][1] == pytest.approx(0.02, abs=0.003) and kept["time of flight"][1] < 0.01


def test_edges_fly_or_are_lost(people: np.ndarray) -> None:
    step = plane(2.0)
    step[:, 160:] = 4.0
    measured = TIME_OF_FLIGHT.measure(step, CAMERA, np.random.default_rng(0))
    edge = measured[:, 159:161]
    assert np.isnan(edge).mean() == pytest.approx(0.2, abs=0.06)
    flying = (edge > 2.2) & (edge < 3.8)
    assert flying.mean() == pytest.approx(0.5 * 0.8, abs=0.08)
    off = np.abs(measured - step) > 0.2
    assert not off[:, :158].any() and not off[:, 163:].any()


def test_grazing_surfaces_and_those_out_of_range_are_lost() -> None:
    image = render_depth(np.zeros((0, 17, 3)), CAMERA, replace(ROOM, wall=20.0))
    lost = np.isnan(TIME_OF_FLIGHT.measure(image, CAMERA, np.random.default_rng(0)))
    share = {row: lost[row].mean() for row in (80, 100, 125, 178)}
    assert share[80] == 1 and share[100] > 0.9 and share[178] < 0.02
    near = replace(TIME_OF_FLIGHT, far=20.0)  # row 120: cosine 0.17
    fading = np.isnan(near.measure(image, CAMERA, np.random.default_rng(0)))[110:120].mean()
    assert 0.2 < fading < 0.8
    assert np.isnan(STEREO.measure(plane(0.2), CAMERA, np.random.default_rng(0))).all()
    assert np.isnan(STEREO.measure(plane(np.nan), CAMERA, np.random.default_rng(0))).all()


def test_the_same_seed_measures_the_same(people: np.ndarray) -> None:
    image = render_depth(people, CAMERA, ROOM)
    before = image.copy()
    first, again, other = (STEREO.measure(image, CAMERA, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other, equal_nan=True) and first.dtype == np.float32
    np.testing.assert_array_equal(image, before)


def test_what_does_not_fit_is_refused(people: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"people: expected shape \(P, 17, 3\), got \(17, 3\)"):
        render_depth(people[0], CAMERA)
    for camera in (Camera(CAMERA.K), Camera(CAMERA.K, (0.1, 0, 0, 0), width=320, height=180)):
        with pytest.raises(ValueError, match="camera: expected an ideal lens and a size"):
            render_depth(people, camera)
    with pytest.raises(ValueError, match=r"depth: expected shape \(180, 320\), got \(90, 320\)"):
        STEREO.measure(plane()[:90], CAMERA, np.random.default_rng(0))
    with pytest.raises(ValueError, match="boxes: expected shape"):
        replace(ROOM, boxes=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="R, t: expected shapes"):
        Room(np.eye(3), np.zeros((3, 1)))
