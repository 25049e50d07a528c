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
"""Detectors that exchange left and right."""

from dataclasses import replace

import numpy as np
import pytest
from support.people import camera_pose, lifted_people, mirrored, walker

from diffupose_ros.estimation import Estimator, People
from diffupose_ros.estimation.motion import load_motion
from diffupose_ros.estimation.observation import Observation, observe
from diffupose_ros.estimation.sides import exchanged
from diffupose_ros.estimation.state import State, first_state, predicted, updated
from diffupose_ros.skeleton import MIRROR

POSE = camera_pose((-4, 0, 1.5))
SPEED = 0.3  # m/s, of the body; arms and legs swing along
RATE = 20


def _truth(time: float) -> np.ndarray:
    return walker(time, SPEED)[None]


def _seen(time: float, wrong: bool, rng: np.random.Generator) -> Observation:
    truth = mirrored(_truth(time), POSE[:3, 3]) if wrong else _truth(time)
    return observe(lifted_people(truth, POSE, 0.5 * rng.normal(size=truth.shape)), POSE)


def _known() -> tuple[State, float]:
    rng, motion = np.random.default_rng(0), load_motion()
    state = first_state(0.0, _seen(0, False, rng))
    for frame in range(1, RATE):
        state = updated(predicted(state, frame / RATE, motion), frame / RATE, _seen(frame / RATE, False, rng))
    return predicted(state, 1.0, motion), 1.0


def test_exchanged_joints_of_somebody_who_is_known_are_recognised() -> None:
    state, time = _known()
    rng = np.random.default_rng(1)
    wrong, right = (_seen(time, wrong, rng) for wrong in (True, False))
    assert exchanged(state, wrong).tolist() == [True]
    assert exchanged(state, right).tolist() == [False]


@pytest.mark.parametrize("unsure", [3, 10])
def test_they_are_recognised_though_the_model_is_unsure_of_so_strange_a_pose(unsure: float) -> None:
    state, time = _known()
    for wrong in (True, False):
        seen = _seen(time, wrong, np.random.default_rng(1))
        seen = replace(seen, fresh=unsure * seen.fresh, lasting=unsure * seen.lasting)
        assert exchanged(state, seen).tolist() == [wrong]


def test_each_person_is_judged_alone_and_nobody_is_fine() -> None:
    state, time = _known()
    one, other = (_seen(time, wrong, np.random.default_rng(1)) for wrong in (True, False))
    both = Observation(
        *(np.concatenate([getattr(o, n) for o in (one, other)]) for n in ("position", "fresh", "lasting", "size")),
        one.camera, np.ones(2), np.ones((2, 17), bool),
    )  # fmt: skip
    assert exchanged(state.joined(state), both).tolist() == [True, False]
    none = both[np.zeros(0, np.intp)]
    assert exchanged(State.empty(), none).tolist() == []


def test_covariances_change_sides_too() -> None:
    lifted = lifted_people(_truth(0), POSE)
    lifted.covariance[0, 3] *= 9  # the right ankle
    seen = observe(lifted, POSE)
    other = seen.reversed()
    spread = np.trace(other.covariance, axis1=2, axis2=3)[0]
    assert spread[MIRROR[3]] > 5 * spread[3]


def _run(wrong: list[bool], rate: float = RATE, seed: int = 0) -> list[tuple[float, People]]:
    """Mean errors of the joints in metres, and what was said, of each frame."""
    estimator, rng, said = Estimator(), np.random.default_rng(seed), []
    for frame, exchange in enumerate(wrong):
        time = frame / rate
        truth = mirrored(_truth(time), POSE[:3, 3]) if exchange else _truth(time)
        lifted = lifted_people(truth, POSE, 0.5 * rng.normal(size=truth.shape))
        people = estimator.update(time, ["a"], lifted, POSE)
        said.append((float(np.linalg.norm(people.positions - _truth(time), axis=-1).mean()), people))
    return said


@pytest.mark.parametrize("many", [1, 3])
def test_a_few_exchanged_frames_are_put_right_and_said(many: int) -> None:
    said = _run([False] * RATE + [True] * many + [False] * RATE)
    assert max(error for error, _ in said) < 0.1
    assert not said[RATE - 1][1].flags.sides_uncertain[0]
    assert said[RATE + many - 1][1].flags.sides_uncertain[0]


def test_somebody_seen_for_the_first_time_is_taken_as_he_comes() -> None:
    error, people = _run([True])[0]
    assert error > 0.1  # nobody could know
    assert not people.flags.sides_uncertain[0] and people.problems == ()


def test_a_track_that_began_with_exchanged_sides_is_put_right() -> None:
    said = _run([True] * (RATE // 2) + [False] * (4 * RATE))
    assert said[RATE // 2 - 1][0] > 0.1
    assert max(error for error, _ in said[-RATE:]) < 0.1
    assert len({people.ids for _, people in said}) == 1
    assert not said[-1][1].flags.sides_uncertain[0]


def test_somebody_who_turns_round_is_not_taken_for_exchanged() -> None:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(6 * RATE):
        time = frame / RATE
        truth = walker(time, 1.2, 0.4)[None]  # a turn in two seconds
        people = estimator.update(time, ["a"], lifted_people(truth, POSE, 0.5 * rng.normal(size=truth.shape)), POSE)
        assert not people.flags.sides_uncertain[0]


def test_what_was_exchanged_keeps_its_scores_and_camera() -> None:
    seen = _seen(0, True, np.random.default_rng(0))
    other = replace(seen, novelty=np.array([1.7])).reversed()
    assert other.novelty.tolist() == [1.7]
    np.testing.assert_array_equal(other.camera, seen.camera)
