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

"""Points on the surface of capsules."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from diffupose_ros.planning.capsules import Capsules
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

BOUNDS = 0.01, 1.0  # m, of a resolution
_SHORTEST = 1e-6  # m, of a capsule that has a direction
_MOST = 1_000_000  # points of a person, on average
_AT_ONCE = 10_000  # points, measured from each capsule: people of whom little is known have a hundred times as many


def surface_points(capsules: Capsules, resolution: float) -> FloatArray:
    """Return points (n, 3) in metres that cover the surfaces: none of it is farther from a point than ``resolution``.

    Points inside of another capsule of the same person are left out. Of whom so little is known that there would be
    more than a million points, within other capsules too, they are farther apart.

    Args:
        capsules: of P people.
        resolution: m, between rings of points, and between the points of a ring.

    Raises:
        ValueError: a resolution beyond ``BOUNDS``.
    """
    if not BOUNDS[0] <= resolution <= BOUNDS[1]:
        raise ValueError(f"resolution: expected {BOUNDS[0]} to {BOUNDS[1]} m, got {resolution}")
    length = np.linalg.norm(capsules.end - capsules.start, axis=-1)
    area = 2 * np.pi * (capsules.radius * (2 * capsules.radius + length)).sum()
    resolution = max(resolution, np.sqrt(area / (_MOST * max(len(capsules), 1))))
    starts, ends = (of.reshape(-1, 3) for of in (capsules.start, capsules.end))
    points, owner = _covering(starts, ends, capsules.radius.ravel(), resolution)
    parts = capsules.radius.shape[1]
    person_ends = np.searchsorted(owner, parts * np.arange(1, len(capsules) + 1))
    kept = [np.zeros((0, 3))]
    for person, (first, last) in enumerate(pairwise((0, *person_ends))):
        for begin in range(first, last, _AT_ONCE):
            end = min(begin + _AT_ONCE, last)
            here, part = points[begin:end], owner[begin:end] - parts * person
            distance = capsules[person : person + 1].distance(here[None])[0]
            distance[part, np.arange(len(part))] = np.inf
            kept.append(here[(distance > 0).all(0)])
    return np.concatenate(kept)


def _covering(
    start: FloatArray, end: FloatArray, radius: FloatArray, resolution: float
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Points (n, 3) on M capsules, and whose they are: rings from pole to pole, half a step from each."""
    length = np.linalg.norm(end - start, axis=1)
    arc = np.pi / 2 * radius
    rings = np.maximum(np.ceil((2 * arc + length) / resolution), 2).astype(int)
    of, step = _numbered(rings)
    way = (step + 0.5) * ((2 * arc + length) / rings)[of]  # from the pole behind the start
    angle = (np.clip(way, 0, arc[of]) + np.clip(way - arc[of] - length[of], 0, arc[of])) / radius[of] - np.pi / 2
    height = np.clip(way - arc[of], 0, length[of]) + radius[of] * np.sin(angle)
    width = radius[of] * np.cos(angle)
    counts = np.maximum(np.ceil(2 * np.pi * width / resolution), 3).astype(int)
    ring, place = _numbered(counts)
    turn = 2 * np.pi * place / counts[ring]
    local = np.stack([width[ring] * np.cos(turn), width[ring] * np.sin(turn), height[ring]], 1)
    owner = of[ring]
    return start[owner] + np.einsum("ni,nij->nj", local, _axes(end - start)[owner]), owner


def _numbered(counts: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """0 as often as the first of the counts says, then 1, and so on; and the numbers within each."""
    whose = np.repeat(np.arange(len(counts)), counts)
    return whose, np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)


def _axes(direction: FloatArray) -> FloatArray:
    """Frames (M, 3, 3) whose rows are unit vectors, the last along ``direction`` (M, 3); any where that is zero."""
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    along = np.where(length > _SHORTEST, unit(direction), (0.0, 0, 1))
    aside = unit(np.cross(along, np.eye(3)[np.abs(along).argmin(1)]))
    return np.stack([aside, np.cross(along, aside), along], 1)
