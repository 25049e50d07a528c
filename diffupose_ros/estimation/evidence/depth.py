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

"""Depth images and points: how far away the surface is, and so the joint under it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.estimation.evidence.measurement import FloatArray, Measurements, View
from diffupose_ros.skeleton import H36M17, MIRROR, PELVIS, THORAX, across, pelvis_axes, unit

_UNDER_SURFACE = {
    "hip": (0.120, 0.098, 0.071),
    "spine": (0.130, 0.100, 0.140),
    "thorax": (0.089, 0.118, 0.120),
    "shoulder": (0.058, 0.074, 0.054),
    "elbow": (0.049, 0.038, 0.039),
    "wrist": (0.031, 0.033, 0.022),
    "knee": (0.064, 0.065, 0.052),
    "ankle": (0.052, 0.042, 0.038),
    "head": (0.095, 0.080, 0.075),
}
"""m from the surface to the joint along the ray, seen from the front, the back and the side: medians of 64 bodies of
1.70 m (MakeHuman's, by ``anny``)."""
_CLOTHES = 0.01  # m
_TRUNK = ("hip", "spine", "thorax", "shoulder")  # first: large surfaces
_SPREAD = {True: 0.035, False: 0.02}  # m, of these distances: trunk, limbs
_POSED = 0.15  # m, of a joint's depth about its person's, as a deviation
_BESIDE = 0.6  # m from a trunk's axis, where there is mostly none of the body
_WALL = 0.06  # part of the distance by which surfaces beside a trunk are of the same thing
_PATCH = 0.03  # m, half of what is looked at around a joint
_SAMPLES = 5  # of the patch, in a row
_ITERATIONS = 3
_FEWEST = 5  # pixels of a patch that must agree
_UNLIKELY = 0.05  # chance that a surface is this body's, below which it says nothing
_ELSEWHERE = 0.3  # chance that a pixel is of something else: an arm in front, the wall behind
_NEAREST, _FARTHEST = 0.2, 60.0  # m
_HIDES = 0.1  # m across the ray, up to which a hip or a knee hides the one behind it
_MILLIMETRES = 100.0  # m, a median beyond it is one of millimetres


class Depth:
    """A depth image that is registered to the camera's image.

    Args:
        image: (H, W), uint16 millimetres or floating point metres (REP-118); 0, NaN and infinity: not known.
        camera: of the depth image: its own size and intrinsics.

    Raises:
        ValueError: another size than the camera's, another type, or millimetres where metres are expected.
    """

    memory = 0.5
    rounds = 2

    def __init__(self, image: npt.NDArray[Any], camera: Camera) -> None:
        if image.ndim != 2 or (image.dtype != np.uint16 and image.dtype.kind != "f"):
            raise ValueError(
                f"depth image: expected (H, W) of uint16 millimetres or float metres, got {image.dtype} {image.shape}"
            )
        if image.shape != (camera.height, camera.width):
            raise ValueError(
                f"depth image of {image.shape[1]}x{image.shape[0]}, but its camera is of "
                f"{camera.width}x{camera.height}: give the depth image that is registered to the colour image, and "
                "its own camera_info"
            )
        some = image[::8, ::8]
        known = some[(some > 0) & np.isfinite(some)] if some.dtype.kind == "f" else some[:0]
        if len(known) and np.median(known) > _MILLIMETRES:
            raise ValueError(
                "depth image: floating point is in metres (REP-118), but half of it lies beyond "
                f"{np.median(known):.0f} m: it is in millimetres?"
            )
        self.image, self.camera = image, camera
        self._unit = 0.001 if image.dtype == np.uint16 else 1.0

    @classmethod
    def from_points(cls, points: npt.ArrayLike, camera: Camera, width: int = 320) -> "Depth":
        """Return the depth image of points (N, 3) in the camera's frame, of a lidar perhaps, ``width`` pixels wide.

        Raises:
            ValueError: a camera without a size.
        """
        if not (camera.width and camera.height):
            raise ValueError("points: expected a camera whose image's width and height are known")
        factor = width / camera.width
        size = width, max(1, round(camera.height * factor))
        small = Camera(np.diag([factor, factor, 1]) @ camera.K, camera.D, camera.model, *size)
        points = np.asarray(points, np.float64).reshape(-1, 3)
        pixels = np.floor(np.nan_to_num(small.project(points), nan=-1)).astype(int)
        inside = ((pixels >= 0) & (pixels < size)).all(1) & (points[:, 2] > 0)
        image = np.full((size[1], size[0]), np.inf, np.float32)
        np.minimum.at(image, (pixels[inside, 1], pixels[inside, 0]), points[inside, 2].astype(np.float32))
        return cls(image, small)

    def measure(self, view: View, round_: int) -> Measurements:
        """Return the depths of the joints that are seen: those of the trunk first, then all, now better known."""
        joints = _JOINTS[_OF_TRUNK] if round_ == 0 else _JOINTS[~_OF_TRUNK]
        rotation, axis = view.camera_pose[:3, :3], view.camera_pose[:3, 2]
        local = (view.positions - view.camera_pose[:3, 3]) @ rotation
        seen = view.measured & (local[..., 2] > _NEAREST) & ~_behind_the_other(local)
        person, column = np.nonzero(seen[:, joints])
        joint = joints[column]
        at, ray = local[person, joint], unit(local[person, joint])
        under = _under_surface(local, person, joint)
        surface = at[:, 2] - under * ray[:, 2]
        variance = np.einsum("i,mij,j->m", axis, view.covariance[person, joint], axis)
        spread = np.where(np.isin(joint, _JOINTS[_OF_TRUNK]), _SPREAD[True], _SPREAD[False])
        z, known = self._around(at)
        variance += spread**2
        if round_ == 0:
            off = _common_offset(person, z - surface[:, None], known, variance)
            if off.any():
                surface = np.where(self._goes_on(local, person, surface + off), surface, surface + off)
        depth, count, chance, noise = _surface(z, known, surface, variance)
        found = (count >= _FEWEST) & (chance > _UNLIKELY)
        return Measurements(
            person, joint, np.tile(axis, (len(person), 1)),
            axis @ view.camera_pose[:3, 3] + depth + under * ray[:, 2], (spread**2 + noise) / chance,
        )[found]  # fmt: skip

    def _goes_on(self, local: FloatArray, person: npt.NDArray[np.intp], surface: FloatArray) -> npt.NDArray[np.bool_]:
        """Of whom (M,) the surfaces at these depths (M,) go on beside the trunk: a wall's, not a body's."""
        who, row = np.unique(person, return_inverse=True)
        trunk = local[who][:, [PELVIS, THORAX]]
        aside = unit(np.cross(trunk[:, 1] - trunk[:, 0], trunk[:, 0]))[:, None]
        z, known = self._around(np.concatenate([trunk + _BESIDE * aside, trunk - _BESIDE * aside], 1).reshape(-1, 3))
        beside = _medians(z, known, np.inf).reshape(len(who), 4)
        mean = np.bincount(row, surface) / np.bincount(row)
        return np.asarray((np.abs(beside - mean[:, None]) < _WALL * mean[:, None]).sum(1) > 1)[row]

    def _around(self, at: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Depths (M, n) in the image around points (M, 3), 0 where not known, and where they are known."""
        grid = np.linspace(-_PATCH, _PATCH, _SAMPLES)
        offsets = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
        around = np.repeat(at[:, None], len(offsets), 1)
        around[..., :2] += offsets
        pixels = np.floor(np.nan_to_num(self.camera.project(around), nan=-1.0)).astype(np.intp)
        inside = np.asarray(((pixels >= 0) & (pixels < (self.camera.width, self.camera.height))).all(-1))
        x, y = np.where(inside[..., None], pixels, 0).transpose(2, 0, 1)
        z = np.where(inside, self.image[y, x], 0) * self._unit
        known = np.isfinite(z) & (z > _NEAREST) & (z < _FARTHEST)
        return np.where(known, z, 0.0), known


def _common_offset(
    person: npt.NDArray[np.intp], off: FloatArray, known: npt.NDArray[np.bool_], variance: FloatArray
) -> FloatArray:
    """How far (M,) a whole trunk's surface is from where it is expected, where most of its joints find one; else 0.

    A child whom one image places 2 m too far away has nothing where he is expected but, beside his shoulders, a wall.

    Args:
        person: (M,) whose joints these are.
        off: (M, n) depths around each joint, minus what is expected.
        known: (M, n) which of them are known.
        variance: (M,) of what is expected, mostly of the person's distance.
    """
    result = np.zeros(len(person))
    share = known / np.maximum(known.sum(1, keepdims=True), 1)
    for who in np.unique(person):
        rows = (person == who) & known.any(1)
        if not rows.any():
            continue
        found = np.append(_medians(off[rows], known[rows], 0.0), 0.0)
        own = np.exp(-0.5 * ((off[rows] - found[:, None, None]) / _POSED) ** 2) / (_POSED * np.sqrt(2 * np.pi))
        agreement = (share[rows] * np.log((1 - _ELSEWHERE) * own + _ELSEWHERE)).sum((1, 2))
        # Student's t of 4 degrees of freedom: children are further off than normal distributions of statures allow.
        result[rows] = found[(agreement - 2.5 * np.log1p(found**2 / 4 / variance[rows].mean())).argmax()]
    return np.where(np.abs(result) > _POSED, result, 0)


def _medians(values: FloatArray, known: npt.NDArray[np.bool_], otherwise: float) -> FloatArray:
    """The middle ones (M,) of the known of values (M, n), of two the lower."""
    count = known.sum(1)
    ordered = np.sort(np.where(known, values, np.inf), 1)
    return np.where(count > 0, ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2], otherwise)


def _surface(
    z: FloatArray, known: npt.NDArray[np.bool_], expected: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Depths (M,) of the surfaces around points (M, 3): in how many pixels, of this body at what chance, variances.

    A mixture of this body and whatever else, told apart by what is expected, and sharper with each iteration.
    """
    centre, spread2 = expected, variance
    for _ in range(_ITERATIONS):
        weight = np.where(known, _chance(z, centre[:, None], spread2[:, None]), 0)
        total = np.maximum(weight.sum(1), 1e-9)
        centre = (weight * z).sum(1) / total
        scatter = (weight * (z - centre[:, None]) ** 2).sum(1) / total
        spread2 = np.maximum(scatter, 0.01**2 + (0.01 * centre) ** 2)
    # A surface may be found far from what is expected: the only one that there is, of a wall perhaps.
    chance = np.maximum(_chance(centre, expected, variance), 1e-6)
    return centre, weight.sum(1), chance, scatter / np.maximum(total, 1)


def _chance(depth: FloatArray, expected: FloatArray, variance: FloatArray) -> FloatArray:
    """Whether depths are of a surface that is expected, rather than of whatever else."""
    own = np.exp(-0.5 * (depth - expected) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    return np.asarray(own / (own + _ELSEWHERE / (1 - _ELSEWHERE)))


def _under_surface(local: FloatArray, person: npt.NDArray[np.intp], joint: npt.NDArray[np.intp]) -> FloatArray:
    """Distances (M,) along the ray from the surface to joints, by the side from which each person is seen."""
    forward = pelvis_axes(local)[:, :, 0]
    facing = -(forward * unit(local[:, 0])).sum(1)[person]
    front, back, side = _TABLE[np.searchsorted(_JOINTS, joint)].T
    seen = np.where(facing > 0, front, back)
    return np.asarray(facing**2 * seen + (1 - facing**2) * side + _CLOTHES)


def _behind_the_other(local: FloatArray) -> npt.NDArray[np.bool_]:
    """Which joints (P, 17) the same one of the other side hides, as in profile."""
    offset = local - local[:, MIRROR]
    return np.asarray(
        ((offset * unit(local)).sum(-1) > 0) & (np.linalg.norm(across(offset, unit(local)), axis=-1) < _HIDES)
    )


def _part(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


_JOINTS = np.array([index for index, name in enumerate(H36M17) if _part(name) in _UNDER_SURFACE])
_OF_TRUNK = np.array([_part(H36M17[joint]) in _TRUNK for joint in _JOINTS])
_TABLE = np.array([_UNDER_SURFACE[_part(H36M17[joint])] for joint in _JOINTS])
