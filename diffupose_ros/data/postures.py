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


"""Postures of work and of accidents that motion capture lacks, made by rule: lying, kneeling, crawling, reaching, ...

A person is built trunk first; then limbs reach for points (a floor, a bench, a box). Each limb is drawn a few
times, and what no human joint does, or passes through the floor or the body, is dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import (
    HEAD,
    LEFT_HIP,
    LEFT_SHOULDER,
    MIRROR,
    NECK,
    PELVIS,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    SPINE,
    THORAX,
    across,
    unit,
)

FloatArray = npt.NDArray[np.float64]

_TRIES = 6  # draws of each limb
_TOUCH = 0.06  # m, of a joint over the surface that its body part touches
_ANKLE = 0.09  # m, of a standing person's
_TRUNK = [PELVIS, LEFT_HIP, RIGHT_HIP, SPINE, THORAX, NECK, HEAD, LEFT_SHOULDER, RIGHT_SHOULDER]
_SIDES = np.array([1.0, -1.0])  # left, right: the order of every pair of limbs here


@dataclass(frozen=True)
class _Limb:
    """A pair of arms or legs. Directions are of a left limb in its trunk's frame: x forward, y left, z up.

    Attributes:
        joints: (2, 3) left and right: root, hinge (elbow, knee), end.
        lengths: of the upper and the lower bone, m.
        flexion: largest, of the hinge, radians.
        centre: the upper bone's, in the middle of what it reaches, of length 1.
        neutral: to where the hinge bends the lower bone then; orthogonal to ``centre``.
        cone: largest angle of the upper bone to ``centre``, radians.
        twist: range of the upper bone's turn about itself away from ``neutral``, radians.
        aside: range of the upper bone's direction to the left.
    """

    joints: npt.NDArray[np.int64]
    lengths: tuple[float, float]
    flexion: float
    centre: FloatArray
    neutral: FloatArray
    cone: float
    twist: tuple[float, float]
    aside: tuple[float, float]


def _orthogonal(vector: tuple[float, float, float], axis: FloatArray) -> FloatArray:
    return unit(across(np.array(vector), axis))


_FORWARD_AND_OUT = unit(np.array([1.0, 1, 0]))
_FLEXED = unit(np.array([0.75, 0.2, -0.63]))
_ARMS = _Limb(
    joints=np.array([[11, 12, 13], [14, 15, 16]]),
    lengths=(0.285, 0.288),
    flexion=np.radians(145),
    centre=_FORWARD_AND_OUT,
    neutral=_orthogonal((0.65, -0.65, 0.4), _FORWARD_AND_OUT),
    cone=np.radians(108),
    twist=(np.radians(-85), np.radians(85)),
    aside=(-0.75, 1.0),
)
_LEGS = _Limb(
    joints=np.array([[4, 5, 6], [1, 2, 3]]),
    lengths=(0.405, 0.424),
    flexion=np.radians(150),
    centre=_FLEXED,
    neutral=_orthogonal((-0.63, 0, -0.75), _FLEXED),
    cone=np.radians(72),
    twist=(np.radians(-90), np.radians(40)),
    aside=(-0.4, 0.85),
)
# The trunk's bones, standing, from the joint before; how much of the bend of the trunk or of the neck each has.
_HIP, _SHOULDER = np.array([0, 0.084, 0]), np.array([0, 0.19, 0.055])
_LUMBAR, _CHEST = np.array([0, 0, 0.217]), np.array([0.01, 0, 0.232])
_NECK, _HEAD = np.array([0.02, 0, 0.18]), np.array([0.025, 0, 0.09])


def _turn(angles: FloatArray) -> FloatArray:
    """Rotations (..., 3, 3) of bends (..., 3) in degrees: forward (about y), to the right (x), then to the left (z)."""
    (cy, cx, cz), (sy, sx, sz) = (np.moveaxis(f(np.radians(angles)), -1, 0) for f in (np.cos, np.sin))
    rows = [
        [cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy],
        [sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy],
        [-cx * sy, sx, cx * cy],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


class _People:
    """People of one kind being posed, heading along x; ``faults`` (n,) is 0 of those who came out human."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n
        self.poses, self.faults = np.zeros((n, 17, 3)), np.zeros(n)

    def draw(self, low: float, high: float, *shape: int) -> FloatArray:
        """Uniform numbers (n, *shape)."""
        return self.rng.uniform(low, high, (self.n, *shape))

    def ranges(self, *ranges: tuple[float, float]) -> FloatArray:
        """Uniform numbers (n, len(ranges)), each of its own range."""
        low, high = np.array(ranges).T
        return self.rng.uniform(low, high, (self.n, len(ranges)))

    def some(self, share: float, *shape: int) -> npt.NDArray[np.bool_]:
        """True (n, *shape) for a share of them."""
        return self.rng.random((self.n, *shape)) < share

    def points(self, *ranges: tuple[float, float]) -> FloatArray:
        """Points (n, 2, tries, 3) for a pair of limbs; y counts outwards."""
        low, high = np.array(ranges).T
        return self.rng.uniform(low, high, (self.n, 2, _TRIES, 3)) * _outwards()

    def around(
        self, radius: tuple[float, float], azimuth: tuple[float, float], height: tuple[float, float]
    ) -> FloatArray:
        """Offsets (n, 2, tries, 3) to all sides: azimuth in degrees from forward, outwards; height in metres."""
        shape = (self.n, 2, _TRIES)
        r, a = self.rng.uniform(*radius, shape), np.radians(self.rng.uniform(*azimuth, shape))
        return np.stack([r * np.cos(a), r * np.sin(a), self.rng.uniform(*height, shape)], -1) * _outwards()

    def trunk(self, height: FloatArray | None, tilt: FloatArray, bend: FloatArray, neck: FloatArray) -> None:
        """Pose pelvis to head, and hips and shoulders.

        Args:
            height: (n,) of the pelvis, m; None where the trunk lies on the floor.
            tilt: (n, 3, 3) rotation of the pelvis.
            bend: (n, 3) of the thorax on the pelvis: degrees forward, to the right, turned left.
            neck: (n, 3) of the head on the thorax, likewise.
        """
        self.pelvis = tilt
        self.chest = tilt @ _turn(bend)
        pose = self.poses
        pose[:, SPINE] = pose[:, PELVIS] + tilt @ _turn(bend * 0.2) @ _LUMBAR
        pose[:, THORAX] = pose[:, SPINE] + tilt @ _turn(bend * 0.65) @ _CHEST
        pose[:, NECK] = pose[:, THORAX] + self.chest @ _turn(neck * 0.4) @ _NECK
        pose[:, HEAD] = pose[:, NECK] + self.chest @ _turn(neck) @ _HEAD
        for left, right, root, frame, bone in (
            (LEFT_HIP, RIGHT_HIP, PELVIS, tilt, _HIP),
            (LEFT_SHOULDER, RIGHT_SHOULDER, THORAX, self.chest, _SHOULDER),
        ):
            pose[:, left] = pose[:, root] + frame @ bone
            pose[:, right] = pose[:, root] + frame @ (bone * (1, -1, 1))
        lowest = pose[:, _TRUNK, 2].min(1)
        pose[:, _TRUNK, 2] += (_TOUCH - lowest if height is None else height)[:, None]

    def roots(self, limb: _Limb) -> FloatArray:
        """Shoulders or hips (n, 2, 1, 3)."""
        return self.poses[:, limb.joints[:, 0], None]

    def local(self, limb: _Limb, vectors: FloatArray) -> FloatArray:
        """World vectors (n, 2, tries, 3) of a limb as those of a left limb in its trunk's frame."""
        return (vectors @ self._frame(limb)[:, None]) * _outwards()

    def world(self, limb: _Limb, vectors: FloatArray) -> FloatArray:
        """The inverse of ``local``."""
        return (vectors * _outwards()) @ self._frame(limb)[:, None].swapaxes(-1, -2)

    def _frame(self, limb: _Limb) -> FloatArray:
        return self.pelvis if limb is _LEGS else self.chest

    def reach(self, limb: _Limb, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return hinges and ends (n, 2, tries, 3) of a pair of limbs that reach for points of that shape."""
        root, (upper, lower) = self.roots(limb), limb.lengths
        nearest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(limb.flexion)) + 1e-3
        line = self.local(limb, targets - root)
        length = _length(line)[..., None]
        line = line / length
        reached = length.clip(nearest, (upper + lower) * 0.998)
        along = (reached**2 + upper**2 - lower**2) / (2 * reached)
        twist = self.rng.normal(np.sum(limb.twist) / 4, np.ptp(limb.twist) / 4.5, reached.shape)
        neutral = _neutral(limb, line)
        out = -neutral * np.cos(twist) - _cross(line, neutral) * np.sin(twist)
        hinge = along * line + np.sqrt((upper**2 - along**2).clip(0)) * out
        return root + self.world(limb, hinge), root + self.world(limb, reached * line)

    def rest(
        self, limb: _Limb, upper: tuple[float, float], lower: tuple[float, float], lift: tuple[float, float]
    ) -> tuple[FloatArray, FloatArray]:
        """Return hinges on the floor and ends (n, 2, tries, 3) of limbs of which the hinge (knee, elbow) rests on it.

        Args:
            limb: which pair.
            upper: azimuths of the hinge from its root, degrees from forward outwards.
            lower: azimuths of the end from the hinge, likewise.
            lift: slopes of the lower bone.
        """
        root, (first, second) = self.roots(limb), limb.lengths
        drop = (root[..., 2] - _TOUCH).clip(0, first)
        fall = np.stack([0 * drop, 0 * drop, drop], -1)
        hinge = root - fall + self.around((1, 1), upper, (0, 0)) * np.sqrt(first**2 - drop**2)[..., None]
        return hinge, hinge + second * unit(self.around((1, 1), lower, lift))

    def place(self, limb: _Limb, hinge: FloatArray, end: FloatArray, targets: FloatArray | None = None) -> None:
        """Give a pair of limbs the first of the tries (n, 2, tries, 3) that is human, and is at its target if any."""
        root = self.roots(limb)
        faults = _strain(limb, self.local(limb, hinge - root), self.local(limb, end - hinge))
        faults += (0.04 - hinge[..., 2]).clip(0) + (0.03 - end[..., 2]).clip(0)
        if targets is not None:
            faults += (_length(end - targets) - 0.02).clip(0)
        if limb is _ARMS:
            joint = [self.poses[:, j, None, None] for j in (PELVIS, THORAX, HEAD)]
            for point in (hinge, (hinge + end) / 2, end):
                faults += (0.13 - _distance(point, joint[0], joint[1])).clip(0)
                faults += (0.1 - _distance(point, joint[1], joint[2])).clip(0)
        best = faults.argmin(-1)[..., None]
        self.faults += np.take_along_axis(faults, best, -1)[..., 0].sum(-1)
        for joints, tries in ((limb.joints[:, 1], hinge), (limb.joints[:, 2], end)):
            self.poses[:, joints] = np.take_along_axis(tries, best[..., None], 2)[:, :, 0]

    def arms(self, targets: FloatArray, exact: bool = False) -> None:
        """Let both arms reach for points (n, 2, tries, 3)."""
        self.place(_ARMS, *self.reach(_ARMS, targets), targets if exact else None)

    def legs(self, targets: FloatArray, exact: bool = False) -> None:
        """Let both feet reach for points (n, 2, tries, 3)."""
        self.place(_LEGS, *self.reach(_LEGS, targets), targets if exact else None)

    def stand(self, stride: float = 0.15) -> None:
        """Put both feet on the floor, under the body's weight."""
        weight = self.poses[:, PELVIS] * 0.5 + self.poses[:, THORAX] * 0.5
        step = self.draw(-stride, stride)
        feet = self.points((-0.06, 0.06), (0.05, 0.25), (_ANKLE, _ANKLE))
        feet[..., :2] += weight[:, None, None, :2]
        feet[..., 0] += (step[:, None] * _SIDES)[..., None]
        self.legs(feet, exact=True)

    def anyhow(self) -> FloatArray:
        """Points (n, 2, tries, 3) for hands that do something in front, or hang."""
        low, forward, out = (-0.56, 0.15), (0.0, 0.5), (-0.25, 0.4)
        return self.roots(_ARMS) + self.points(forward, out, low)


def _outwards() -> FloatArray:
    return np.stack([np.ones(2), _SIDES, np.ones(2)], -1)[:, None]


def _distance(point: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Distances of points (..., 3) to the lines between two others."""
    bone, point = end - start, point - start
    share = (_dot(point, bone) / _dot(bone, bone)).clip(0, 1)
    return _length(point - share[..., None] * bone)


def _strain(limb: _Limb, upper: FloatArray, lower: FloatArray) -> FloatArray:
    """How far limbs are beyond what joints do, about in radians: bones (..., 3) of left limbs in the trunk's frame."""
    upper, lower = upper / limb.lengths[0], lower / limb.lengths[1]
    neutral = _neutral(limb, upper)
    along = _dot(lower, upper)
    bent = lower - along[..., None] * upper
    twist = np.arctan2(_dot(_cross(neutral, bent), upper), _dot(neutral, bent))
    beyond = (limb.twist[0] - twist).clip(0) + (twist - limb.twist[1]).clip(0)
    strain = beyond * (np.abs(along) < 0.995)  # a straight limb has no twist to speak of
    strain += (np.arccos((upper @ limb.centre).clip(-1, 1)) - limb.cone).clip(0)
    strain += (limb.aside[0] - upper[..., 1]).clip(0) + (upper[..., 1] - limb.aside[1]).clip(0)
    return np.asarray(strain + (np.arccos(along.clip(-1, 1)) - limb.flexion - 1e-3).clip(0))


def _neutral(limb: _Limb, upper: FloatArray) -> FloatArray:
    """The neutral direction of a limb, brought the shortest way from the centre to a direction (..., 3)."""
    share = (upper @ limb.neutral) / (1 + upper @ limb.centre).clip(1e-6)
    return np.asarray(limb.neutral - share[..., None] * (limb.centre + upper))


def _dot(one: FloatArray, two: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("...i,...i->...", one, two))


def _length(vector: FloatArray) -> FloatArray:
    return np.sqrt(_dot(vector, vector))


def _cross(one: FloatArray, two: FloatArray) -> FloatArray:
    """``np.cross`` in half its time."""
    (a, b, c), (x, y, z) = np.moveaxis(one, -1, 0), np.moveaxis(two, -1, 0)
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], -1)


