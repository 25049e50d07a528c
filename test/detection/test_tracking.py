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

"""Ids that last: people who cross and hide each other, and stamps that do not go forward."""

from collections.abc import Iterator

import numpy as np
import pytest

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.detection.boxes import box_around, overlap
from diffupose_ros.detection.detector import Detections
from diffupose_ros.detection.tracking import Skeletons, Tracker, oks, oks_sigmas
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS

LAYOUT = "coco17"


def walkers(rate: float, seed: int, seconds: float = 7.0) -> Iterator[tuple[float, Detections, list[int]]]:
    """Three people at 3, 4 and 5 m who pass each other in front of the camera, seen by a noisy detector.

    Joints behind somebody nearer have low scores. A person who is hidden altogether is, every other time, taken
    for the one in front: the same skeleton twice. The order of the skeletons is another one in each frame.

    Yields:
        Stamp, skeletons, and whose each of them is.
    """
    depths, speeds = np.array([3.0, 4.0, 5.0]), np.array([1.2, -1.3, 0.7])
    rng, scene = np.random.default_rng(seed), Scene(resource_path("resource/clips/people.npz"), 3)
    detector = SimulatedDetector(LAYOUT, seed=seed)
    for frame in range(round(seconds * rate)):
        time = frame / rate
        poses = scene.poses(round(time * scene.RATE))
        roots = np.stack([speeds * (time - seconds / 2), np.full(3, 0.35), depths], -1)
        pixels, scores = detector.observe(poses - poses[:, :1] + roots[:, None], scene.camera, time)
        keypoints, seen, whose = [], [], []
        for person in range(3):  # the nearest first
            score = scores[person].copy()
            for nearer in range(person):
                if (scores[nearer] > 0.3).sum() > 2:
                    x, y, w, h = box_around(pixels[nearer], scores[nearer] > 0)
                    inside = (pixels[person] > (x, y)) & (pixels[person] < (x + w, y + h))
                    score[inside.all(-1)] *= 0.2
            if (score > 0.3).sum() > 2:
                keypoints.append(pixels[person]), seen.append(score), whose.append(person)
            elif whose and rng.random() < 0.5:
                again = whose[-1]
                keypoints.append(pixels[again] + rng.normal(0, 2, (17, 2))), seen.append(0.9 * scores[again])
                whose.append(again)
        order = rng.permutation(len(whose))
        detections = Detections(np.reshape(keypoints, (-1, 17, 2))[order], np.reshape(seen, (-1, 17))[order], LAYOUT)
        yield time, detections, [whose[row] for row in order]


def ids_of(tracker: Tracker, rate: float, seed: int) -> tuple[dict[int, set[str]], int]:
    """Every id that each of the three people had, and how often one was hidden between two sights of them."""
    ids: dict[int, set[str]] = {0: set(), 1: set(), 2: set()}
    hidden, last = 0, {}
    for time, detections, whose in walkers(rate, seed):
        given, kept, _ = tracker.update(time, detections)
        assert len(set(given)) == len(given)
        present = [
            whose[int(np.abs(detections.keypoints - keypoints).sum((1, 2)).argmin())] for keypoints in kept.keypoints
        ]
        assert sorted(present) == sorted(set(whose))  # nobody twice, nobody left out
        for person, id_ in zip(present, given, strict=True):
            ids[person].add(id_)
            hidden += time - last.get(person, time) > 1.5 / rate
            last[person] = time
    return ids, hidden


@pytest.mark.parametrize(("rate", "seed"), [(30.0, 0), (10.0, 1), (10.0, 2), (5.0, 3), (5.0, 4)])
def test_three_people_who_cross_keep_their_ids(rate: float, seed: int) -> None:
    ids, hidden = ids_of(Tracker(forget_after=2.0), rate, seed)
    assert hidden  # else it would be too easy
    assert sorted(ids.values(), key=min) == [{"p1"}, {"p2"}, {"p3"}]


def person(x: float = 300.0, y: float = 200.0, size: float = 100.0) -> np.ndarray:
    """(1, 17, 2): somebody upright."""
    pose = [(0, 0), (3, -3), (-3, -3), (6, -1), (-6, -1), (15, 20), (-15, 20), (20, 45), (-20, 45), (22, 70), (-22, 70)]
    legs = [(10, 75), (-10, 75), (11, 115), (-11, 115), (12, 155), (-12, 155)]
    return np.array([pose + legs]) * size / 100 + (x, y)


