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
"""One Gaussian state per person: size and distance, cameras, late frames."""

from dataclasses import replace

import numpy as np
import pytest
from support.people import camera_pose, lifted_people, walker

from diffupose_ros.estimation.evidence.measurement import Measurements
from diffupose_ros.estimation.motion import load_motion
from diffupose_ros.estimation.observation import Observation, observe
from diffupose_ros.estimation.state import (
    POSITION,
    SIZE,
    VELOCITY,
    State,
    anchored,
    first_state,
    joints_of,
    measured,
    predicted,
    updated,
)
from diffupose_ros.skeleton import PELVIS

MOTION = load_motion()
LEFT, RIGHT = camera_pose((-5, 0, 1.5)), camera_pose((0, -5, 1.5))


def _seen(time: float, pose: np.ndarray, rng: np.random.Generator | None = None, size: float = 1.0) -> Observation:
    error = 0.0 if rng is None else rng.normal(size=(1, 17, 3)) * 0.5
    return observe(lifted_people(walker(time)[None], pose, error, size=size), pose)


def _after(frames: int, poses: list[np.ndarray], size: float, seed: int = 0) -> State:
    """Frames at 30 Hz of each camera in turn."""
    rng, state = np.random.default_rng(seed), None
    for frame in range(frames):
        time, pose = frame / 30, poses[frame % len(poses)]
        seen = _seen(time, pose, rng, size)
        if state is None:
            state = first_state(time, seen)
        else:
            state = updated(anchored(predicted(state, time, MOTION), seen.camera), time, seen)
    assert state is not None
    return state


SPREAD = float(np.sqrt(_seen(0, LEFT).size[0]))


def _size(state: State) -> tuple[float, float]:
    return float(state.root.mean[0, SIZE]), float(np.sqrt(state.root.covariance[0, SIZE, SIZE]))


def test_somebody_seen_once_is_where_he_appears_and_of_any_size() -> None:
    truth = walker(0)
    state = first_state(3.0, _seen(0, LEFT))
    np.testing.assert_allclose(joints_of(state).positions[0], truth, atol=1e-3)
    assert state.time == [3.0] and _size(state) == (0, pytest.approx(SPREAD))


@pytest.mark.parametrize("size", [0.9, 1.0, 1.1])
def test_one_camera_never_learns_the_size(size: float) -> None:
    mean, deviation = _size(_after(150, [LEFT], size))
    assert mean == pytest.approx(0, abs=1e-9) and deviation == pytest.approx(SPREAD, rel=0.1)


@pytest.mark.parametrize("size", [0.75, 0.92, 1.0, 1.08, 1.25])
def test_a_second_camera_learns_it(size: float) -> None:
    state = _after(150, [LEFT, RIGHT], size)
    mean, deviation = _size(state)
    assert deviation < SPREAD / 2
    assert mean == pytest.approx(1 - 1 / size, abs=0.02)
    found, truth = joints_of(state).positions[0], walker(149 / 30)
    assert np.linalg.norm(found - truth, axis=-1).mean() < 0.06


def test_anchored_there_and_back_is_as_it_was_and_nobody_moves() -> None:
    state = _after(60, [LEFT, RIGHT], 1.05)
    there = anchored(state, np.array([2.0, 4, 1]))
    np.testing.assert_allclose(there.anchor, [[2, 4, 1]])
    np.testing.assert_allclose(joints_of(there).positions, joints_of(state).positions, atol=1e-9)
    back = anchored(there, state.anchor[0])
    np.testing.assert_allclose(back.root.mean, state.root.mean, atol=1e-12)
    np.testing.assert_allclose(back.root.covariance, state.root.covariance, atol=1e-12)


def test_a_prediction_of_no_time_changes_nothing_and_none_goes_back() -> None:
    state = _after(30, [LEFT], 1.0)
    for time in (29 / 30, 0.5):
        same = predicted(state, time, MOTION)
        np.testing.assert_allclose(same.root.mean, state.root.mean, atol=1e-12)
        np.testing.assert_allclose(same.joints.covariance, state.joints.covariance, atol=1e-12)
        np.testing.assert_array_equal(same.time, state.time)


def test_a_prediction_moves_on_and_is_less_sure() -> None:
    state = _after(60, [LEFT], 1.0)
    ahead = predicted(state, state.time[0] + 0.1, MOTION)
    moved = ahead.root.mean[0, POSITION] - state.root.mean[0, POSITION]
    np.testing.assert_allclose(moved, 0.1 * state.root.mean[0, VELOCITY], atol=0.01)
    grown = ahead.root.covariance - state.root.covariance
    assert (np.linalg.eigvalsh(grown[0, POSITION, POSITION]) > 0).all()