def _lie_on_the_back(p: _People) -> None:
    p.trunk(None, _turn(p.ranges((-94, -84), (-8, 8), (0, 0))), p.ranges((-2, 8), (-20, 20), (-10, 10)),
            p.ranges((0, 25), (-20, 20), (-60, 60)))  # fmt: skip
    feet = np.where(
        p.some(0.5, 2)[..., None, None], *(p.around(r, (-12, 35), (0, 0)) for r in ((0.3, 0.7), (0.7, 0.82)))
    )
    lifted = p.some(0.15, 2)[..., None] * p.draw(0, 0.5, 2, _TRIES)
    p.legs(p.roots(_LEGS) * (1, 1, 0) + feet + np.stack([0 * lifted, 0 * lifted, _ANKLE - 0.02 + lifted], -1))
    _rest_arms(p, 0.25)


def _lie_on_the_front(p: _People) -> None:
    p.trunk(None, _turn(p.ranges((84, 92), (-6, 6), (0, 0))), p.ranges((-25, 0), (-15, 15), (-8, 8)),
            p.ranges((-30, 5), (-15, 15), (-75, 75)))  # fmt: skip
    raised = p.some(0.25, 2)[..., None, None]
    flat, up = (p.rest(_LEGS, (110, 195), (160, 220), lift) for lift in ((0, 0.1), (0.1, 3)))
    p.place(_LEGS, np.where(raised, up[0], flat[0]), np.where(raised, up[1], flat[1]))
    _rest_arms(p, 0)


