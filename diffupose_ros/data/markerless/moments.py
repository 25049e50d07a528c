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

"""Frames of cameras that belong together, by the times at which they were taken."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def match(times: Mapping[str, npt.NDArray[np.float64]], tolerance: float) -> tuple[IntArray, float]:
    """Return which image of each camera belongs to which frame.

    Frames are those of the slowest camera, evenly spaced: where it has a gap, there are frames without images.

    Args:
        times: seconds of C cameras' images, strictly ascending, by name; two of each at least.
        tolerance: seconds by which images of the same moment may differ.

    Returns:
        (C, T) indices of images, -1 for none; frames per second.

    Raises:
        ValueError: fewer than two images of a camera, or none at the moments of the slowest one;
            says how far apart they are.
    """
    short = [name for name, moments in times.items() if len(moments) < 2]
    if short:
        raise ValueError(f"fewer than two images of {', '.join(short)}: expected a stamp for each image")
    intervals = {name: float(np.median(np.diff(moments))) for name, moments in times.items()}
    slowest = max(intervals, key=lambda name: intervals[name])
    interval, reference = intervals[slowest], times[slowest]
    places = np.cumsum(np.r_[0, np.maximum(np.round(np.diff(reference) / interval), 1).astype(int)])
    found = np.full((len(times), places[-1] + 1), -1)
    apart = {}
    for row, (name, moments) in zip(found, times.items(), strict=True):
        after = np.searchsorted(moments, reference).clip(1, len(moments) - 1)
        nearest = after - (reference - moments[after - 1] < moments[after] - reference)
        off = np.abs(moments[nearest] - reference)
        apart[name] = float(off.min())
        near = off <= tolerance
        row[places[near]] = nearest[near]
    alone = [f"{name} (nearest: {seconds:.3g} s)" for name, seconds in apart.items() if seconds > tolerance]
    if alone:
        raise ValueError(
            f"no image of {', '.join(alone)} is of the same moment as one of {slowest}, within {tolerance:g} s. "
            "Were they recorded together, with clocks that agree?"
        )
    return found, 1 / interval
