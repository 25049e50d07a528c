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

import numpy as np
import numpy.typing as npt

from diffupose_ros.planning.capsules import Capsules
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

BOUNDS = 0.01, 1.0  # m, of a resolution


def surface_points(capsules: Capsules, resolution: float) -> FloatArray:
    """Return points (n, 3) in metres that cover the surfaces: none of it is farther from a point than ``resolution``.

    Points inside of another capsule of the same person are left out.

    Args:
        capsules: of P people.
        resolution: m, between rings of points, and between the points of a ring.

    Raises:
        ValueError: a resolution beyond ``BOUNDS``.
    """
    if not BOUNDS[0] <= resolution <= BOUNDS[1]:
        raise ValueError(f"resolution: expected {BOUNDS[0]} to {BOUNDS[1]} m, got {resolution}")
    people = [np.zeros((0, 3))]
    for start, end, radius in zip(capsules.start, capsules.end, capsules.radius, strict=True):
        points = [_capsule(*part, resolution) for part in zip(start, end, radius, strict=True)]
        owner = np.repeat(np.arange(len(points)), [len(part) for part in points])
        of_person = np.concatenate(points)
        distance = Capsules(start[None], end[None], radius[None]).distance(of_person[None])[0]
        distance[owner, np.arange(len(owner))] = np.inf
        people.append(of_person[(distance > 0).all(0)])
    return np.concatenate(people)


def _capsule(start: FloatArray, end: FloatArray, radius: float, resolution: float) -> FloatArray:
    """Rings from pole to pole, half a step from each."""
    length = float(np.linalg.norm(end - start))
    axes = _axes(end - start)
    arc = np.pi / 2 * radius
    rings = max(int(np.ceil((2 * arc + length) / resolution)), 2)
    way = (np.arange(rings) + 0.5) * (2 * arc + length) / rings  # from the pole behind the start
    angle = np.clip(way, 0, arc) / radius + np.clip(way - arc - length, 0, arc) / radius - np.pi / 2
    height, width = np.clip(way - arc, 0, length) + radius * np.sin(angle), radius * np.cos(angle)
    counts = np.maximum(np.ceil(2 * np.pi * width / resolution), 3).astype(int)
    ring = np.repeat(np.arange(rings), counts)
    turn = 2 * np.pi * (np.arange(len(ring)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[ring]
    local = np.stack([width[ring] * np.cos(turn), width[ring] * np.sin(turn), height[ring]], 1)
    return np.asarray(start + local @ axes)


def _axes(direction: FloatArray) -> FloatArray:
    """Three unit vectors as rows, the last along ``direction``."""
    if not np.any(direction):
        return np.eye(3)
    along = unit(direction)
    aside = unit(np.cross(along, np.eye(3)[np.argmin(np.abs(along))]))
    return np.stack([aside, np.cross(along, aside), along])