def _rest_arms(p: _People, raised: float) -> None:
    """Arms of who lies: on the floor to any side, the hand perhaps on the body, or a share raised."""
    flat, lifted = (p.rest(_ARMS, (-10, 190), (-180, 180), lift) for lift in ((0, 0.1), (0, 2)))
    high = p.reach(_ARMS, p.roots(_ARMS) + p.points((-0.4, 0.4), (-0.25, 0.4), (0.05, 0.5)))
    choice = p.draw(0, 1, 2)[..., None, None]
    drawn = zip(high, lifted, flat, strict=True)
    p.place(_ARMS, *(np.where(choice < raised, h, np.where(choice < raised + 0.25, a, b)) for h, a, b in drawn))


def _lie_on_the_side(p: _People) -> None:
    roll = _turn(p.ranges((0, 0), (76, 92), (0, 0))) @ _turn(p.ranges((0, 0), (0, 0), (-30, 30)))
    p.trunk(None, roll, p.ranges((-5, 35), (-6, 10), (-15, 15)), p.ranges((-10, 35), (-10, 20), (-30, 30)))
    # The left side is up. Hips flexed alike, up to an embryo's.
    flexed = p.draw(-10, 75)[:, None, None] + p.draw(-20, 25, 2, _TRIES)
    reach, out = p.draw(0.35, 0.82, 2, _TRIES), p.draw(-0.2, 0.02, 2, _TRIES)
    legs = np.stack([np.sin(np.radians(flexed)) * reach, out, -np.cos(np.radians(flexed)) * reach], -1)
    feet = p.roots(_LEGS) + p.world(_LEGS, legs)
    feet[:, 1, :, 2] = p.draw(0.04, 0.08, _TRIES)
    feet[:, 0, :, 2] = feet[:, 0, :, 2].clip(_TOUCH)
    p.legs(feet)
    hands = p.roots(_ARMS) + p.around((0.15, 0.5), (-100, 100), (-0.5, 0.3))
    hands[:, 0, :, 2] = hands[:, 0, :, 2].clip(_TOUCH)
    under, over = p.rest(_ARMS, (-180, 180), (-180, 180), (0, 0.4)), p.reach(_ARMS, hands)
    p.place(_ARMS, *(np.where(np.array([True, False])[:, None, None], a, b) for a, b in zip(over, under, strict=True)))
    p.faults += (p.poses[:, HEAD, 2] - 0.4).clip(0)


