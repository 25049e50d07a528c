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

"""Whether a detector exchanged left and right: what the track expects decides."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.observation import Observation
from diffupose_ros.estimation.state import POSITION, State

FloatArray = npt.NDArray[np.float64]

_MARGIN = 25.0  # by which the other reading must fit better, in the sum of squared Mahalanobis distances
_MOST = 20.0  # that one joint may have a say


def exchanged(state: State, seen: Observation) -> npt.NDArray[np.bool_]:
    """Return who (P,) was seen with left and right exchanged.

    Args:
        state: predicted for the time of the observation.
        seen: the same people.
    """
    distance2 = _misfit(state, seen)
    wrong = distance2 > _MARGIN
    doubted = np.flatnonzero(wrong)
    if len(doubted):
        wrong[doubted] = distance2[doubted] > _misfit(state[doubted], seen[doubted].reversed()) + _MARGIN
    return wrong


def _misfit(state: State, seen: Observation) -> FloatArray:
    """Sums (P,) over the joints of squared Mahalanobis distances."""
    innovation = seen.position[:, 1:] - state.joints.mean[..., POSITION]
    covariance = state.joints.covariance[..., POSITION, POSITION] + seen.covariance[:, 1:]
    distance2 = (innovation * np.linalg.solve(covariance, innovation[..., None])[..., 0]).sum(-1)
    return np.asarray(np.minimum(distance2, _MOST).sum(1))
