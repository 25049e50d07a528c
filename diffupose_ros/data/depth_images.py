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


"""Depth images of simulated people: bodies of round bones in a room, and what depth cameras make of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from diffupose_ros.camera import Camera
from diffupose_ros.skeleton import H36M17, PARENTS, unit

FloatArray = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]

RADII = {
    "pelvis": 0.125,
    "hip": 0.095,
    "knee": 0.060,
    "ankle": 0.044,
    "spine": 0.115,
    "thorax": 0.100,
    "neck": 0.085,
    "head": 0.080,
    "shoulder": 0.062,
    "elbow": 0.042,
    "wrist": 0.029,
}
"""m from joints to the surface of an adult of 1.70 m: means of the front, the back and the outer side of 64 bodies."""
_GROWN = ("spine", "thorax", "right_knee", "right_ankle", "left_knee", "left_ankle")
_GROWN_LENGTH = 2.04  # m, of these bones together at 1.70 m (bodies.BONES)
_EDGE = 0.05  # of the depth, by which neighbours are off one plane
_GRAZING = 0.25  # cosine of the incidence from which down surfaces fade
_PATCH = 4.0  # px, of what a stereo camera cannot match


@dataclass(frozen=True)
class Room:
    """What is around people, in a world with z up.

    Attributes:
        R: (3, 3) from the world's axes to the camera's optical frame.
        t: (3,) the world's origin in the camera's frame, m.
        floor: m, its z.
        wall: m, how far the wall is that the camera faces, measured along the floor.
        boxes: (N, 2, 3) m, lowest and highest corner of each, along the world's axes.

    Raises:
        ValueError: arrays of other shapes.
    """

    R: FloatArray
    t: FloatArray
    floor: float = 0.0
    wall: float = 6.0
    boxes: FloatArray | None = None

    def __post_init__(self) -> None:
        if np.shape(self.R) != (3, 3) or np.shape(self.t) != (3,):
            raise ValueError(f"R, t: expected shapes (3, 3) and (3,), got {np.shape(self.R)} and {np.shape(self.t)}")
        if self.boxes is not None and np.shape(self.boxes)[1:] != (2, 3):
            raise ValueError(f"boxes: expected shape (N, 2, 3), got {np.shape(self.boxes)}")

    def distances(self, rays: FloatArray) -> FloatArray:
        """Return how far along rays (..., 3) from the camera, in its frame, the room is; inf where it is not."""
        start, along = -self.R.T @ self.t, rays @ self.R
        heading = unit(self.R[2] * (1, 1, 0))
        planes = [_forward(self.floor - start[2], along[..., 2]), _forward(self.wall, along @ heading)]
        boxes = [] if self.boxes is None else [_box(low - start, high - start, along) for low, high in self.boxes]
        return np.asarray(np.min(planes + boxes, 0))


def render_depth(people: FloatArray, camera: Camera, room: Room | None = None, girth: float = 1.0) -> Image:
    """Return the exact depth image of people, in front of nothing or in a room.

    Bones are hulls of the spheres around their two joints, thicker in taller bodies; there are no hands and feet.

    Args:
        people: (P, 17, 3) H36M joints, metres, in the camera's optical frame; there may be none.
        camera: an ideal lens, with the width and height of the image.
        room: around them.
        girth: factor on the bodies' thickness, of clothes for instance.

    Returns:
        (H, W) metres along the optical axis; NaN where nothing is.

    Raises:
        ValueError: people of another shape, a lens with distortion, or a camera without a size.
    """
    people = np.asarray(people, np.float64)
    if people.ndim != 3 or people.shape[1:] != (17, 3):
        raise ValueError(f"people: expected shape (P, 17, 3), got {people.shape}")
    rays = _rays(camera)
    distance = np.full(rays.shape[:2], np.inf) if room is None else room.distances(rays)
    for person, radii in zip(people, girth * joint_radii(people), strict=True):
        for child, parent in enumerate(PARENTS):
            if parent >= 0:
                ends, radius = person[[parent, child]], radii[[parent, child]]
                part = _window(ends, radius, camera)
                distance[part] = np.minimum(distance[part], _bone(ends, radius, rays[part]))
    return np.where(np.isfinite(distance), distance * rays[..., 2], np.nan).astype(np.float32)


def joint_radii(people: FloatArray) -> FloatArray:
    """Return how far the surface is from the joints, (P, 17) m, of people (P, 17, 3): ``RADII`` grown with the body."""
    joints = [H36M17.index(name) for name in _GROWN]
    bones = people[:, joints] - people[:, [PARENTS[joint] for joint in joints]]
    grown = np.linalg.norm(bones, axis=-1).sum(1) / _GROWN_LENGTH
    radii = np.array([RADII[name.removeprefix("left_").removeprefix("right_")] for name in H36M17])
    return np.asarray(grown[:, None] * radii)


@dataclass(frozen=True)
class DepthCamera:
    """How a depth camera errs. At a depth of z its deviation is ``constant + linear z + quadratic z^2``.

    Attributes:
        constant: m.
        linear: m per m.
        quadratic: m per m^2.
        smooth: px, over which errors are alike; 0: each pixel's is its own.
        near: m, from where on it measures.
        far: m, up to where.
        flying: share of pixels at edges that are between both surfaces.
        lost: share of pixels at edges that are holes.
        unmatched: share of the image that is holes for no reason of geometry.
    """

    constant: float = 0.0
    linear: float = 0.0
    quadratic: float = 0.0
    smooth: float = 0.0
    near: float = 0.3
    far: float = 10.0
    flying: float = 0.3
    lost: float = 0.3
    unmatched: float = 0.0

    @classmethod
    def stereo(cls, baseline: float = 0.05, focal: float = 425.0, disparity: float = 0.08) -> "DepthCamera":
        """Return a stereo camera, by default one as robots have them at 848 x 480.

        Args:
            baseline: m, between its lenses.
            focal: px, of its own images.
            disparity: px, deviation of it there.
        """
        return cls(quadratic=disparity / (focal * baseline), smooth=1.5, lost=0.5, unmatched=0.02)

    @classmethod
    def time_of_flight(cls) -> "DepthCamera":
        """Return a time-of-flight camera: 1 cm and 0.2 % of the depth, up to 5.5 m."""
        return cls(constant=0.01, linear=0.002, far=5.5, flying=0.5, lost=0.2)

    def std(self, depth: npt.ArrayLike) -> FloatArray:
        """Return the deviations of depths, any shape, in metres."""
        depth = np.asarray(depth, np.float64)
        return np.asarray(self.constant + self.linear * depth + self.quadratic * depth**2)

    def measure(self, depth: Image, camera: Camera, rng: np.random.Generator) -> Image:
        """Return what it makes of an exact depth image: noise, flying pixels and holes.

        Args:
            depth: (H, W) metres, of ``render_depth``.
            camera: whose image it is.
            rng: source of the errors.

        Returns:
            (H, W) metres; NaN where it measures nothing.

        Raises:
            ValueError: an image of another size than the camera's.
        """
        if depth.shape != (camera.height, camera.width):
            raise ValueError(f"depth: expected shape {(camera.height, camera.width)}, got {depth.shape}")
        exact = depth.astype(np.float64)
        near = minimum_filter(np.where(np.isfinite(exact), exact, np.inf), 3)
        far = maximum_filter(np.where(np.isfinite(exact), exact, -np.inf), 3)
        edge = _edges(exact)
        measured = exact + self.std(exact) * _noise(exact.shape, self.smooth, rng)
        fate = np.where(edge, rng.random(exact.shape), 1)
        flying, hole = fate < self.flying, (fate >= self.flying) & (fate < self.flying + self.lost)
        measured = np.where(flying, near + rng.random(exact.shape) * np.where(edge, far - near, 0), measured)
        hole |= ~edge & (rng.random(exact.shape) < 1 - _facing(exact, _rays(camera)) / _GRAZING)
        if self.unmatched:
            patches = _noise(exact.shape, _PATCH, rng)
            hole |= patches > np.quantile(patches, 1 - self.unmatched)
        outside = ~((measured >= self.near) & (measured <= self.far))
        return np.where(hole | outside, np.nan, measured).astype(np.float32)


def _rays(camera: Camera) -> FloatArray:
    """Unit viewing directions (H, W, 3) of the pixels."""
    if camera.D.any() or camera.width <= 0 or camera.height <= 0:
        raise ValueError(
            f"camera: expected an ideal lens and a size, got D = {camera.D.tolist()}, {camera.width} x {camera.height}"
        )
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return camera.rays(np.stack([columns, rows], -1))


def _window(ends: FloatArray, radii: FloatArray, camera: Camera) -> tuple[slice, slice]:
    """Rows and columns of the image that a bone lies in."""
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    around = ends[:, None] + radii[:, None, None] * corners
    if (around[..., 2] < 0.01).all():
        return slice(0), slice(0)
    if (around[..., 2] < 0.01).any():
        return slice(None), slice(None)
    pixels = camera.project(around).reshape(-1, 2)
    (left, top), (right, bottom) = (
        np.clip(p, 0, (camera.width, camera.height)) for p in (pixels.min(0), pixels.max(0))
    )
    return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)


def _bone(ends: FloatArray, radii: FloatArray, rays: FloatArray) -> FloatArray:
    """Distances along rays (..., 3) from the origin to the hull of two spheres; inf where they miss it."""
    hits = [_sphere(centre, radius, rays) for centre, radius in zip(ends, radii, strict=True)]
    start, axis, taper = ends[0], ends[1] - ends[0], radii[0] - radii[1]
    slant2 = axis @ axis - taper**2
    if slant2 > 0:  # else one sphere is within the other
        # The cone that touches both: a quadratic equation, and the part of it between the circles where it does.
        along, across, away = rays @ axis, -rays @ start, -axis @ start
        a = slant2 - along**2
        b = slant2 * across - away * along + along * taper * radii[0]
        c = slant2 * (start @ start) - away**2 + 2 * away * taper * radii[0] - (axis @ axis) * radii[0] ** 2
        root = b**2 - a * c
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (-b - np.sqrt(root)) / a
            place = away - radii[0] * taper + distance * along
            hits.append(np.where((distance > 0) & (place > 0) & (place < slant2), distance, np.inf))
    return np.asarray(np.min(hits, 0))


def _sphere(centre: FloatArray, radius: float, rays: FloatArray) -> FloatArray:
    along = rays @ centre
    root = along**2 - centre @ centre + radius**2
    distance = along - np.sqrt(np.maximum(root, 0))
    return np.asarray(np.where((root > 0) & (distance > 0), distance, np.inf))


def _box(low: FloatArray, high: FloatArray, rays: FloatArray) -> FloatArray:
    """Distances along rays (..., 3) from the origin to a box; inf where they miss it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = low / rays, high / rays
    enter, leave = np.fmin(first, second).max(-1), np.fmax(first, second).min(-1)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def _forward(offset: float, speed: FloatArray) -> FloatArray:
    """When ``offset`` is reached at that speed; inf where it never is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = offset / speed
    return np.where(distance > 0, distance, np.inf)


def _noise(shape: tuple[int, ...], smooth: float, rng: np.random.Generator) -> FloatArray:
    """Standard normal numbers, alike over ``smooth`` px."""
    white = rng.normal(0, 1, shape)
    return np.asarray(gaussian_filter(white, smooth, mode="wrap") * 2 * np.sqrt(np.pi) * smooth if smooth else white)


def _edges(depth: FloatArray) -> npt.NDArray[np.bool_]:
    """Which pixels (H, W) have a neighbour on another surface: across one plane, 1 / z is linear in the image."""
    inverse = np.pad(np.nan_to_num(1 / depth), 1, mode="edge")
    bend = np.maximum(np.abs(np.diff(inverse, 2, 0))[:, 1:-1], np.abs(np.diff(inverse, 2, 1))[1:-1])
    return np.asarray(bend * depth > _EDGE)  # False where nothing is


def _facing(depth: FloatArray, rays: FloatArray) -> FloatArray:
    """Cosine (H, W) of the incidence of the viewing rays on the surfaces; 1 where nothing is or beside it."""
    points = rays * (depth / rays[..., 2])[..., None]
    normal = unit(np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0)))
    return np.asarray(np.nan_to_num(np.abs((normal * rays).sum(-1)), nan=1.0))
