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

"""How tall people are, by their bones."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import PARENTS

FloatArray = npt.NDArray[np.float64]

_BONES = {"legs": (2, 3, 5, 6), "trunk": (7, 8, 9, 10)}
_OF_STATURE = 2 * (0.235 + 0.231) + 0.130 + 0.137 + 0.112 + 0.055
"""Length of both legs, trunk, neck and head over stature (Drillis and Contini 1966; see ``data.bodies.BONES``)."""
_SPREAD = 0.025  # of that ratio, from person to person


def stature_of(positions: FloatArray, covariance: FloatArray | None = None) -> FloatArray:
    """Return the statures (P, 2) of people in metres, and what their bones leave open, as a standard deviation.

    Args:
        positions: (P, 17, 3) metres.
        covariance: (P, 17, 3, 3) m^2 of what stays wrong of them; None: nothing.
    """
    bones = np.array([child for part in _BONES.values() for child in part])
    parents = np.array(PARENTS)[bones]
    offset = positions[:, bones] - positions[:, parents]
    length = np.linalg.norm(offset, axis=-1)
    total = length.sum(1) / _OF_STATURE
    if covariance is None:
        return np.stack([total, _SPREAD * total], 1)
    direction = offset / np.maximum(length, 1e-6)[..., None]
    variance = np.einsum("pji,pjik,pjk->pj", direction, covariance[:, bones] + covariance[:, parents], direction)
    return np.stack([total, np.hypot(_SPREAD * total, np.sqrt(variance.sum(1)) / _OF_STATURE)], 1)