def _kneel(p: _People) -> None:
    one = p.some(0.5)
    height = np.where(one, p.draw(0.38, 0.46), p.draw(0.28, 0.46))
    p.trunk(height, _turn(p.ranges((-8, 40), (-6, 6), (0, 0))), p.ranges((-5, 40), (-15, 15), (-30, 30)),
            p.ranges((-20, 40), (-15, 15), (-50, 50)))  # fmt: skip
    knee, ankle = p.rest(_LEGS, (-15, 35), (150, 215), (-0.03, 0.08))
    foot = p.roots(_LEGS) * (1, 1, 0) + p.points((0.2, 0.55), (-0.05, 0.2), (_ANKLE, _ANKLE))
    up, foot = p.reach(_LEGS, foot)
    left = one[:, None] & np.array([True, False])
    p.place(_LEGS, *(np.where(left[..., None, None], a, b) for a, b in ((up, knee), (foot, ankle))))
    p.arms(p.anyhow())


def _crawl(p: _People) -> None:
    p.trunk(p.draw(0.38, 0.46), _turn(p.ranges((65, 95), (-6, 6), (0, 0))), p.ranges((-15, 25), (-12, 12), (-12, 12)),
            p.ranges((-50, 20), (-15, 15), (-40, 40)))  # fmt: skip
    knee, ankle = p.rest(_LEGS, (-15, 25), (150, 215), (-0.03, 0.08))
    knee_back, ankle_back = p.rest(_LEGS, (150, 190), (150, 215), (-0.03, 0.08))
    back = p.some(0.4, 2)[..., None, None]
    p.place(_LEGS, np.where(back, knee_back, knee), np.where(back, ankle_back, ankle))
    hands = p.roots(_ARMS) * (1, 1, 0) + p.points((-0.15, 0.35), (-0.1, 0.2), (_TOUCH - 0.02, _TOUCH))
    p.arms(hands, exact=True)


