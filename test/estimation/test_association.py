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
"""Who is who."""

import numpy as np
import pytest

from diffupose_ros.estimation.association import GATE, associate, distances2

NEAR, FAR = 0.1 * GATE, 3 * GATE


def test_distances_are_in_standard_deviations() -> None:
    position, spread = np.array([[0.0, 0, 3], [2, 0, 3]]), np.tile(np.diag([0.03, 0.03, 0.5]), (2, 1, 1))
    seen, seen_spread = np.array([[0.0, 0, 4]]), np.diag([0.01, 0.01, 0.5])[None]
    np.testing.assert_allclose(distances2(position, spread, seen, seen_spread), [[1.0, 1.0 + 4 / 0.04]])


@pytest.mark.parametrize(("seen", "known"), [(0, 0), (0, 2), (2, 0)])
def test_nobody(seen: int, known: int) -> None:
    eye = np.eye(3)
    distance2 = distances2(
        np.zeros((known, 3)), np.tile(eye, (known, 1, 1)), np.zeros((seen, 3)), np.tile(eye, (seen, 1, 1))
    )
    assert distance2.shape == (seen, known)
    assert associate(distance2, [None] * seen) == [None] * seen


def test_a_name_is_believed_even_if_somebody_else_is_nearer() -> None:
    assert associate(np.array([[0.5 * GATE, NEAR], [NEAR, 0.5 * GATE]]), [0, 1]) == [0, 1]


def test_names_that_were_swapped_are_swapped_back() -> None:
    assert associate(np.array([[FAR, NEAR], [NEAR, FAR]]), [0, 1]) == [1, 0]


def test_a_new_name_takes_up_who_was_lost_there() -> None:
    assert associate(np.array([[NEAR, NEAR], [FAR, NEAR]]), [0, None]) == [0, 1]
    assert associate(np.array([[NEAR]]), [None]) == [0]


def test_who_is_far_from_all_is_nobody() -> None:
    assert associate(np.array([[FAR, FAR]]), [None]) == [None]
    assert associate(np.array([[FAR, FAR]]), [1]) == [None]


def test_nobody_is_two_people() -> None:
    assert associate(np.array([[0.2], [0.1], [0.3]]), [None, None, None]) == [None, 0, None]
    assert associate(np.array([[0.2], [0.1]]), [0, None]) == [0, None]


def test_the_distances_of_all_are_least() -> None:
    # The first is nearer to 0, but then the second would be nobody.
    assert associate(np.array([[1.0, 2.0], [1.5, FAR]]), [None, None]) == [1, 0]


def test_fifty_people_keep_theirs_in_any_order() -> None:
    rng = np.random.default_rng(0)
    position = np.stack([*np.meshgrid(np.arange(10.0), np.arange(5.0)), np.zeros((5, 10))], -1).reshape(-1, 3)
    order = rng.permutation(50)
    seen = position[order] + rng.normal(size=(50, 3)) * 0.05
    spread = np.tile(0.1**2 * np.eye(3), (50, 1, 1))
    assert associate(distances2(position, spread, seen, spread), [None] * 50) == order.tolist()