def seen(*people: np.ndarray, scores: float | np.ndarray = 0.9) -> Detections:
    keypoints = np.concatenate([np.zeros((0, 17, 2)), *people])
    return Detections(keypoints, np.broadcast_to(scores, keypoints.shape[:2]).astype(float), LAYOUT)


def test_ids_stay_with_people_and_not_with_their_place_in_the_list() -> None:
    tracker = Tracker()
    left, right = person(200), person(400)
    assert tracker.update(0.0, seen(left, right))[0] == ("p1", "p2")
    ids, detections, boxes = tracker.update(0.1, seen(right + 3, left + 3))
    by_id = dict(zip(ids, detections.keypoints[:, 0, 0], strict=True))
    assert by_id == {"p1": pytest.approx(203), "p2": pytest.approx(403)}
    assert boxes.shape == (2, 4)


def test_who_comes_back_soon_is_the_same_and_late_a_new_one() -> None:
    tracker = Tracker(forget_after=1.0)
    assert tracker.update(0.0, seen(person()))[0] == ("p1",)
    assert tracker.update(0.5, seen())[0] == ()
    assert tracker.predict(0.5).shape == (1, 4)  # where to look for them
    assert not tracker.in_sight
    assert tracker.update(0.9, seen(person(310)))[0] == ("p1",)
    assert tracker.in_sight
    assert tracker.predict(2.0).shape == (0, 4)
    assert tracker.update(2.0, seen(person(310)))[0] == ("p2",)


def test_a_minute_without_anybody() -> None:
    tracker = Tracker()
    tracker.update(0.0, seen(person()))
    for frame in range(1, 600):
        assert tracker.update(frame / 10, seen())[0] == ()
        assert len(tracker.predict(frame / 10)) == (frame <= 10)
    assert tracker.update(60.0, seen(person()))[0] == ("p2",)


def test_boxes_move_on_with_people() -> None:
    tracker = Tracker()
    for frame in range(20):
        tracker.update(frame / 10, seen(person(100 + 20 * frame)))  # 200 px/s
    box = tracker.predict(2.4)[0]
    np.testing.assert_allclose(box[0] + box[2] / 2, 100 + 480, atol=5)
    assert overlap(box[None], box_around(person(580), np.ones((1, 17), bool)))[0, 0] > 0.3
    assert box[0] < person(580)[..., 0].min() and box[1] < person()[..., 1].min()  # with a margin


def test_boxes_hold_joints_that_have_just_been_hidden() -> None:
    tracker = Tracker()
    legs_hidden = np.where(np.arange(17) < 11, 0.9, 0.1)
    tracker.update(0.0, seen(person()))
    tracker.update(0.1, seen(person(310), scores=legs_hidden))
    assert tracker.predict(0.2)[0, 3] > 150
    for frame in range(2, 20):
        tracker.update(frame / 10, seen(person(310), scores=legs_hidden))
    assert tracker.predict(2.0)[0, 3] < 150


def test_nobody_is_there_whose_scores_are_low() -> None:
    tracker = Tracker(min_score=0.3)
    few = np.where(np.arange(17) < 2, 0.9, 0.29)
    ids, detections, boxes = tracker.update(0.0, seen(person(100), person(300), person(500), scores=few))
    assert (ids, detections.keypoints.shape, boxes.shape) == ((), (0, 17, 2), (0, 4))
    assert tracker.update(0.1, seen(person(100), scores=np.where(np.arange(17) < 3, 0.9, 0.0)))[0] == ("p1",)


def test_two_boxes_on_one_person_are_one_person_the_one_who_is_seen_better() -> None:
    tracker = Tracker()
    scores = np.array([[0.5], [0.9], [0.7]])
    noise = np.random.default_rng(0).normal(0, 1.5, (1, 17, 2))
    ids, detections, _ = tracker.update(0.0, seen(person(), person() + noise, person(600), scores=scores))
    assert ids == ("p1", "p2")
    np.testing.assert_array_equal(detections.scores[:, 0], [0.9, 0.7])


