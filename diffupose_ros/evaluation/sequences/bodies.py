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

"""Capsules that are to hold a person, beside the true body: how much of it they hold, and how far beyond they reach."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.people import FREEDOM, People
from diffupose_ros.estimation.stature import stature_of
from diffupose_ros.planning import bodies, holding, surface_points

FloatArray = npt.NDArray[np.float64]

PROBABILITIES = (0.5, 0.9, 0.95, 0.99)
"""Of the joints' ellipsoids that the capsules hold."""
INTERVAL = 1.0
"""s between the frames that are looked at."""
_RESOLUTION = 0.05, 0.2  # m, of the true surface, and of the capsules'
_TOUCHING = 1e-6  # m


class Held(NamedTuple):
    """What capsules hold in n frames, at each of ``PROBABILITIES``.

    Attributes:
        frame: (n,) which.
        share: (n, 4) part of the true body's surface that is inside.
        beyond: (n, 4) m, how far the capsules' surface is from the true body, mean over it; inside counts negative.
    """

    frame: npt.NDArray[np.intp]
    share: FloatArray
    beyond: FloatArray


def held_bodies(frames: Iterable[tuple[int, People]], truth: FloatArray) -> Held:
    """Return how well the first of the people of some frames is held, where there is one.

    Args:
        frames: indices, and who is estimated.
        truth: (T, 17, 3) metres, the joints that the true body is about, as tall as they say.
    """
    measured = [(t, *_held(people, truth[t])) for t, people in frames if len(people)]
    frame, share, beyond = zip(*measured, strict=True) if measured else ((), (), ())
    size = len(measured), len(PROBABILITIES)
    return Held(np.array(frame, np.intp), np.reshape(share, size), np.reshape(beyond, size))


def _held(people: People, truth: FloatArray) -> tuple[list[float], list[float]]:
    true = bodies(truth[None], stature_of(truth[None])[:, 0])
    skin, share, beyond = surface_points(true, _RESOLUTION[0]), [], []
    for probability in PROBABILITIES:
        capsules = holding(people.positions[:1], people.covariance[:1], people.stature[:1, 0], probability, FREEDOM)
        share.append(float((capsules.distance(skin[None]).min(1) < _TOUCHING).mean()))
        beyond.append(float(true.distance(surface_points(capsules, _RESOLUTION[1])[None]).min(1).mean()))
    return share, beyond
