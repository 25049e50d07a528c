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
"""Depth images and points as evidence."""

from collections.abc import Sequence

import numpy as np
import pytest
from support.people import STANDING, camera_pose, lifted_people, pelvis_error

from diffupose_ros.camera import Camera
from diffupose_ros.estimation import Depth, Estimator, Evidence, People
from diffupose_ros.skeleton import BONES

CAMERA = Camera.from_fov(1.2, 320, 240)
POSES = {
    "front": camera_pose((4, 0, 1.2), (0, 0, 1)),
    "back": camera_pose((-4, 0, 1.2), (0, 0, 1)),
    "side": camera_pose((0, 4, 1.2), (0, 0, 1)),
}
BACKGROUND = 7.0  # m
TRUNK = {0, 1, 4, 7, 8, 11, 14}


def _image(pose: np.ndarray, background: float = BACKGROUND, table: float = np.inf) -> np.ndarray:
    """The depth image in metres of somebody who stands: flat patches over the joints and bones.

    Args:
        pose: of the camera.
        background: m, of the wall behind.
        table: m, of what hides him from the hips down.
    """
    image = np.full((240, 320), background)
    local = (STANDING - pose[:3, 3]) @ pose[:3, :3]
    for parent, child in BONES:
        flesh = 0.10 if {parent, child} <= TRUNK else 0.05
        for share in np.linspace(0, 1, 12):
            x, y, z = (1 - share) * local[parent] + share * local[child]
            corners = CAMERA.project([[x - flesh, y - flesh, z], [x + flesh, y + flesh, z]])
            (left, top), (right, bottom) = np.clip(np.round(corners), 0, (320, 240)).astype(int)
            patch = image[top:bottom, left:right]
            patch[...] = np.minimum(patch, z - flesh)
    below = image[int(CAMERA.project(local[0])[1]) :]
    below[...] = np.minimum(below, table)
    return image


def _estimate(pose: np.ndarray, evidence: Sequence[Evidence], size: float = 1.1, frames: int = 10) -> People:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(frames):
        lifted = lifted_people(STANDING, pose, 0.5 * rng.normal(size=(1, 17, 3)), size=size)
        people = estimator.update(frame / 10, ["a"], lifted, pose, evidence)
    return people


def _error(people: People) -> float:
    return pelvis_error(people.positions[0], STANDING)


@pytest.mark.parametrize("side", POSES)
@pytest.mark.parametrize("size", [0.92, 1.0, 1.08])
def test_somebody_of_any_size_is_put_where_his_surface_is(side: str, size: float) -> None:
    pose = POSES[side]
    people = _estimate(pose, [Depth(_image(pose), CAMERA)], size)
    without = _estimate(pose, (), size)
    assert _error(people) < 0.12
    assert np.trace(people.root_covariance[0]) < 0.3 * np.trace(without.root_covariance[0])
    assert people.flags.depth_used[0] and not without.flags.depth_used[0]


@pytest.mark.parametrize("size", [1.35, 1.5])
@pytest.mark.parametrize("side", POSES)
def test_a_child_whom_one_image_puts_by_the_wall_is_where_the_body_is(side: str, size: float) -> None:
    pose = POSES[side]
    wall = size * np.linalg.norm(pose[:3, 3] - STANDING[0])
    people = _estimate(pose, [Depth(_image(pose, background=wall), CAMERA)], size)
    assert _error(people) < 0.12 and people.flags.depth_used[0]


def test_in_profile_the_far_hip_is_not_where_the_near_one_is() -> None:
    """Without anything else that is wrong; of hardly any spread that is said, so to be taken seriously."""
    pose = POSES["side"]
    said = Depth(_image(pose), CAMERA)
    lifted = lifted_people(STANDING, pose)
    people = Estimator().update(0.0, ["a"], lifted, pose, [said])
    assert abs(people.root[0, 1]) < 0.07


def test_millimetres_and_metres_are_the_same() -> None:
    pose, image = POSES["front"], _image(POSES["front"])
    kinds = ((1000 * image).astype(np.uint16), image.astype(np.float32), image.astype(np.float64))
    found = [_estimate(pose, [Depth(kind, CAMERA)]).positions for kind in kinds]
    np.testing.assert_allclose(found[0], found[1], atol=0.01)
    np.testing.assert_allclose(found[2], found[1], atol=1e-4)