def _sit_on_the_floor(p: _People) -> None:
    lean = p.draw(-45, 0)
    turn = np.stack([lean, p.draw(-6, 6), np.zeros(p.n)], -1)
    p.trunk(None, _turn(turn), p.ranges((5, 55), (-15, 15), (-25, 25)), p.ranges((-20, 30), (-15, 15), (-50, 50)))
    feet = p.roots(_LEGS) * (1, 1, 0)
    stretched = p.reach(_LEGS, feet + p.around((0.6, 0.82), (-10, 40), (_TOUCH, _ANKLE)))
    bent = p.reach(_LEGS, feet + p.around((0.25, 0.6), (-20, 40), (_TOUCH, _ANKLE)))
    crossed = p.rest(_LEGS, (10, 65), (-180, -90), (0, 0.3))
    choice = p.draw(0, 1, 1, 1, 1)
    choice = np.where(p.some(0.3, 1, 1, 1), p.draw(0, 1, 2, 1, 1), choice)  # most have both legs alike
    drawn = zip(stretched, bent, crossed, strict=True)
    p.place(_LEGS, *(np.where(choice < 0.35, s, np.where(choice < 0.7, b, c)) for s, b, c in drawn))
    behind = p.roots(_ARMS) * (1, 1, 0) + p.around((0.1, 0.5), (60, 190), (_TOUCH, _TOUCH))
    ahead = p.roots(_ARMS) + p.points((0.1, 0.5), (-0.2, 0.2), (-0.4, 0.05))
    prop = p.some(0.8, 2) & (lean < -15)[:, None]
    p.arms(np.where((prop | p.some(0.2, 2))[..., None, None], behind, ahead))


