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
"""Rigid transforms: composed, inverted, interpolated. Plain floats: for one transform numpy is ten times slower."""

from __future__ import annotations

from math import acos, sin
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
STRAIGHT = (
    1 - 1e-10
)  # cosine of the arc from which on a straight line is as exact: sine and arc cosine lose what it lacks


class Rigid(NamedTuple):
    """A frame in another.

    Attributes:
        translation: of its origin, metres.
        rotation: unit quaternion x, y, z, w.
    """

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def __matmul__(self, inner: Rigid) -> Rigid:  # type: ignore[override]
        """Return what takes points of the inner frame all the way out."""
        x, y, z = _rotate(self.rotation, inner.translation)
        tx, ty, tz = self.translation
        return Rigid((x + tx, y + ty, z + tz), _multiply(self.rotation, inner.rotation))

    def inverse(self) -> Rigid:
        """Return the way back."""
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        tx, ty, tz = self.translation
        return Rigid(_rotate(back, (-tx, -ty, -tz)), back)


def interpolate(start: Rigid, end: Rigid, ratio: float) -> Rigid:
    """Return the transform at a ratio of the way: straight in translation, the shorter great arc in rotation."""
    x, y, z = (a + ratio * (b - a) for a, b in zip(start.translation, end.translation, strict=True))
    return Rigid((x, y, z), slerp(start.rotation, end.rotation, ratio))


def slerp(start: Quaternion, end: Quaternion, ratio: float) -> Quaternion:
    """Return the rotation at a ratio of the shorter great arc between two unit quaternions."""
    cosine = sum(a * b for a, b in zip(start, end, strict=True))
    sign = -1.0 if cosine < 0 else 1.0
    if abs(cosine) > STRAIGHT:
        first, second = 1 - ratio, sign * ratio
    else:
        angle = acos(abs(cosine))
        first, second = sin((1 - ratio) * angle) / sin(angle), sign * sin(ratio * angle) / sin(angle)
    x, y, z, w = (first * a + second * b for a, b in zip(start, end, strict=True))
    return x, y, z, w


def _multiply(p: Quaternion, q: Quaternion) -> Quaternion:
    px, py, pz, pw = p
    qx, qy, qz, qw = q
    return (
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
        pw * qw - px * qx - py * qy - pz * qz,
    )


def _rotate(q: Quaternion, v: Vector) -> Vector:
    x, y, z, w = q
    rotated = _multiply(_multiply(q, (*v, 0.0)), (-x, -y, -z, w))
    return rotated[:3]
