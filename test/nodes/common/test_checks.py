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

"""What every message of people must have."""

import numpy as np
import pytest
from std_msgs.msg import Header

from diffupose_ros.nodes.common.checks import check_covariance, check_header, check_positions

HEADER = Header(frame_id="camera")
HEADER.stamp.sec = 7


def test_headers_without_time_or_frame_are_refused() -> None:
    assert check_header(HEADER) is None
    assert (check_header(Header(frame_id="camera")) or ("",))[0] == "zero stamp"
    nowhere = Header()
    nowhere.stamp.sec = 1
    assert (check_header(nowhere) or ("",))[0] == "no frame"


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.diag([1.0, 1, -1]), np.full((3, 3), np.nan), np.tri(3)])
def test_covariances_that_are_none(bad: np.ndarray) -> None:
    check_covariance("joints", np.eye(3))
    with pytest.raises(ValueError, match="covariances of the joints that are"):
        check_covariance("joints", np.stack([np.eye(3), bad]))


@pytest.mark.parametrize("bad", [np.diag([1.0, 1, 1e15]), np.diag([1.0, 1, 1e-18])])
def test_covariances_of_lengths_that_nothing_has(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="joints: expected variances from 1e-12 to 1e"):
        check_covariance("joints", bad)


def test_positions_of_nobody() -> None:
    check_positions(np.ones((17, 3)))
    for place, reason in ((np.nan, "no numbers"), (9.0, "further than 5 m from the pelvis")):
        positions = np.zeros((17, 3))
        positions[3, 2] = place
        with pytest.raises(ValueError, match=reason):
            check_positions(positions)
    with pytest.raises(ValueError, match="a pelvis further than 100000 m"):
        check_positions(np.full((17, 3), 1e9))
