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

"""Points on capsules."""

import numpy as np
import pytest
from support.people import STANDING

from diffupose_ros.planning import Capsules, bodies, surface_points


def capsule(start, end, radius) -> Capsules:
    """Return one part of one person."""
    return Capsules(np.array([[start]], float), np.array([[end]], float), np.array([[radius]], float))


@pytest.mark.parametrize("resolution", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("end", [(0, 0, 0), (0.3, -0.2, 0.8), (1e-9, 0, 0)])
def test_points_are_on_the_surface_and_leave_no_hole(resolution, end):
    shape = capsule((0, 0, 0), end, 0.3)
    points = surface_points(shape, resolution)
    np.testing.assert_allclose(shape.distance(points[None])[0, 0], 0, atol=1e-9)
    directions = np.random.default_rng(1).normal(size=(500, 3))
    along = np.random.default_rng(2).random((500, 1))
    out = along * np.array(end) + 2 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = shape.at(shape.nearest(out[None]))[0, 0]
    surface = nearest + 0.3 * (out - nearest) / np.linalg.norm(out - nearest, axis=1, keepdims=True)
    gaps = np.linalg.norm(surface[:, None] - points, axis=-1).min(1)
    assert gaps.max() <= resolution


def test_points_within_another_part_of_the_same_person_are_left_out():
    both = Capsules(np.zeros((1, 2, 3)), np.zeros((1, 2, 3)), np.array([[0.3, 0.1]]))
    points = surface_points(both, 0.05)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 0.3)


def test_many_points_are_measured_as_few_are(monkeypatch):
    body = bodies(STANDING[None], np.array([1.7]))
    whole = surface_points(body, 0.1)
    monkeypatch.setattr("diffupose_ros.planning.surface._AT_ONCE", 7)
    np.testing.assert_array_equal(surface_points(body, 0.1), whole)


def test_somebody_who_may_be_anywhere_has_no_more_points_than_can_be_handled():
    points = surface_points(capsule((0, 0, 0), (5e3, 0, 0), 1e4), 0.01)
    assert 8e5 < len(points) < 1.1e6


def test_of_two_people_who_stand_together_both_stay():
    pose = np.stack([STANDING, STANDING])
    one = surface_points(bodies(pose[:1], np.array([1.7])), 0.1)
    two = surface_points(bodies(pose, np.array([1.7, 1.7])), 0.1)
    np.testing.assert_allclose(two, np.concatenate([one, one]))


def test_nobody_has_no_points():
    assert surface_points(bodies(np.zeros((0, 17, 3)), np.zeros(0)), 0.1).shape == (0, 3)


@pytest.mark.parametrize("resolution", [0.0, 2.0, float("nan")])
def test_a_resolution_out_of_bounds(resolution):
    with pytest.raises(ValueError, match="resolution: expected"):
        surface_points(bodies(STANDING[None], np.array([1.7])), resolution)
