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

"""The Kalman filter's two equations, over any number of independent Gaussian states at once, robust to outliers."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Gaussian(NamedTuple):
    """Independent states of dimension D.

    Attributes:
        mean: (..., D).
        covariance: (..., D, D).
    """

    mean: FloatArray
    covariance: FloatArray


def predict(state: Gaussian, transition: FloatArray, noise: FloatArray) -> Gaussian:
    """Return the states after ``transition`` (..., D, D) with process ``noise`` (..., D, D)."""
    mean = (transition @ state.mean[..., None])[..., 0]
    return Gaussian(mean, transition @ state.covariance @ np.swapaxes(transition, -1, -2) + noise)


def update(
    state: Gaussian, observation: FloatArray, innovation: FloatArray, noise: FloatArray, gate: float
) -> tuple[Gaussian, FloatArray]:
    """Return the states after measurements of M numbers each, and the gains (..., D, M).

    A measurement whose squared Mahalanobis distance d^2 exceeds the gate counts for gate / d^2 of itself: the further
    off an outlier is, the less it moves a state.

    Args:
        state: predicted.
        observation: (..., M, D) matrix.
        innovation: (..., M) measured minus expected.
        noise: (..., M, M) of the measurement.
        gate: squared Mahalanobis distance.
    """
    cross = state.covariance @ np.swapaxes(observation, -1, -2)
    inverse = np.linalg.inv(observation @ cross + noise)
    distance2 = (innovation * (inverse @ innovation[..., None])[..., 0]).sum(-1)
    weight = np.minimum(1, gate / np.maximum(distance2, 1e-12))[..., None, None]
    gain = cross @ (weight * inverse)
    mean = state.mean + (gain @ innovation[..., None])[..., 0]
    covariance = state.covariance - gain @ np.swapaxes(cross, -1, -2)
    return Gaussian(mean, (covariance + np.swapaxes(covariance, -1, -2)) / 2), gain
