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

"""Single images beside people over time, on cases that can be reckoned by hand."""

import math
from itertools import permutations

import numpy as np
import pytest

from diffupose_ros.demo.arrays import Estimate, Person
from diffupose_ros.demo.over_time import Comparison

MS = 1_000_000
STILL = np.zeros((17, 3))


def single(place: np.ndarray, sigma: float = 0.1, root_sigma: float = 0.0) -> Estimate:
    """Somebody in one image whose joints are sure to ``sigma`` about a root that is sure to ``root_sigma`` metres."""
    covariance = np.broadcast_to(np.eye(3) * sigma**2, (17, 3, 3))
    return Estimate(place, covariance, np.zeros(17, np.int8), np.eye(3) * root_sigma**2)


def person(place: np.ndarray, sigma: float = 0.1, velocity: np.ndarray = STILL) -> Person:
    return Person(place, np.broadcast_to(np.eye(3) * sigma**2, (17, 3, 3)), velocity, False)


def moved(x: float) -> np.ndarray:
    return STILL + (x, 0, 0)


def add(comparison: Comparison, stamp: int, truth: np.ndarray, by_image: Estimate, over_time: Person) -> None:
    comparison.add_truth(stamp, {"a": truth, "nobody": truth})
    comparison.add_single(stamp, {"a": by_image, "stranger": by_image})
    comparison.add_people(stamp, stamp + 5 * MS, {"a": over_time})


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_truth_and_both_results_meet_in_any_order(order: tuple[int, ...]) -> None:
    comparison = Comparison()
    steps = [
        lambda: comparison.add_truth(7, {"a": STILL}),
        lambda: comparison.add_single(7, {"a": single(moved(0.2))}),
        lambda: comparison.add_people(7, 8, {"a": person(moved(0.1))}),
    ]
    for step in order:
        steps[step]()
    summary = comparison.summary()
    assert summary.compared == 1
    assert summary.single.error_mm == pytest.approx(200) and summary.people.error_mm == pytest.approx(100)
    assert summary.single.mpjpe_mm == summary.people.mpjpe_mm == 0  # the whole person is elsewhere


def test_ellipsoids_are_of_where_joints_are() -> None:
    """An error of 0.3 m is 3 deviations of the pose alone, and 2.1 of pose and root together."""
    comparison = Comparison()
    add(comparison, 1, STILL, single(moved(0.3), 0.1), person(moved(0.3), 0.13))
    assert (comparison.summary().single.coverage, comparison.summary().people.coverage) == (0, 1)
    add(comparison, 2, STILL, single(moved(0.3), 0.1, 0.1), person(moved(0.3), 0.1))
    assert (comparison.summary().single.coverage, comparison.summary().people.coverage) == (0.5, 0.5)


def test_jitter_is_told_in_times_of_the_truth() -> None:
    """The truth speeds up by 1 mm a message, single images hop to and fro by 1 cm about it, over time nothing does."""
    comparison = Comparison()
    for i in range(12):
        truth = moved(0.0005 * i * i)
        add(comparison, i * 100 * MS, truth, single(truth + (0.01 * (-1) ** i, 0, 0)), person(truth + 0.1))
    summary = comparison.summary()
    assert summary.people.jitter == pytest.approx(1)
    assert summary.single.jitter == pytest.approx(40, abs=1.01)  # 4 cm there and back, and the truth's millimetre
    assert summary.rate == pytest.approx(10)
    assert (summary.latency_p50_ms, summary.latency_p99_ms) == pytest.approx((5, 5))


def test_velocities_of_wrists() -> None:
    """Single images have the difference between two alone; over time somebody says that he moves, 0.1 m/s too fast."""
    comparison = Comparison()
    for i in range(3):
        truth = moved(0.1 * i)  # 1 m/s
        add(comparison, i * 100 * MS, truth, single(truth + (0, 0.02 * i, 0)), person(truth, velocity=moved(1.1)))
    assert comparison.summary().people.wrist_speed_error == pytest.approx(0.1)
    assert comparison.summary().single.wrist_speed_error == pytest.approx(0.2)


def test_messages_that_do_not_follow_each_other_say_nothing_of_movement() -> None:
    comparison = Comparison()
    for stamp in (0, 100, 300):
        add(comparison, stamp * MS, STILL, single(STILL), person(STILL))
    summary = comparison.summary()
    assert summary.compared == 3 and math.isnan(summary.people.jitter)
    assert math.isnan(summary.people.wrist_speed_error)


def test_nothing_measured_is_no_number() -> None:
    comparison = Comparison()
    add(comparison, 1, STILL, single(STILL * np.nan), person(STILL))  # people without pose are left out
    comparison.add_update(2.5)
    summary = comparison.summary()
    assert summary.compared == 0 and summary.results == 1 and summary.update_p50_ms == 2.5
    assert math.isnan(summary.people.error_mm) and math.isnan(summary.single.coverage) and math.isnan(summary.rate)