def _bend(p: _People) -> None:
    p.trunk(p.draw(0.72, 0.88), _turn(p.ranges((25, 65), (-6, 6), (-8, 8))), p.ranges((12, 40), (-12, 12), (-25, 25)),
            p.ranges((-40, 20), (-15, 15), (-40, 40)))  # fmt: skip
    p.stand()
    bench = p.roots(_ARMS) * (1, 1, 0) + p.points((-0.05, 0.5), (-0.2, 0.25), (0, 0))
    bench[..., 2] = p.draw(0.6, 1.0, 1, 1)
    p.arms(
        np.where(p.some(0.8, 2)[..., None, None] | np.array([False, True])[:, None, None], bench, p.anyhow()),
        exact=True,
    )


def _carry(p: _People) -> None:
    p.trunk(p.draw(0.8, 0.9), _turn(p.ranges((-8, 12), (-4, 4), (-8, 8))), p.ranges((-12, 15), (-8, 8), (-10, 10)),
            p.ranges((-15, 25), (-15, 15), (-50, 50)))  # fmt: skip
    p.stand(stride=0.3)
    box = np.stack([p.draw(0.18, 0.42), p.draw(-0.08, 0.08), p.draw(-0.42, -0.08)], -1)[:, None] + np.zeros((1, 2, 1))
    box[..., 1] += _SIDES * p.draw(0.1, 0.3, 1)
    hold = p.poses[:, [THORAX], None] + (box @ p.chest.swapaxes(-1, -2))[:, :, None] + p.points(*[(-0.04, 0.04)] * 3)
    # On the right shoulder: the right hand steadies it, the left one helps or hangs.
    steady = p.roots(_ARMS) + p.points((0.05, 0.3), (-0.05, 0.2), (0.1, 0.35))
    steady[:, 0] = np.where(p.some(0.3)[:, None, None], steady[:, 1] + (0.1, 0.2, 0.05), p.anyhow()[:, 0])
    shoulder = p.some(0.25, 1, 1, 1)
    p.arms(np.where(shoulder, steady, hold))


def _reach_overhead(p: _People) -> None:
    p.trunk(p.draw(0.8, 0.9), _turn(p.ranges((-8, 8), (-5, 5), (-8, 8))), p.ranges((-20, 8), (-15, 15), (-20, 20)),
            p.ranges((-45, 10), (-15, 15), (-40, 40)))  # fmt: skip
    p.stand()
    up = p.roots(_ARMS) * (1, 1, 0) + p.points((-0.05, 0.4), (-0.2, 0.3), (0.03, 0.4))
    up[..., 2] += p.poses[:, HEAD, None, None, 2]
    both = p.some(0.5)[:, None] | np.array([False, True])
    p.arms(np.where(both[..., None, None], up, p.anyhow()))
    p.faults += (p.poses[:, HEAD, 2] + 0.02 - p.poses[:, 16, 2]).clip(0)


