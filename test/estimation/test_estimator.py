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
"""People over time."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.people import STANDING, camera_pose, lifted_people, pelvis_error, walker

from diffupose_ros.camera import Camera
from diffupose_ros.estimation import Depth, Estimator, Evidence, Floor, People, Stature
from diffupose_ros.estimation.estimator import LATE, RESTART
from diffupose_ros.estimation.motion import load_motion
from diffupose_ros.estimation.observation import observe
from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import mahalanobis2, radius2

LEFT, RIGHT = camera_pose((-5, 0, 1.5)), camera_pose((0, -5, 1.5))


def _lift(truth: np.ndarray, rng: np.random.Generator, pose: np.ndarray = LEFT, size: float = 1.0) -> Lifted:
    truth = truth.reshape(-1, 17, 3)
    return lifted_people(truth, pose, 0.5 * rng.normal(size=truth.shape), size=size)


def _standing(*places: tuple[float, float]) -> np.ndarray:
    return np.stack([STANDING + [x, y, 0] for x, y in places]) if places else np.zeros((0, 17, 3))


def _kinds(people: People) -> list[str]:
    return [kind for kind, _ in people.problems]


def _follow(
    estimator: Estimator,
    seconds: float,
    rate: float = 30.0,
    start: float = 0.0,
    walk: Callable[[float], np.ndarray] = walker,
) -> People:
    """Somebody who is called 'a', from one camera."""
    rng = np.random.default_rng(0)
    for frame in range(max(1, round(seconds * rate))):
        time = start + frame / rate
        people = estimator.update(time, ["a"], _lift(walk(time), rng), LEFT)
    return people


# Numbers


def _drawn(people: int, frames: int, rate: float, seed: int = 0) -> tuple[np.ndarray, list[Lifted], np.ndarray]:
    """People who move and are seen just as the model says, all about a camera at the origin.

    Truth (T, P, 17, 3), what is lifted, and the camera's pose.
    """
    rng, motion, pose = np.random.default_rng(seed), load_motion(), np.eye(4)
    place = np.stack([rng.permutation(people) * 4.0 - 2 * people, np.zeros(people), rng.uniform(4, 6, people)], -1)
    # Far apart across, so that nobody is taken for somebody else; the camera sees in all directions.
    x = np.tile(STANDING @ np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]]), (people, 1, 1))
    x -= x[:, :1]
    x[:, 0] = place
    v = rng.normal(size=x.shape) * 0.4
    truth = []
    for _ in range(frames):
        truth.append(np.concatenate([x[:, :1], x[:, :1] + x[:, 1:]], 1))
        step = np.full(people, 1 / rate)
        displaced, kept, noise = motion.over(step, (v**2).sum(-1))
        root = np.linalg.cholesky(noise + 1e-15 * np.eye(2))
        draw = np.einsum("pjab,pjbi->paji", root, rng.normal(size=(people, 17, 2, 3)))
        x, v = x + displaced[..., None] * v + draw[:, 0], kept[..., None] * v + draw[:, 1]
    exact = [lifted_people(t, pose, deviation=0.04, depth_deviation=0.1) for t in truth]
    first = observe(exact[0], pose)
    lasting, fresh = first.lasting, first.fresh
    lasting_root, fresh_root = (_root_of(c) for c in (lasting, fresh))
    same = lasting_root @ rng.normal(size=(*x.shape, 1))
    lifted = []
    size = rng.normal(size=people) * np.sqrt(first.size)
    for t in truth:
        off = (same + fresh_root @ rng.normal(size=(*x.shape, 1)))[..., 0]
        scaled = np.exp(-size)[:, None, None] * t  # the camera is at the origin
        root = scaled[:, 0] + off[:, 0]
        mean = root[:, None] + scaled - scaled[:, :1] + off
        mean[:, 0] = root
        lifted.append(replace(exact[len(lifted)], mean=mean, root=root))
    return np.array(truth), lifted, pose


def _root_of(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))[..., None, :]


@pytest.mark.parametrize("rate", [20.0, 60.0])
def test_ellipsoids_hold_what_they_say_if_all_is_as_the_model_says(rate: float) -> None:
    truth, lifted, pose = _drawn(80, 20, rate)
    estimator, names = Estimator(), [str(i) for i in range(80)]
    for frame, people in enumerate(lifted):
        said = estimator.update(frame / rate, names, people, pose)
        assert list(said.ids) == names and {kind for kind, _ in said.problems} <= {"misfit"}
    inside = mahalanobis2(said.positions - truth[-1], said.covariance) <= radius2(0.9)
    assert 0.83 <= inside.mean() <= 0.97
    assert 0.8 <= inside[:, 0].mean() <= 0.99


def test_velocities_are_those_of_who_walks() -> None:
    people = _follow(Estimator(), 2.0, walk=lambda time: STANDING + [0, 1.2 * (time - 1), 0])
    np.testing.assert_allclose(people.root_velocity[0], [0, 1.2, 0], atol=0.35)
    np.testing.assert_allclose(people.velocities[0].mean(0), [0, 1.2, 0], atol=0.35)
    deviation = np.sqrt(np.trace(people.root_velocity_covariance[0]))
    assert np.linalg.norm(people.root_velocity[0] - [0, 1.2, 0]) < 3 * deviation
    assert (np.linalg.eigvalsh(people.velocity_covariance) > 0).all()


def test_who_stands_has_hardly_a_velocity() -> None:
    people = _follow(Estimator(), 2.0, walk=lambda time: STANDING)
    assert np.linalg.norm(people.velocities[0], axis=-1).max() < 0.4


def test_two_cameras_are_better_than_one() -> None:
    rng, one, two = np.random.default_rng(0), Estimator(), Estimator()
    for frame in range(60):
        time = frame / 30
        truth = walker(time)
        left, right = (_lift(truth, rng, pose, size=1.08) for pose in (LEFT, RIGHT))
        first = one.update(time, ["a"], left, LEFT)
        two.update(time, ["a"], left, LEFT, source="left")
        both = two.update(time, ["b"], right, RIGHT, source="right")
    assert both.ids == ("a",) and not both.problems
    assert pelvis_error(both.positions[0], truth) < 0.1 < pelvis_error(first.positions[0], truth)
    assert np.trace(both.root_covariance[0]) < 0.5 * np.trace(first.root_covariance[0])


# Time


@pytest.mark.parametrize("rate", [1.0, 5.0, 30.0, 120.0])
def test_at_any_rate_somebody_is_followed(rate: float) -> None:
    estimator = Estimator()
    people = _follow(estimator, max(2.0, 5 / rate), rate)
    assert people.ids == ("a",) and people.problems == () and not people.flags.coasting[0]
    assert people.age[0] == pytest.approx(people.time)
    assert pelvis_error(people.positions[0], walker(people.time)) < 0.2


@pytest.mark.parametrize("gap", [0.2, 1.0, 1.9])
def test_after_a_gap_it_is_still_the_same(gap: float) -> None:
    estimator = Estimator()
    end = _follow(estimator, 1.0).time
    people = _follow(estimator, 0.5, start=end + gap)
    assert people.ids == ("a",) and people.age[0] > end + gap
    assert pelvis_error(people.positions[0], walker(people.time)) < 0.3


def test_who_is_not_seen_is_predicted_and_then_forgotten() -> None:
    estimator = Estimator(forget_after=1.0)
    end = _follow(estimator, 1.0).time
    nobody, spread = lifted_people(_standing(), LEFT), 0.0
    for ahead in (0.1, 0.4, 0.9):
        people = estimator.update(end + ahead, [], nobody, LEFT)
        assert people.ids == ("a",) and people.flags.coasting[0]
        assert np.trace(people.root_covariance[0]) > spread
        spread = np.trace(people.root_covariance[0])
    assert len(estimator.update(end + 1.1, [], nobody, LEFT)) == 0


def test_people_at_a_later_time_are_those_that_are_predicted() -> None:
    estimator = Estimator()
    now = _follow(estimator, 1.0)
    later, predicted = estimator.people(now.time + 0.3), now.predict(0.3)
    assert later.time == predicted.time and later.flags.coasting[0] and later.problems == ()
    np.testing.assert_allclose(later.positions, predicted.positions)
    np.testing.assert_allclose(later.age, predicted.age)
    with pytest.raises(ValueError, match="time: expected seconds"):
        estimator.people(np.nan)


def test_asking_where_people_will_be_changes_nothing() -> None:
    estimator, rng = Estimator(), np.random.default_rng(1)
    now = _follow(estimator, 1.0)
    assert len(estimator.people(now.time + 1.0)) == 1 and len(estimator.people(now.time + 10.0)) == 0
    np.testing.assert_array_equal(estimator.people(now.time).positions, now.positions)
    time = now.time + 0.05
    people = estimator.update(time, ["a"], _lift(walker(time), rng), LEFT)
    assert people.problems == () and people.time == time and people.age[0] == pytest.approx(time)


def test_a_second_frame_with_the_same_stamp_is_left_out_and_said() -> None:
    estimator, rng = Estimator(), np.random.default_rng(1)
    now = _follow(estimator, 1.0)
    again = estimator.update(now.time, ["a"], _lift(walker(now.time), rng), LEFT)
    assert _kinds(again) == ["repeated"]
    np.testing.assert_array_equal(again.positions, now.positions)
    before = now.time - 2 / 30
    assert _kinds(estimator.update(before, ["a"], _lift(walker(before), rng), LEFT)) == ["repeated"]
    other = estimator.update(now.time, ["a"], _lift(walker(now.time), rng, RIGHT), RIGHT)
    assert other.problems == () and not np.array_equal(other.positions, now.positions)


def test_stamps_of_cameras_that_move_are_not_kept() -> None:
    estimator, nobody = Estimator(), lifted_people(_standing(), LEFT)
    for frame in range(200):
        estimator.update(frame / 10, [], nobody, camera_pose((-5, frame / 10, 1.5)))
    assert len(estimator._stamps) < 50


def test_a_late_frame_counts_and_does_not_set_time_back() -> None:
    estimator, rng = Estimator(), np.random.default_rng(1)
    now = _follow(estimator, 1.0)
    late = now.time - 0.6 * LATE
    people = estimator.update(late, ["a"], _lift(walker(late), rng, RIGHT), RIGHT)
    assert people.time == now.time and people.problems == () and people.ids == ("a",)
    assert np.trace(people.root_covariance[0]) < np.trace(now.root_covariance[0])
    assert pelvis_error(people.positions[0], walker(now.time)) < 0.2


def test_a_frame_that_is_too_late_is_left_out_and_said() -> None:
    estimator, rng = Estimator(), np.random.default_rng(1)
    now = _follow(estimator, 1.0)
    people = estimator.update(now.time - 1.5 * LATE, ["a"], _lift(walker(0), rng), LEFT)
    assert _kinds(people) == ["late"] and people.time == now.time
    np.testing.assert_array_equal(people.positions, now.positions)


def test_time_that_goes_back_starts_anew_and_is_said() -> None:
    estimator, rng = Estimator(), np.random.default_rng(1)
    now = _follow(estimator, 0.5, start=100.0)
    start = now.time - 1.5 * RESTART
    people = estimator.update(start, ["b"], _lift(walker(0), rng), LEFT)
    assert _kinds(people) == ["time went back"]
    assert people.time == start and people.ids == ("b",) and people.age[0] == 0
    assert _follow(estimator, 1.0, start=start + 1 / 30).problems == ()


def test_reset_forgets_everybody() -> None:
    estimator = Estimator()
    _follow(estimator, 1.0)
    estimator.reset()
    people = _follow(estimator, 0.1)  # of an earlier time
    assert people.problems == () and people.age[0] < 0.1


def test_a_camera_that_stops_costs_sureness_only() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(150):
        time = frame / 30
        truth = walker(time)
        if time < 2:
            estimator.update(time, ["a"], _lift(truth, rng, LEFT, 1.06), LEFT, source="left")
        people = estimator.update(time, ["a"], _lift(truth, rng, RIGHT, 1.06), RIGHT, source="right")
    assert people.ids == ("a",) and not people.flags.coasting[0] and people.problems == ()
    assert pelvis_error(people.positions[0], truth) < 0.15  # it remembers the size


# Who is who


def test_nobody_is_nobody() -> None:
    estimator, nobody = Estimator(), lifted_people(_standing(), LEFT)
    people = estimator.update(0.0, [], nobody, LEFT, [Floor(), Stature({"a": 1.7})])
    assert len(people) == 0 and people.positions.shape == (0, 17, 3) and people.problems == ()
    assert len(people.predict(1.0)) == 0 and len(estimator.people(1.0)) == 0


def test_names_that_are_swapped_are_swapped_back_and_said() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    two = _standing((0, -1.5), (0, 1.5))
    for frame in range(10):
        estimator.update(frame / 10, ["a", "b"], _lift(two, rng), LEFT)
    people = estimator.update(1.0, ["b", "a"], _lift(two, rng), LEFT)
    assert people.ids == ("a", "b") and _kinds(people) == ["swapped ids", "swapped ids"]
    assert pelvis_error(people.positions, two) < 0.15
    people = estimator.update(1.1, ["b", "a"], _lift(two, rng), LEFT)
    assert people.problems == () and pelvis_error(people.positions, two) < 0.15


def test_a_name_that_goes_over_to_somebody_else_is_said_once() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    two = _standing((0, -1.5), (0, 1.5))
    for frame in range(10):
        estimator.update(frame / 10, ["a", "b"], _lift(two, rng), LEFT)
    problems = [estimator.update(1 + frame / 10, ["b"], _lift(two[:1], rng), LEFT).problems for frame in range(5)]
    assert [len(p) for p in problems] == [1, 0, 0, 0, 0]
    assert estimator.people(1.4).flags.coasting.tolist() == [False, True]


def test_a_new_name_takes_up_who_was_lost() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    now = _follow(estimator, 1.0)
    estimator.update(now.time + 0.3, [], lifted_people(_standing(), LEFT), LEFT)
    people = estimator.update(now.time + 0.5, ["z"], _lift(walker(now.time + 0.5), rng), LEFT)
    assert people.ids == ("a",) and people.problems == () and people.age[0] > 1


def test_two_who_pass_each_other_stay_who_they_are() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(90):
        way = frame / 30 - 1.5
        two = _standing((-0.4, way), (0.4, -way))
        people = estimator.update(frame / 30, ["a", "b"], _lift(two, rng), LEFT)
    assert people.ids == ("a", "b") and people.problems == ()
    assert pelvis_error(people.positions, two) < 0.2


def test_fifty_people_at_once() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    crowd = _standing(*((1.5 * x, 1.2 * (y - 4.5)) for x in range(5) for y in range(10)))
    names = [str(i) for i in range(50)]
    for frame in range(5):
        order = rng.permutation(50)
        people = estimator.update(frame / 10, [names[i] for i in order], _lift(crowd[order], rng), LEFT, [Floor()])
    assert sorted(people.ids) == sorted(names) and people.problems == ()
    assert pelvis_error(people.positions, crowd[[int(name) for name in people.ids]]) < 0.35


def test_cameras_that_name_different_people_alike() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    here, there = _standing((0, -1.5)), _standing((0, 1.5))
    for frame in range(20):
        estimator.update(frame / 10, ["1"], _lift(here, rng), LEFT, source="left")
        people = estimator.update(frame / 10, ["1"], _lift(there, rng, RIGHT), RIGHT, source="right")
        assert people.problems == ()
    assert len(set(people.ids)) == 2 and people.ids[0] == "1"
    assert pelvis_error(people.positions, np.concatenate([here, there])) < 0.2


def test_those_who_are_not_valid_are_left_out() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    lifted = _lift(_standing((0, -1.5), (0, 1.5)), rng)
    for array in (lifted.mean, lifted.covariance, lifted.root_covariance, lifted.root, lifted.novelty):
        array[0] = np.nan
    people = estimator.update(0.0, ["a", "b"], replace(lifted, valid=np.array([False, True])), LEFT, [Floor()])
    assert people.ids == ("b",) and np.isfinite(people.positions).all() and np.isfinite(people.covariance).all()


def test_an_outlier_of_one_frame_is_ignored() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    now = _follow(estimator, 1.0)
    elsewhere = estimator.update(now.time + 0.05, ["a"], _lift(walker(now.time) + [0, 3, 0], rng), LEFT)
    assert elsewhere.ids == ("a",) and elsewhere.flags.coasting[0]
    assert pelvis_error(elsewhere.positions[0], walker(elsewhere.time)) < 0.2
    after = _follow(estimator, 0.3, start=now.time + 0.1)
    assert after.ids == ("a",) and after.problems == () and after.age[0] > now.time
    assert pelvis_error(after.positions[0], walker(after.time)) < 0.2


def test_who_went_where_nobody_can_is_believed_after_some_frames_and_that_is_said() -> None:
    estimator = Estimator()
    end = _follow(estimator, 1.0).time
    rng, jumped = np.random.default_rng(0), []
    for frame in range(1, 10):
        truth = STANDING + [0, 4, 0]
        people = estimator.update(end + frame / 30, ["a"], _lift(truth, rng), LEFT)
        assert people.ids == ("a",)
        jumped.append("jump" in _kinds(people))
    assert 1 <= jumped.index(True) <= 5 and sum(jumped) == 1
    assert pelvis_error(people.positions[0], truth) < 0.2 and people.age[0] < 1


def _size_after_a_jump(evidence: list[Evidence]) -> float:
    """Pelvis error in m of somebody larger than the model takes him for, a second after he jumped."""
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(60):
        truth = STANDING + [0, 3 if frame >= 30 else 0, 0]
        people = estimator.update(frame / 30, ["a"], _lift(truth, rng, size=1.1), LEFT, evidence)
    return pelvis_error(people.positions[0], truth)


def test_what_is_known_of_people_counts_again_after_a_jump() -> None:
    assert _size_after_a_jump([Stature({"a": 1.7}, 0.01)]) < 0.6 * _size_after_a_jump([])


def test_what_the_model_does_not_know_is_said() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for time, novelty in ((0.0, 3.0), (0.1, 3.0), (0.2, 1.0)):
        lifted = replace(_lift(walker(time), rng), novelty=np.array([novelty]))
        assert estimator.update(time, ["a"], lifted, LEFT).flags.novel.tolist() == [novelty > 2]


def test_the_flag_of_depth_is_of_depth() -> None:
    estimator, rng, camera = Estimator(), np.random.default_rng(0), Camera.from_fov(1.2, 160, 120)
    depth = Depth(np.full((120, 160), 4.85, np.float32), camera)
    assert not estimator.update(0.0, ["a"], _lift(STANDING, rng), LEFT, [Floor()]).flags.depth_used[0]
    assert estimator.update(0.1, ["a"], _lift(STANDING, rng), LEFT, [depth]).flags.depth_used[0]
    for frame in range(2, 20):
        people = estimator.update(frame / 10, ["a"], _lift(STANDING, rng), LEFT)
    assert not people.flags.depth_used[0]


# What does not fit


def test_what_does_not_fit_is_refused() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    two = _lift(_standing((0, -1.5), (0, 1.5)), rng)
    with pytest.raises(ValueError, match=r"ids: expected each once, got 'a', 'a'"):
        estimator.update(0.0, ["a", "a"], two)
    with pytest.raises(ValueError, match=r"ids: expected one for each of 2 people, got 1"):
        estimator.update(0.0, ["a"], two)
    for time in (np.nan, np.inf):
        with pytest.raises(ValueError, match="time: expected seconds"):
            estimator.update(time, ["a", "b"], two)
    assert len(estimator.people(0.0)) == 0


@pytest.mark.parametrize(
    "pose",
    [np.eye(3), np.eye(4) * np.nan, 2 * np.eye(4), np.zeros((4, 4)), np.diag([1.0, 1, -1, 1])],
    ids=["3x3", "nan", "scaled", "zero", "mirror"],
)
def test_a_camera_pose_that_is_none_is_refused(pose: np.ndarray) -> None:
    with pytest.raises(ValueError, match="camera_pose: expected"):
        Estimator().update(0.0, ["a"], lifted_people(STANDING, LEFT), pose)


@pytest.mark.parametrize(
    "options",
    [
        {"forget_after": -1.0},
        {"forget_after": np.nan},
        {"extrinsic_deviation": (-0.1, 0.0)},
        {"extrinsic_deviation": (0.0, np.nan)},
        {"extrinsic_deviation": (np.inf, 0.0)},
    ],
)
def test_options_that_are_none_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Estimator(**options)


def test_without_a_camera_pose_people_are_in_the_cameras_frame() -> None:
    truth = walker(0)[None]
    lifted = lifted_people(truth, LEFT)
    people = Estimator().update(0.0, ["a"], lifted)
    np.testing.assert_allclose(people.positions, lifted.mean, atol=1e-3)
