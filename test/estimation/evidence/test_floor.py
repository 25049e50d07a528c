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
"""The floor as evidence."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.people import STANDING, camera_pose, lifted_people, pelvis_error

from diffupose_ros.estimation import Estimator, Evidence, Floor, People
from diffupose_ros.estimation.evidence import View
from diffupose_ros.skeleton import H36M17, Status

POSE = camera_pose((-5, 0, 1.5), (0, 0, 1))
ANKLES = [H36M17.index("right_ankle"), H36M17.index("left_ankle")]


def _estimate(truth: np.ndarray, evidence: Sequence[Evidence], size: float = 1.0, frames: int = 20) -> People:
    estimator, rng = Estimator(), np.random.default_rng(0)
    for frame in range(frames):
        lifted = lifted_people(truth[None], POSE, 0.5 * rng.normal(size=(1, 17, 3)), size=size)
        people = estimator.update(frame / 10, ["a"], lifted, POSE, evidence)
    return people


@pytest.mark.parametrize("size", [0.9, 0.95, 1.06, 1.1])
def test_somebody_of_another_size_is_put_at_the_right_distance(size: float) -> None:
    without, people = (_estimate(STANDING, evidence, size) for evidence in ((), [Floor()]))
    error = pelvis_error(people.positions[0], STANDING)
    assert error < 0.5 * pelvis_error(without.positions[0], STANDING)
    assert np.trace(people.root_covariance[0]) < 0.7 * np.trace(without.root_covariance[0])
    ray = people.root[0] - POSE[:3, 3]
    deviation = np.sqrt(ray @ people.root_covariance[0] @ ray) / np.linalg.norm(ray)
    assert error < 3.5 * deviation


def test_who_is_of_the_models_size_stays_where_he_is() -> None:
    assert pelvis_error(_estimate(STANDING, [Floor()]).positions[0], STANDING) < 0.12


def test_any_normal_and_height() -> None:
    """The whole world turned and moved: as before."""
    rotation, offset = Rotation.from_rotvec([0.4, -1.0, 0.3]).as_matrix(), np.array([1.0, 2, 3])
    turned = np.eye(4)
    turned[:3, :3], turned[:3, 3] = rotation, offset
    up = rotation @ (0, 0, 1)
    floor = Floor(3 * up, up @ offset)
    lifted = lifted_people(STANDING, POSE, size=1.08)
    here = Estimator().update(0.0, ["a"], lifted, POSE, [Floor()])
    there = Estimator().update(0.0, ["a"], lifted, turned @ POSE, [floor])
    np.testing.assert_allclose(there.positions, here.positions @ rotation.T + offset, atol=1e-6)


def test_who_lies_has_his_feet_anywhere() -> None:
    lying = STANDING[:, [2, 1, 0]] + [-0.8, 0, 0.6]  # on a bed
    np.testing.assert_array_equal(_estimate(lying, [Floor()], 1.05).positions, _estimate(lying, [], 1.05).positions)


def test_who_stands_on_a_platform_is_not_dragged_down() -> None:
    raised = STANDING + [0, 0, 0.8]
    without, people = (_estimate(raised, evidence) for evidence in ((), [Floor()]))
    assert pelvis_error(people.positions[0], without.positions[0]) < 0.1


@pytest.mark.parametrize("height", [1.2, 4.0])
def test_a_floor_above_people_is_none(height: float) -> None:
    without, people = (_estimate(STANDING, evidence) for evidence in ((), [Floor(height=height)]))
    assert np.isfinite(people.positions).all() and np.isfinite(people.covariance).all()
    assert pelvis_error(people.positions[0], without.positions[0]) < 0.15


def test_feet_that_were_not_seen_say_nothing() -> None:
    lifted = lifted_people(STANDING, POSE, size=1.1)
    status = lifted.status.copy()
    status[:, ANKLES] = Status.MISSING
    hidden = replace(lifted, status=status)
    with_floor, without = (Estimator().update(0.0, ["a"], hidden, POSE, evidence) for evidence in ([Floor()], ()))
    np.testing.assert_array_equal(with_floor.positions, without.positions)


def test_the_lower_ankle_is_measured() -> None:
    pose = STANDING.copy()
    pose[ANKLES[0], 2] += 0.2
    view = View(("a",), pose[None], np.tile(0.01 * np.eye(3), (1, 17, 1, 1)), np.ones((1, 17), bool), POSE, np.zeros(1))
    said = Floor().measure(view, 0)
    assert said.joint.tolist() == [ANKLES[1]] and said.person.tolist() == [0]
    np.testing.assert_allclose(said.direction, [[0, 0, 1]])
    assert 0.05 < said.value[0] < 0.13 and said.variance[0] < 0.1**2


@pytest.mark.parametrize(
    ("normal", "height"),
    [((0, 0, 0), 0.0), ((0, 0, np.nan), 0.0), ((0, 1), 0.0), ((0, 0, 1), np.inf)],
)
def test_planes_that_are_none_are_refused(normal: tuple[float, ...], height: float) -> None:
    with pytest.raises(ValueError, match="floor: expected a normal of three numbers and a height"):
        Floor(normal, height)