@pytest.mark.parametrize("background", [0.0, 5.0, np.nan, np.inf])
def test_whatever_is_behind(background: float) -> None:
    pose = POSES["front"]
    image = np.where(_image(pose) == BACKGROUND, background, _image(pose))
    assert _error(_estimate(pose, [Depth(image, CAMERA)])) < 0.12


@pytest.mark.parametrize("table", [2.0, 3.0, 3.6])
def test_a_table_in_front_is_not_the_person(table: float) -> None:
    pose = POSES["front"]
    assert _error(_estimate(pose, [Depth(_image(pose, table=table), CAMERA)], 1.0)) < 0.12


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_an_image_without_any_depth_says_nothing(value: float) -> None:
    pose = POSES["front"]
    people, without = (_estimate(pose, e) for e in ([Depth(np.full((240, 320), value), CAMERA)], ()))
    np.testing.assert_array_equal(people.positions, without.positions)
    assert not people.flags.depth_used[0]


@pytest.mark.parametrize("depth", [0.5, 1.5, 2.2, 6.0, 9.0])
def test_a_wall_is_not_the_person(depth: float) -> None:
    pose = POSES["front"]
    people, without = (_estimate(pose, e, 1.0) for e in ([Depth(np.full((240, 320), depth), CAMERA)], ()))
    assert pelvis_error(people.positions[0], without.positions[0]) < 0.05


def test_holes_are_looked_past() -> None:
    pose, rng = POSES["front"], np.random.default_rng(0)
    image = np.where(rng.random((240, 320)) < 0.4, 0, _image(pose))
    assert _error(_estimate(pose, [Depth(image, CAMERA)])) < 0.12


def test_people_who_are_out_of_the_depth_image_or_behind_it_are_not_measured() -> None:
    aside = camera_pose((4, 0, 1.2), (4, 5, 1))
    lifted = lifted_people(STANDING, aside)
    for image in (np.full((240, 320), 4.0), _image(POSES["front"])):
        people = Estimator().update(0.0, ["a"], lifted, aside, [Depth(image, CAMERA)])
        np.testing.assert_array_equal(people.positions, Estimator().update(0.0, ["a"], lifted, aside).positions)


def test_nobody_is_measured_where_nobody_is() -> None:
    nobody = lifted_people(np.zeros((0, 17, 3)), POSES["front"])
    evidence = [Depth(_image(POSES["front"]), CAMERA)]
    assert len(Estimator().update(0.0, [], nobody, POSES["front"], evidence)) == 0


def _points(image: np.ndarray, step: int) -> np.ndarray:
    y, x = (part.ravel() for part in np.mgrid[0:240:step, 0:320:step])
    rays = CAMERA.rays(np.stack([x, y], -1) + 0.5)
    return rays / rays[:, 2:] * image[y, x][:, None]


@pytest.mark.parametrize("step", [1, 2])
def test_points_are_as_good_as_an_image(step: int) -> None:
    pose = POSES["front"]
    depth = Depth.from_points(_points(_image(pose), step), CAMERA, width=320 // step)
    assert depth.image.shape == (240 // step, 320 // step)
    assert _error(_estimate(pose, [depth])) < 0.15


def test_of_several_points_in_a_pixel_the_nearest_counts() -> None:
    ray = np.array([0.01, 0.01, 1.0])
    points = np.array([5 * ray, 3 * ray, 4 * ray, -2 * ray, [np.nan] * 3, [50.0, 0, 1]])
    image = Depth.from_points(points, CAMERA).image
    assert np.isfinite(image).sum() == 1 and image[np.isfinite(image)] == 3


def test_no_points_say_nothing() -> None:
    assert not np.isfinite(Depth.from_points(np.zeros((0, 3)), CAMERA).image).any()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((480, 640), np.uint16), r"640x480, but its camera is of 320x240: give the depth image that is reg"),
        (np.full((240, 320), 3000.0), r"in metres \(REP-118\), but half of it lies beyond 3000 m: it is in millimetre"),
        (np.zeros((240, 320), np.uint8), r"expected \(H, W\) of uint16 millimetres or float metres, got uint8"),
        (np.zeros((240, 320), np.int32), r"got int32 \(240, 320\)"),
        (np.zeros((240, 320, 1), np.uint16), r"got uint16 \(240, 320, 1\)"),
    ],
    ids=["size", "millimetres", "uint8", "int32", "channels"],
)
def test_images_that_do_not_fit_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Depth(image, CAMERA)
