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

"""The picture of a frame: the image with people in it, and the 3D view."""

import cv2
import numpy as np
import pytest

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.detection.detector import Detections
from diffupose_ros.drawing.style import PEOPLE, UNSEEN
from diffupose_ros.lifting import Lifter
from diffupose_ros.offline.pictures.people import LiftedPeople
from diffupose_ros.offline.pictures.picture import Picture
from diffupose_ros.offline.pictures.scene_view import Plane
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS

SCENE = Scene(resource_path("resource/clips/people.npz"), 2)
WRIST = LAYOUTS["coco17"].index("left_wrist")


def found() -> tuple[np.ndarray, np.ndarray]:
    return SimulatedDetector("coco17", noise=0).observe(SCENE.poses(0), SCENE.camera, 0.0)


def people(lifter: Lifter, pixels: np.ndarray, scores: np.ndarray, camera: Camera = SCENE.camera) -> LiftedPeople:
    ids = tuple(f"person {i}" for i in range(len(pixels)))
    lifted = lifter.lift(pixels, scores, camera, "coco17", hypotheses=2, steps=1, seed=0)
    return LiftedPeople(ids, Detections(pixels, scores, "coco17"), lifted)


def has(picture: np.ndarray, colour: str) -> bool:
    """Whether there are more than a few pixels of a colour."""
    bgr = np.array(list(bytes.fromhex(colour[1:]))[::-1])
    return bool((picture == bgr).all(-1).sum() > 5)


def picture_of(camera: Camera) -> Picture:
    return Picture(camera.width, camera.height)


def draw(picture: Picture, who: LiftedPeople, camera: Camera = SCENE.camera) -> np.ndarray:
    drawn = picture.draw(np.full((camera.height, camera.width, 3), 90, np.uint8), camera, who, 1.5)
    assert drawn.shape == (*picture.size[::-1], 3) and drawn.dtype == np.uint8
    return drawn


def test_people_have_their_colours_and_what_was_not_seen_is_orange(lifter: Lifter) -> None:
    pixels, scores = found()
    picture = picture_of(SCENE.camera)
    drawn = draw(picture, people(lifter, pixels, scores))
    image, scene = drawn[:, :1280], drawn[:, 1280:]
    for side in (image, scene):
        assert [has(side, colour) for colour in (*PEOPLE[:3], UNSEEN)] == [True, True, False, False]
    scores[0, WRIST] = 0
    drawn = draw(picture, people(lifter, pixels, scores))
    assert has(drawn[:, :1280], UNSEEN) and has(drawn[:, 1280:], UNSEEN)


def test_a_person_keeps_the_colour_when_others_go(lifter: Lifter) -> None:
    both = people(lifter, *found())
    pixels, scores = found()
    second = people(lifter, pixels[1:], scores[1:])
    picture = picture_of(SCENE.camera)
    draw(picture, both)
    drawn = draw(picture, LiftedPeople(both.ids[1:], second.detections, second.lifted))
    assert not has(drawn, PEOPLE[0]) and has(drawn, PEOPLE[1])


def test_the_reprojected_skeleton_lies_on_the_person(lifter: Lifter) -> None:
    """In an image of twice the picture's height, so that scaling counts."""
    camera = Camera.from_fov(np.radians(75), 2560, 1440)
    pixels, scores = SimulatedDetector("coco17", noise=0).observe(SCENE.poses(0)[:1], camera, 0.0)
    alone = people(lifter, pixels, scores, camera)
    drawn = draw(picture_of(camera), alone, camera)[:, :1280]
    changed = np.argwhere((drawn[40:600] != 90).any(-1)) + (40, 0)
    joints = pixels[0][scores[0] > 0] / 2
    joints = joints[(joints[:, 1] > 40) & (joints[:, 1] < 600)]
    assert np.abs(changed.min(0)[1] - joints[:, 0].min()) < 60
    assert np.abs(changed.max(0)[1] - joints[:, 0].max()) < 60


@pytest.mark.parametrize("size", [(4000, 5000), (64, 48), (607, 1081), (1280, 720)])
def test_images_of_every_size_become_a_video_that_encoders_take(lifter: Lifter, size: tuple[int, int]) -> None:
    camera = Camera.from_fov(1.0, *size)
    picture = picture_of(camera)
    assert picture.size[0] % 2 == picture.size[1] % 2 == 0 and 480 <= picture.size[1] <= 720
    draw(picture, people(lifter, np.zeros((0, 17, 2)), np.zeros((0, 17))), camera)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9, 1e9])
def test_wild_joints_and_people_without_a_pose_are_drawn_as_far_as_they_can(lifter: Lifter, value: float) -> None:
    pixels, scores = found()
    pixels[0, WRIST] = value
    scores[1] = 0
    who = people(lifter, pixels, scores)
    assert who.valid() == [0]
    drawn = draw(picture_of(SCENE.camera), who)
    assert has(drawn[:, 1280:], PEOPLE[0]) and not has(drawn[:, 1280:], PEOPLE[1])


def test_a_plane_shows_all_points_upright_and_in_proportion() -> None:
    plane = Plane.fit(np.array([[0.0, 0.0], [4.0, 1.0]]), 10, 20, 200, 300)
    assert plane.scale == 50
    np.testing.assert_allclose(plane(np.array([[0.0, 0.0], [4.0, 1.0]])), [[10, 195], [210, 145]])
    assert cv2.norm(plane(np.array([1.0, 1.0])) - plane(np.array([1.0, 0.0]))) == pytest.approx(50)