def _reach_in(p: _People) -> None:
    low = p.some(0.35)
    height = np.where(low, p.draw(0.35, 0.75), p.draw(0.75, 0.9))
    p.trunk(height, _turn(p.ranges((0, 45), (-10, 10), (0, 0))), p.ranges((0, 40), (-25, 25), (-35, 35)),
            p.ranges((-30, 30), (-20, 20), (-50, 50)))  # fmt: skip
    p.stand(stride=0.2)
    far = p.roots(_ARMS) + 0.573 * p.draw(0.85, 0.99, 2, _TRIES, 1) * unit(p.points((0.4, 1), (-0.3, 0.6), (-0.8, 0.9)))
    far[..., 2] = far[..., 2].clip(0.3, 1.8)
    other = np.where(p.some(0.4, 1, 1, 1), p.roots(_ARMS) + p.points((0.2, 0.5), (-0.1, 0.3), (-0.3, 0.3)), p.anyhow())
    p.arms(np.where(np.array([False, True])[:, None, None], far, other))
    p.faults += (0.46 - _length(p.poses[:, 16] - p.poses[:, 14])).clip(0)


_RULES: dict[str, Callable[[_People], None]] = {
    "lying supine": _lie_on_the_back,
    "lying on the side": _lie_on_the_side,
    "lying prone": _lie_on_the_front,
    "kneeling": _kneel,
    "crawling": _crawl,
    "sitting on the floor": _sit_on_the_floor,
    "bending over a bench": _bend,
    "carrying": _carry,
    "reaching overhead": _reach_overhead,
    "reaching into a machine": _reach_in,
}
POSTURES = tuple(_RULES)
"""The kinds of posture, in the order of their indices."""


def draw_postures(
    batch: int, rng: np.random.Generator, kind: str | None = None
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Draw people of 1.70 m in postures of work and of accidents, all headings and both sides equally likely.

    Args:
        batch: how many, B.
        rng: what decides them.
        kind: one of ``POSTURES``; without it each is equally likely.

    Returns:
        Poses (B, 17, 3) in metres, z up, the ground at z = 0 and the pelvis above the origin, the lowest joint
        3-10 cm above the ground; and their kinds (B,), indices of ``POSTURES``.

    Raises:
        ValueError: unknown kind.
    """
    if kind is not None and kind not in _RULES:
        raise ValueError(f"unknown posture {kind!r}: expected one of {', '.join(POSTURES)}")
    kinds = rng.integers(0, len(POSTURES), batch) if kind is None else np.full(batch, POSTURES.index(kind))
    poses = np.empty((batch, 17, 3))
    for index, rule in enumerate(_RULES.values()):
        rows = np.flatnonzero(kinds == index)
        while len(rows):
            people = _People(rng, len(rows) + len(rows) // 4 + 4)
            rule(people)
            human = people.poses[(people.faults < 1e-3) & _apart(people.poses)][: len(rows)]
            poses[rows[: len(human)]] = human
            rows = rows[len(human) :]
    return _anywhere(poses, rng), kinds


def _apart(poses: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether no limb passes through another (B,)."""
    ends = [poses[:, limb.joints[:, 1:]].reshape(-1, 4, 3) for limb in (_LEGS, _ARMS)]
    points = np.concatenate([*ends, *((e[:, ::2] + e[:, 1::2]) / 2 for e in ends)], 1)  # knee, ankle, ..., shin, ...
    limb = np.array([0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 3])
    one, two = np.nonzero(limb[:, None] < limb)
    return np.asarray((_length(points[:, one] - points[:, two]) > 0.06).all(1))


def _anywhere(poses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The poses, half of them mirrored, turned to any heading, with their lowest joint at its height."""
    mirror = rng.random(len(poses)) < 0.5
    poses[mirror] = poses[mirror][:, MIRROR] * (1, -1, 1)
    poses[..., :2] -= poses[:, :1, :2]
    poses[..., 2] += (rng.uniform(0.03, 0.1, len(poses)) - poses[..., 2].min(1))[:, None]
    heading = np.zeros((len(poses), 3))
    heading[:, 2] = rng.uniform(0, 360, len(poses))
    return np.asarray(poses @ _turn(heading).swapaxes(-1, -2))
