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


"""BlazePose: what is around its networks, with made-up numbers; with the networks, where they are here."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from diffupose_ros.detection import blazepose
from diffupose_ros.detection.blazepose import BlazePose
from diffupose_ros.detection.blazepose_files import NETWORKS
from diffupose_ros.detection.blazepose_landmarks import Pose, refined
from diffupose_ros.detection.blazepose_people import SIZE, Found, PersonNetwork, anchors, decoded, distinct, merged
from diffupose_ros.detection.blazepose_regions import (
    Region,
    around_box,
    around_person,
    beside,
    box_of,
    parts,
    whole_image,
)
from diffupose_ros.detection.boxes import grown
from diffupose_ros.detection.people import PersonFinder

IMAGE = np.zeros((480, 640, 3), np.uint8)
HERE = NETWORKS.are_here() and importlib.util.find_spec("ai_edge_litert") is not None
needs_networks = pytest.mark.skipif(
    not HERE, reason="BlazePose is not here: pip install '.[detect]' and `diffupose weights fetch blazepose`"
)


# Regions


def test_a_region_is_turned_as_the_person_is() -> None:
    hips = np.array([100.0, 200.0])
    for head, angle in (((0, -80), 0), ((80, 0), np.pi / 2), ((-80, 0), -np.pi / 2), ((0, 80), np.pi)):
        region = around_person(np.array([hips, hips + head]))
        assert (region.x, region.y, region.side) == (100, 200, 2 * 80 * 1.25)
        assert abs(region.angle) == pytest.approx(abs(angle))
        np.testing.assert_allclose(region.points(np.array([0.5, 0.1])), hips + head, atol=1e-9)
    np.testing.assert_allclose(box_of(np.array([hips, hips + (48, 64)])), [20, 120, 160, 160])
    assert around_box(np.array([10.0, 20, 30, 60])) == Region(25, 50, 60)


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0])
def test_what_is_seen_in_a_crop_is_put_where_it_is_in_the_image(angle: float) -> None:
    image = np.zeros((400, 600, 3), np.uint8)
    cv2.circle(image, (350, 190), 6, (250, 0, 0), -1)
    region = Region(320, 200, 160, angle)
    crop = region.crop(image, 256)
    assert crop.shape == (256, 256, 3) and not crop[..., :2].any()  # RGB
    y, x = np.nonzero(crop[..., 2] > 125)
    seen = np.array([x.mean(), y.mean()]) / 256
    np.testing.assert_allclose(region.points(seen), (350, 190), atol=0.5)


def test_beyond_the_image_a_crop_is_black_or_goes_on() -> None:
    image = np.full((20, 40, 3), 200, np.uint8)
    whole = whole_image(image)
    assert whole == Region(20, 10, 40)
    assert (whole.crop(image, 40, cv2.BORDER_CONSTANT)[[0, -1]] == 0).all()
    assert (whole.crop(image, 40) == 200).all()


@pytest.mark.parametrize(("height", "width", "number"), [(720, 1280, 3), (1280, 720, 3), (480, 640, 6), (64, 64, 9)])
def test_parts_cover_an_image_and_overlap_by_half(height: int, width: int, number: int) -> None:
    regions = parts(np.zeros((height, width, 3), np.uint8))
    assert len(regions) == number
    side = regions[0].side
    assert side == 9 / 16 * max(height, width)
    for middles, length in (({r.x for r in regions}, width), ({r.y for r in regions}, height)):
        assert min(middles) <= side / 2 + 1e-9 and max(middles) >= length - side / 2 - 1e-9
        assert (np.diff(sorted(middles)) <= side / 2 + 1e-9).all()


@pytest.mark.parametrize("head", [(0, -100), (60, 80)])
def test_beside_a_person_is_looked_at_both_sides_at_their_size(head: tuple[int, int]) -> None:
    hips = np.array([300.0, 200.0])
    left, right = beside(np.array([hips, hips + head]))
    assert left.side == right.side == 350 and left.angle == right.angle == 0
    sides = np.array([(left.x, left.y), (right.x, right.y)]) - hips
    np.testing.assert_allclose(np.linalg.norm(sides, axis=1), 50)
    np.testing.assert_allclose(sides @ np.array(head), 0, atol=1e-9)
    np.testing.assert_allclose(sides.sum(0), 0, atol=1e-9)


# Detector of people


def test_anchors_are_the_middles_of_three_grids() -> None:
    middles = anchors()
    assert middles.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    np.testing.assert_allclose(middles[[0, 1, 2]], [[0.5 / 28, 0.5 / 28]] * 2 + [[1.5 / 28, 0.5 / 28]])
    np.testing.assert_allclose(middles[[28 * 28 * 2, -1]], [[0.5 / 14, 0.5 / 14], [6.5 / 7, 6.5 / 7]])


def test_what_the_network_says_is_relative_to_its_anchors_the_surest_first() -> None:
    raw = np.zeros((3, 12), np.float32)
    raw[:, :4] = 0.1 * SIZE, -0.1 * SIZE, 0.2 * SIZE, 0.4 * SIZE
    raw[:, 4:] = np.arange(8) * SIZE / 100
    middles = np.array([[0.5, 0.5], [0.1, 0.2], [0.3, 0.3]])
    found = decoded(raw, np.array([1.0, -1.0, 1e4], np.float32), middles)
    np.testing.assert_allclose(found.scores, [1, 1 / (1 + np.exp(-1))])
    np.testing.assert_allclose(found.boxes, [[0.3, 0.0, 0.2, 0.4], [0.5, 0.2, 0.2, 0.4]], atol=1e-7)
    np.testing.assert_allclose(found.points[1, :2], [[0.5, 0.51], [0.52, 0.53]], atol=1e-7)
    assert decoded(raw, np.full(3, -5, np.float32), middles).points.shape == (0, 4, 2)


def test_boxes_of_one_person_are_averaged_by_score() -> None:
    boxes = np.array([[0.0, 0, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], [0.04, 0, 0.2, 0.2], [0.16, 0, 0.2, 0.2]])
    points = np.arange(4.0)[:, None, None] * np.ones((4, 4, 2))
    once = merged(Found(np.array([0.9, 0.8, 0.6, 0.5]), boxes, points))
    np.testing.assert_allclose(once.scores, [0.9, 0.8, 0.5])  # the last overlaps the third only
    np.testing.assert_allclose(once.boxes, [[0.016, 0, 0.2, 0.2], boxes[1], boxes[3]])
    np.testing.assert_allclose(once.points[:, 0, 0], [0.4 * 2, 1, 3])
    assert merged(Found(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 2)))).points.shape == (0, 4, 2)


def test_people_found_in_several_parts_are_there_once() -> None:
    boxes = np.array([[x, 0.0, 50, 50] for x in (0, 30, 62, -34)])
    points = np.array([[[x, 100.0], [x, 0.0]] * 2 for x in (0, 30, 62, -34)])
    found = Found(np.array([0.6, 0.8, 0.9, 0.7]), boxes, points)
    np.testing.assert_array_equal(distinct([found]).scores, [0.9, 0.7])  # 30 is the same as 62, and 0 as -34
    first, others = found.chosen(np.array([0])), [found.chosen(np.array([1, 2])), found.chosen(np.array([3]))]
    once = distinct([first], others)
    np.testing.assert_array_equal(once.boxes, boxes[[0, 2]])
    np.testing.assert_array_equal(once.alignments, points[[0, 2], :2])
    assert len(distinct([found.chosen(np.zeros(4, bool))]).scores) == 0


class OnlyBeside(PersonNetwork):
    """Sees the first of three people everywhere, the others only from beside the one before them."""

    def __init__(self) -> None:
        self.looked: list[Region] = []

    def find(self, image: np.ndarray, region: Region) -> Found:
        self.looked.append(region)
        xs = [100.0] + [x for x in (190.0, 280.0) if region.side == 280 and 0 < x - region.x < 60]
        points = np.array([[(x, 200), (x, 120)] * 2 for x in xs])
        return Found(np.linspace(0.9, 0.8, len(xs)), np.array([[x - 10, 120, 20, 20] for x in xs]), points)


def test_it_looks_beside_everyone_as_long_as_somebody_is_found_there() -> None:
    network, image = OnlyBeside(), np.zeros((400, 400, 3), np.uint8)
    np.testing.assert_array_equal(network.find_all(image).points[:, 0, 0], [100, 190, 280])
    assert len(network.looked) == 1 + len(parts(image)) + 2 * 3


# Landmarks


def test_landmarks_move_to_the_middle_of_their_peak() -> None:
    heatmaps = np.full((64, 64, 5), -50, np.float32)
    heatmaps[20, 10:12, 0] = 50  # two pixels of 1
    heatmaps[20, 16, 0] = 50  # out of reach
    heatmaps[20, 10, 1] = -0.5  # no peak
    heatmaps[0, 0, 2] = 50
    points = np.array([[11.9, 22.0], [11.9, 22.0], [3.0, 3.0], [70.0, 20.0], [-1.5, 30.0]]) / 64
    moved = refined(points, heatmaps) * 64
    np.testing.assert_allclose(moved, [[10.5, 20], [11.9, 22], [0, 0], [70, 20], [-1.5, 30]], atol=1e-6)


# The detector, with networks that are made up


class People:
    """Finds who is told, wherever it looks."""

    def __init__(self, *hips: tuple[float, float]) -> None:
        self.hips = hips
        self.looked: list[Region] = []

    def find_all(self, image: np.ndarray) -> Found:
        return self.find(image, whole_image(image))

    def find(self, image: np.ndarray, region: Region) -> Found:
        self.looked.append(region)
        points = np.array([[(x, y), (x, y - 100)] * 2 for x, y in self.hips], float).reshape(-1, 4, 2)
        return Found(np.ones(len(points)), np.zeros((len(points), 4)), points)


class Poses:
    """Sees a body around the middle of each region, which has moved by 5 px; none to the left of x = 0."""

    def __init__(self) -> None:
        self.regions: list[Region] = []

    def look(self, image: np.ndarray, region: Region) -> Pose:
        self.regions.append(region)
        middle = np.array([region.x + 5, region.y])
        keypoints = middle + np.stack([np.linspace(-30, 30, 33), np.linspace(-90, 90, 33)], -1)
        alignment = np.array([middle, middle - (0, 100)])
        return Pose(0.9 if region.x > 0 else 0.1, keypoints, np.linspace(1, 0.5, 33), alignment)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> BlazePose:
    monkeypatch.setattr(blazepose, "PersonNetwork", lambda *_: People((200, 200), (400, 250)))
    monkeypatch.setattr(blazepose, "PoseNetwork", lambda *_: Poses())
    monkeypatch.setattr("diffupose_ros.detection.cached_files.CachedFiles.fetch_aloud", lambda _: [Path(), Path()])
    monkeypatch.setattr(blazepose, "runtime", lambda: None)
    return BlazePose()


def test_people_are_found_and_then_followed_by_their_landmarks(made_up: BlazePose) -> None:
    assert isinstance(made_up, PersonFinder)
    boxes = made_up.find(IMAGE)
    body = grown(np.array([[-25.0, -90, 60, 180]]), 0.15)  # around the joints
    np.testing.assert_allclose(boxes, [body[0] + (200, 200, 0, 0), body[0] + (400, 250, 0, 0)])
    detections = made_up.detect(IMAGE, boxes[::-1])
    assert (detections.layout, detections.profile) == ("mediapipe33", "mediapipe")
    np.testing.assert_allclose(detections.keypoints[:, 16], [[405, 250], [205, 200]])
    np.testing.assert_allclose(detections.scores, np.linspace(1, 0.5, 33)[None].repeat(2, 0))
    again = made_up.detect(IMAGE, [[170, 105, 70, 190]])
    np.testing.assert_allclose(again.keypoints[0, 16], (210, 200))
    assert made_up._people.looked == [whole_image(IMAGE)]


def test_who_is_not_known_or_was_lost_is_looked_for_in_the_box(made_up: BlazePose) -> None:
    found = made_up.detect(IMAGE, [[350, 150, 100, 200], [160, 100, 80, 200]])
    np.testing.assert_allclose(found.keypoints[:, 16], [[405, 250], [205, 200]])
    assert [(r.x, r.y) for r in made_up._people.looked] == [(400, 250), (200, 200)]
    made_up._known = [(np.array([160.0, 100, 80, 200]), Region(-50, 200, 250))]
    again = made_up.detect(IMAGE, [[160, 100, 80, 200]])
    assert [r.x for r in made_up._pose.regions[-2:]] == [-50, 200]
    np.testing.assert_allclose(again.keypoints[0, 16], (205, 200))


def test_people_found_twice_or_not_confirmed_by_their_landmarks_are_left_out(made_up: BlazePose) -> None:
    made_up._people.hips = ((200, 200), (204, 198), (-50, 200), (400, 250))
    assert [round(x) for x in made_up.find(IMAGE)[:, 0] - made_up.find(IMAGE)[0, 0]] == [0, 200]


def test_nobody_has_scores_of_zero(made_up: BlazePose) -> None:
    made_up._people.hips = ()
    nobody = made_up.detect(IMAGE, [[350, 150, 100, 200]])
    assert nobody.keypoints.shape == (1, 33, 2) and (nobody.scores == 0).all()
    assert made_up.find(IMAGE).shape == (0, 4)
    made_up._people.hips = ((-20, 100),)
    assert (made_up.detect(IMAGE, [[-60, 0, 100, 200]]).scores == 0).all()
    assert made_up.detect(IMAGE, []).keypoints.shape == (0, 33, 2)


def test_what_is_no_image_or_no_box_is_refused(made_up: BlazePose) -> None:
    with pytest.raises(ValueError, match="image: "):
        made_up.find(IMAGE[:0])
    with pytest.raises(ValueError, match="image: "):
        made_up.detect(IMAGE[..., 0], [])
    with pytest.raises(ValueError, match="boxes: "):
        made_up.detect(IMAGE, [[0, 0, 1]])


# The detector, where it is here


def photograph() -> np.ndarray:
    """Rear Admiral Grace Hopper, in uniform, to the waist: it comes with matplotlib."""
    cbook = pytest.importorskip("matplotlib.cbook")
    return cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


@needs_networks
def test_it_sees_a_person_and_nobody_in_an_even_image() -> None:
    detector, image = BlazePose(), photograph()
    found = detector.detect(image, detector.find(image)[:1])
    nose, left, right = found.keypoints[0, [0, 11, 12]]
    assert np.hypot(*(nose - (262, 215))) < 25
    assert left[0] > nose[0] > right[0] and min(left[1], right[1]) > nose[1]
    assert (found.scores[0, [0, 11, 12]] > 0.9).all()
    for value in (0, 255):
        assert len(detector.find(np.full((480, 640, 3), value, np.uint8))) == 0


@needs_networks
@pytest.mark.parametrize("turn", [None, cv2.ROTATE_90_CLOCKWISE])
def test_it_sees_what_mediapipe_sees(turn: int | None) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="MediaPipe is not installed: pip install mediapipe==0.10.21")
    image = photograph()
    image = image if turn is None else cv2.rotate(image, turn)
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        landmarks = pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks.landmark
    theirs = np.array([(joint.x * image.shape[1], joint.y * image.shape[0], joint.visibility) for joint in landmarks])
    detector = BlazePose()
    found = detector.detect(image, detector.find(image)[:1])
    assert np.abs(found.keypoints[0] - theirs[:, :2]).max() < 2
    assert np.abs(found.scores[0] - theirs[:, 2]).max() < 0.02