def test_one_behind_the_other_is_two_people() -> None:
    assert len(Tracker().update(0.0, seen(person(), person(size=70)))[0]) == 2
    assert len(Tracker().update(0.0, seen(person(), person(325)))[0]) == 2


def test_what_is_not_finite_is_not_seen() -> None:
    tracker = Tracker()
    broken = person()
    broken[0, :4] = np.nan, np.inf
    bad_scores = np.full((1, 17), 0.9)
    bad_scores[0, 5] = np.nan
    for frame, detections in enumerate([seen(person()), seen(broken), seen(person(), scores=bad_scores)]):
        ids, _, boxes = tracker.update(frame / 10, detections)
        assert ids == ("p1",)
        assert np.isfinite(boxes).all() and np.isfinite(tracker.predict(frame / 10)).all()
    assert tracker.update(0.4, seen(np.full((1, 17, 2), np.nan)))[0] == ()


@pytest.mark.parametrize("stamps", [(1.0, 1.0, 1.0, 1.1), (1.0, 0.9, 0.95, 1.1), (0.0, 0.0, -0.5, 0.0)])
def test_stamps_that_repeat_or_go_back_a_little_change_nobody(stamps: tuple[float, ...]) -> None:
    tracker = Tracker()
    for frame, stamp in enumerate(stamps):
        assert tracker.update(stamp, seen(person(300 + 4 * frame)))[0] == ("p1",)
        box = tracker.predict(stamp + 0.1)[0]
        assert abs(box[0] + box[2] / 2 - 300) < 40  # no wild velocity


def test_a_bag_from_its_beginning_forgets_everyone_and_uses_no_id_again() -> None:
    tracker = Tracker()
    assert tracker.update(100.0, seen(person()))[0] == ("p1",)
    assert tracker.predict(0.0).shape == (0, 4)
    assert tracker.update(0.0, seen(person()))[0] == ("p2",)
    assert tracker.update(0.1, seen(person(302)))[0] == ("p2",)


def test_covariances_and_other_layouts_go_with_their_people() -> None:
    tracker = Tracker()
    covariance = np.arange(2.0)[:, None, None, None] * np.ones((2, 17, 2, 2))
    both = seen(person(100), person(400), scores=np.array([[0.5], [0.8]]))
    _, kept, _ = tracker.update(0.0, Detections(both.keypoints, both.scores, LAYOUT, covariance))
    assert kept.covariance is not None
    np.testing.assert_array_equal(kept.covariance[:, 0, 0, 0], [1, 0])
    other = Detections(np.zeros((0, 33, 2)), np.zeros((0, 33)), "mediapipe33")
    assert tracker.update(0.1, other)[0] == ()


def test_similarity_is_one_for_the_same_and_falls_with_distance_in_sizes() -> None:
    sigmas, used = oks_sigmas(LAYOUT), np.ones((1, 17), bool)
    for size in (30.0, 300.0):
        a = Skeletons(person(size=size), used)
        moved = [Skeletons(person(300 + d * size, size=size), used) for d in (0, 0.1, 0.2, 1)]
        similar = np.array([oks(a, b, sigmas)[0, 0] for b in moved])
        assert similar[0] == 1 and (np.diff(similar) < 0).all() and similar[-1] < 0.05
        np.testing.assert_allclose(similar[1], np.exp(-(0.1**2) * size**2 / (2 * (2 * sigmas * a.size[0]) ** 2)).mean())
    assert oks(a, Skeletons(a.keypoints, np.arange(17)[None] < 2), sigmas)[0, 0] == 0  # too little in common


def test_the_sigmas_are_cocos() -> None:
    for layout, names in LAYOUTS.items():
        assert oks_sigmas(layout).shape == (len(names),)
    assert oks_sigmas(LAYOUT)[[0, 1, 3, 5, 7, 9, 11, 13, 15]].tolist() == [
        0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089,
    ]  # fmt: skip


def test_numbers_out_of_range_are_refused() -> None:
    for bad in ({"forget_after": 0.0}, {"min_score": 0.0}, {"min_score": 1.0}, {"forget_after": np.nan}):
        with pytest.raises(ValueError, match="forget_after above 0 s and min_score"):
            Tracker(**bad)
