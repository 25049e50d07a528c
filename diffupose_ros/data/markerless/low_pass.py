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

"""A low pass without delay over movements that have gaps."""

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, filtfilt

FloatArray = npt.NDArray[np.float64]


def low_pass(points: FloatArray, rate: float, cutoff: float = 6.0) -> FloatArray:
    """Return points (T, ..., 3) after a Butterworth low pass of second order, forth and back.

    Gaps (NaN) are bridged by straight lines while filtering and are gaps again afterwards.

    Args:
        points: the movement.
        rate: frames per second. At twice the cutoff or less there is nothing to filter out.
        cutoff: Hz.
    """
    if rate <= 2 * cutoff:
        return points.copy()
    flat = points.reshape(len(points), -1)
    smooth = np.full_like(flat, np.nan)
    numerator, denominator = butter(2, cutoff / (rate / 2))
    for column, into in zip(flat.T, smooth.T, strict=True):
        known = np.flatnonzero(np.isfinite(column))
        if known.size:
            moments = np.arange(known[0], known[-1] + 1)
            bridged = np.interp(moments, known, column[known])
            padding = min(3 * len(denominator), len(moments) - 1)
            into[known] = filtfilt(numerator, denominator, bridged, padlen=padding)[known - known[0]]
    return smooth.reshape(points.shape)