def test_what_was_learned_of_the_size_is_forgotten() -> None:
    state = _after(60, [LEFT, RIGHT], 1.08)
    mean, deviation = _size(state)
    later, spread = _size(predicted(state, 1e4, MOTION))
    assert abs(later) < 0.01 * abs(mean) and deviation < spread == pytest.approx(SPREAD, rel=0.1)


def test_a_late_frame_says_where_people_were() -> None:
    """A frame of a moment ago, exact: of somebody who goes on, it must not pull him back."""
    truth = np.array([0.0, 0, 1])
    velocity = np.array([0.0, 1.5, 0])
    state = first_state(0.0, _seen(0, LEFT))
    state.root.mean[0] = np.r_[truth, velocity, 0]
    state.root.covariance[0] = np.diag([0.01] * 3 + [0.04] * 3 + [SPREAD**2])
    state = replace(state, time=np.array([1.0]))
    seen = _seen(0, LEFT)
    seen.position[0, 0] = truth - 0.2 * velocity
    as_it_is = updated(state, 0.8, seen)
    np.testing.assert_allclose(as_it_is.root.mean[0], state.root.mean[0], atol=1e-9)
    assert np.trace(as_it_is.root.covariance[0]) < np.trace(state.root.covariance[0])
    assert as_it_is.time == [1.0]
    taken_for_now = updated(state, 1.0, seen)
    assert taken_for_now.root.mean[0, 1] < -0.1


@pytest.mark.parametrize("joint", [PELVIS, 10])
@pytest.mark.parametrize("off", [-0.2, 0.2])
def test_a_measured_depth_moves_people_along_the_ray_and_tells_their_size(joint: int, off: float) -> None:
    state = _after(10, [LEFT], 1.0)
    placed = joints_of(state)
    axis = LEFT[:3, 2]
    value = axis @ placed.positions[0, joint] + off
    what = Measurements(np.array([0]), np.array([joint]), axis[None], np.array([value]), np.array([0.02**2]))
    after = measured(state, what, np.ones(1))
    moved = (joints_of(after).positions[0, joint] - placed.positions[0, joint]) @ axis
    assert 0.5 * abs(off) < moved * np.sign(off) < 1.1 * abs(off)
    assert np.sign(after.root.mean[0, SIZE]) == np.sign(off)
    assert _size(after)[1] < _size(state)[1]


def test_a_measured_size_is_taken_and_one_that_is_not_independent_hardly() -> None:
    state = _after(10, [LEFT], 1.0)
    what = Measurements.of_size(np.array([0]), np.array([0.05]), np.array([0.01**2]))
    mean, deviation = _size(measured(state, what, np.ones(1)))
    information = 1 / SPREAD**2 + 1 / 0.01**2
    assert mean == pytest.approx(0.05 / 0.01**2 / information, rel=0.01)
    assert deviation == pytest.approx(information**-0.5, rel=0.01)
    assert _size(measured(state, what, np.full(1, 1e-6)))[0] == pytest.approx(0, abs=1e-3)


def test_only_the_person_who_is_measured_changes() -> None:
    one = _after(10, [LEFT], 1.0)
    both = one.joined(one)
    what = Measurements.of_size(np.array([1]), np.array([0.05]), np.array([0.01**2]))
    after = measured(both, what, np.ones(2))
    np.testing.assert_array_equal(after.root.mean[0], one.root.mean[0])
    assert after.root.mean[1, SIZE] > 0.04
    nothing = Measurements.of_size(*(np.zeros(0, t) for t in (np.intp, float, float)))
    np.testing.assert_array_equal(measured(both, nothing, np.ones(2)).root.mean, both.root.mean)


def test_people_are_picked_replaced_and_joined() -> None:
    a, b = (_after(5, [LEFT], 1.0, seed) for seed in (0, 1))
    both = State.empty().joined(a).joined(b)
    assert len(State.empty()) == 0 and len(both) == 2
    np.testing.assert_array_equal(both[[1]].joints.mean, b.joints.mean)
    np.testing.assert_array_equal(both.replaced(np.array([0]), b)[[0]].root.mean, b.root.mean)
    np.testing.assert_array_equal(both.replaced(np.array([0]), b)[[1]].bias.total(), b.bias.total())
