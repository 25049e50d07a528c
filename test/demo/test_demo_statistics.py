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

"""The figures of the demo, on cases that can be reckoned by hand."""

import math

import numpy as np
import pytest

from diffupose_ros.demo.arrays import Estimate
from diffupose_ros.demo.display import Figures, line, table
from diffupose_ros.demo.over_time import Comparison
from diffupose_ros.demo.pace import Pace
from diffupose_ros.demo.statistics import Statistics, root_relative_errors
from diffupose_ros.lifting.uncertainty import mahalanobis2

MS = 1_000_000
SECOND = 1000 * MS


def estimate(offset: np.ndarray, sigma: float = 0.1, unseen: tuple[int, ...] = ()) -> Estimate:
    """A pose that is off by ``offset`` (17, 3) from all zeros, sure to ``sigma`` metres."""
    status = np.zeros(17, np.int8)
    status[list(unseen)] = 2
    return Estimate(offset, np.broadcast_to(np.eye(3) * sigma**2, (17, 3, 3)), status, np.eye(3))


def test_rates_latency_and_people() -> None:
    statistics = Statistics()
    for i in range(11):
        stamp = SECOND + i * 100 * MS
        statistics.add_input(stamp, stamp + MS)
        statistics.add_result(
            stamp, stamp + (10 + i) * MS, {"a": estimate(np.zeros((17, 3))), f"b{i % 2}": estimate(np.zeros((17, 3)))}
        )
    summary = statistics.summary(3 * SECOND)
    assert summary.inputs == summary.results == 11
    assert summary.rate_in == pytest.approx(10)
    assert summary.rate_out == pytest.approx(10 / 1.01)  # the last came 10 ms later than the first
    assert summary.latency_p50_ms == pytest.approx(15)
    assert summary.latency_p99_ms == pytest.approx(19.9)
    assert summary.people == 3
    assert summary.dropped == 0


def test_inputs_without_answer_are_dropped_once_a_later_one_is_answered_or_overdue() -> None:
    statistics = Statistics()
    for i in range(4):
        statistics.add_input(i * 100 * MS, i * 100 * MS)
    statistics.add_result(0, 50 * MS, {})
    assert statistics.summary(300 * MS).dropped == 0
    statistics.add_result(200 * MS, 310 * MS, {})
    assert statistics.summary(310 * MS).dropped == 1  # the second; the fourth may still come
    assert statistics.summary(2 * SECOND).dropped == 2


def test_error_is_relative_to_the_root_which_counts_with_0() -> None:
    offset = np.full((17, 3), 5.0)  # the whole person is elsewhere: no error
    offset[3] += (0.03, 0.04, 0)  # one joint is off by 50 mm
    statistics = Statistics()
    statistics.add_truth(7, {"a": np.zeros((17, 3)), "nobody": np.zeros((17, 3))})
    statistics.add_result(7, 8, {"a": estimate(offset), "stranger": estimate(offset)})
    summary = statistics.summary(8)
    assert summary.mpjpe_mm == pytest.approx(50 / 17)
    assert summary.compared == 1
    assert root_relative_errors(offset, np.zeros((17, 3))).shape == (16, 3)


@pytest.mark.parametrize("truth_first", [True, False])
def test_truth_and_result_meet_in_either_order(truth_first: bool) -> None:
    statistics = Statistics()
    steps = [
        lambda: statistics.add_truth(7, {"a": np.zeros((17, 3))}),
        lambda: statistics.add_result(7, 8, {"a": estimate(np.zeros((17, 3)))}),
    ]
    for step in steps if truth_first else steps[::-1]:
        step()
    assert statistics.summary(8).compared == 1


def test_coverage_counts_seen_and_unseen_joints_apart() -> None:
    offset = np.zeros((17, 3))
    offset[1, 0] = 0.249  # inside: 2.49 sigma
    offset[2, 0] = 0.251  # outside: sqrt(6.251) = 2.5002
    offset[13, 2] = 1.0  # outside, unseen
    statistics = Statistics()
    statistics.add_truth(7, {"a": np.zeros((17, 3))})
    statistics.add_result(7, 8, {"a": estimate(offset, unseen=(12, 13))})
    summary = statistics.summary(8)
    assert (summary.joints_seen, summary.joints_unseen) == (14, 2)
    assert summary.coverage_seen == pytest.approx(13 / 14)
    assert summary.coverage_unseen == pytest.approx(1 / 2)


def test_normal_errors_are_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    errors = rng.normal(size=(20_000, 3)) @ root.T
    inside = mahalanobis2(errors, np.broadcast_to(root @ root.T, (20_000, 3, 3))) <= 6.251
    assert inside.mean() == pytest.approx(0.9, abs=0.01)


def test_nothing_measured_is_no_number_and_people_without_pose_are_left_out() -> None:
    statistics = Statistics()
    empty = Figures(statistics.summary(SECOND), Comparison().summary())
    assert math.isnan(empty.lifting.rate_in) and math.isnan(empty.lifting.latency_p50_ms)
    assert math.isnan(empty.lifting.mpjpe_mm)
    assert "–" in line(empty, 0)
    shown = table(empty, "nothing", Pace(30.0, 30.0))
    assert shown.row_count == 13 and shown.caption is None
    statistics.add_truth(7, {"a": np.zeros((17, 3))})
    statistics.add_result(7, 8, {"a": estimate(np.full((17, 3), np.nan))})
    assert statistics.summary(8).compared == 0


def test_the_table_tells_a_lowered_rate_and_how_the_nodes_are() -> None:
    figures = Figures(Statistics().summary(SECOND), Comparison().summary())
    shown = table(figures, "two", Pace(15.0, 30.0), {"people_node": "estimating", "lift_node": "lifting"})
    assert shown.caption == f"{Pace(15.0, 30.0).remark()}\nlift_node says: lifting\npeople_node says: estimating"
