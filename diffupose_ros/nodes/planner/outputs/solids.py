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

"""Capsules as cylinders and balls, which messages know."""

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Pose, Quaternion

from diffupose_ros.nodes.common.conversions import FloatArray, points
from diffupose_ros.planning import HELD, Capsules
from diffupose_ros.skeleton import unit

CYLINDERS, BALLS = HELD, 2 * HELD
"""Of a person."""
_SHORTEST = 1e-3  # m, of a cylinder: there are consumers that refuse one without a length


@dataclass(frozen=True)
class Solids:
    """What one person's capsules are made of.

    Attributes:
        cylinders: poses, the axis along z.
        sizes: (CYLINDERS, 2) metres, lengths and radii.
        balls: poses.
        radii: (BALLS,) metres.
    """

    cylinders: list[Pose]
    sizes: FloatArray
    balls: list[Pose]
    radii: FloatArray


def solids(capsules: Capsules) -> list[Solids]:
    """Return the solids of each person: of each capsule a ball at either end, and a cylinder between."""
    people, start, end = len(capsules), capsules.start, capsules.end
    length = np.maximum(np.linalg.norm(end - start, axis=-1), _SHORTEST)
    cylinders = _poses((start + end) / 2, _upright(unit(end - start)))
    balls = _poses(np.concatenate([start, end], 1), np.broadcast_to([0.0, 0.0, 0.0, 1.0], (people, BALLS, 4)))
    sizes, radii = np.stack([length, capsules.radius], -1), np.concatenate([capsules.radius] * 2, 1)
    return [
        Solids(cylinders[i * CYLINDERS : (i + 1) * CYLINDERS], sizes[i], balls[i * BALLS : (i + 1) * BALLS], radii[i])
        for i in range(people)
    ]


def _upright(direction: FloatArray) -> FloatArray:
    """Quaternions (..., 4), scalar last, that turn z into unit vectors (..., 3), or into none of zero length."""
    x, y, z = np.moveaxis(direction, -1, 0)
    turned = np.stack([-y, x, np.zeros_like(x), 1 + z], -1)
    down = np.where(z[..., None] < -1 + 1e-9, [1.0, 0, 0, 0], turned)
    return np.asarray(down / np.linalg.norm(down, axis=-1, keepdims=True))


def _poses(places: FloatArray, turns: FloatArray) -> list[Pose]:
    oriented = (Quaternion(x=x, y=y, z=z, w=w) for x, y, z, w in turns.reshape(-1, 4).tolist())
    pairs = zip(points(places.reshape(-1, 3)), oriented, strict=True)
    return [Pose(position=place, orientation=turn) for place, turn in pairs]
