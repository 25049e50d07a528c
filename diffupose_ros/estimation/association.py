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

"""Who of the people that are known is who in a frame."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

FloatArray = npt.NDArray[np.float64]

GATE = 25.0
"""Squared Mahalanobis distance of pelves up to which two may be the same person's; the depth of one is known badly."""


def distances2(
    position: FloatArray, covariance: FloatArray, seen: FloatArray, seen_covariance: FloatArray
) -> FloatArray:
    """Return the squared Mahalanobis distances (N, P) from N people in a frame to P known ones.

    Args:
        position: (P, 3) metres.
        covariance: (P, 3, 3) m^2.
        seen: (N, 3) metres.
        seen_covariance: (N, 3, 3) m^2.
    """
    offset = seen[:, None] - position
    together = seen_covariance[:, None] + covariance
    return np.asarray((offset * np.linalg.solve(together, offset[..., None])[..., 0]).sum(-1))


def associate(distance2: FloatArray, named: list[int | None]) -> list[int | None]:
    """Return for each of N people in a frame the known one that it is, or None.

    A name that was seen before is believed if the gate lets it; the others are assigned so that the distances of all
    are least. So a new name takes up somebody who was lost there, and names that were swapped are swapped back.

    Args:
        distance2: (N, P) squared Mahalanobis distances.
        named: for each of the N whom its name says, if anybody.
    """
    result: list[int | None] = [
        known if known is not None and distance2[row, known] < GATE else None for row, known in enumerate(named)
    ]
    rows = [row for row, known in enumerate(result) if known is None]
    taken = {known for known in result if known is not None}
    columns = [column for column in range(distance2.shape[1]) if column not in taken]
    if rows and columns:
        cost = np.minimum(distance2[np.ix_(rows, columns)], 2 * GATE)
        for r, c in zip(*linear_sum_assignment(cost), strict=True):
            if cost[r, c] < GATE:
                result[rows[r]] = columns[c]
    return result
