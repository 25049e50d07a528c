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

"""Camera poses that agree on the people: a bundle adjustment on what a detector saw.

What is minimised are the distances of the lines of sight from the joints, in metres as in ``triangulation``, with
Huber weights. The first camera stays, and so does the mean distance of the others from it, which the people cannot
tell. A prior holds the poses near where they were given in whatever else the people hardly tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.data.markerless.multiview import PlacedCamera
from diffupose_ros.data.markerless.triangulation import USUAL_MISS, huber, lines_of_sight, triangulate

FloatArray = npt.NDArray[np.float64]

PRIOR_TURN = np.radians(1)
PRIOR_MOVE = 0.03
"""How far off given poses usually are: radians, metres."""
INDEPENDENT = 50
"""Joints in a camera as which all that it saw counts against the prior. A detector errs alike from frame to frame;
poses that were fitted to each of them would follow its errors."""
FAR_OFF = 0.3
"""Metres by which lines of sight miss the joints in the median, from which on the poses are wrong, not inaccurate."""
ROUNDS = 4
"""Each sorts out anew which camera looks elsewhere, with the poses of the one before."""

_MAX_JOINTS = 6000
_STEPS = 20
_ENOUGH = 1e-5  # relative decrease of the cost


@dataclass(frozen=True)
class Refined:
    """Refined cameras, and how they came to be.

    Attributes:
        cameras: C, in order.
        before_px, after_px: (C,) median distance of the 2D from the triangulated joints.
        moved: (C,) metres, of the camera's centre.
        turned: (C,) radians.
    """

    cameras: tuple[PlacedCamera, ...]
    before_px: FloatArray
    after_px: FloatArray
    moved: FloatArray
    turned: FloatArray


def refine(
    cameras: Sequence[PlacedCamera],
    keypoints: FloatArray,
    scores: FloatArray,
    advance: Callable[[], object] = lambda: None,
) -> Refined:
    """Return cameras whose lines of sight meet at the joints.

    Args:
        cameras: C, within some centimetres and degrees of where they are.
        keypoints: (C, T, J, 2) px in the raw images.
        scores: (C, T, J); 0 where not detected.
        advance: called after each of ``ROUNDS``.

    Raises:
        ValueError: they are too far off, or no two of them see the same joints.
    """
    chosen = _some(scores)
    pixels = keypoints.reshape(len(cameras), -1, 1, 2)[:, chosen]
    weights = scores.reshape(len(cameras), -1, 1)[:, chosen]
    check_agreement(cameras, pixels, weights)
    found = tuple(cameras)
    for number in range(ROUNDS):
        joints = triangulate(found, pixels, weights, reject=number > 0)
        known = joints.views[:, 0] >= 2
        if known.any():
            counts = np.where(joints.used, weights, 0)[:, known, 0]
            bundle = _Bundle(cameras, found, pixels[:, known, 0], counts.clip(0, 1), joints.points[known, 0])
            found = _scaled(bundle.solve(), cameras)
        advance()
    pairs = list(zip(cameras, found, strict=True))
    return Refined(
        found,
        disagreement_px(cameras, pixels, weights),
        disagreement_px(found, pixels, weights),
        np.array([np.linalg.norm(new.centre - old.centre) for old, new in pairs]),
        np.array([Rotation.from_matrix(new.rotation @ old.rotation.T).magnitude() for old, new in pairs]),
    )


def check_agreement(cameras: Sequence[PlacedCamera], keypoints: FloatArray, scores: FloatArray) -> None:
    """Check that cameras see the same person.

    Raises:
        ValueError: they do not; names the camera that is furthest off.
    """
    sights = lines_of_sight(cameras, keypoints, scores)
    joints = triangulate(cameras, keypoints, scores, reject=False)
    known = joints.views.ravel() >= 2
    if not known.any():
        raise ValueError(
            "no joint is seen by two cameras whose lines of sight are 5 degrees apart: expected cameras that see the "
            "person from different sides at the same time"
        )
    miss = np.where(sights.weights > 0, sights.misses(joints.points.reshape(-1, 3)), np.nan)[:, known]
    typical = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0 for row in miss])
    if typical.max() > FAR_OFF:
        worst = cameras[int(typical.argmax())].name
        raise ValueError(
            f"the cameras disagree: the lines of sight of camera {worst} miss the joints by {typical.max():.1f} m in "
            "the median, expected centimetres. Are rotation and translation from the world to the camera, in metres, "
            "the calibrations of these cameras, and the frames of the same moments?"
        )


def disagreement_px(cameras: Sequence[PlacedCamera], keypoints: FloatArray, scores: FloatArray) -> FloatArray:
    """Return the median distances (C,) in px of each camera's 2D from the triangulated joints; NaN where none is."""
    error = triangulate(cameras, keypoints, scores).error_px.reshape(len(cameras), -1)
    return np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in error])


def _some(scores: FloatArray) -> npt.NDArray[np.int64]:
    """Joints that two cameras see, at most ``_MAX_JOINTS``, evenly over the recording."""
    seen = np.flatnonzero((scores > 0).sum(0).ravel() >= 2)
    return np.asarray(seen[np.unique(np.linspace(0, len(seen) - 1, min(len(seen), _MAX_JOINTS)).astype(int))])


def _scaled(cameras: Sequence[PlacedCamera], given: Sequence[PlacedCamera]) -> tuple[PlacedCamera, ...]:
    """Cameras whose mean distance from the first is as it was given."""
    first = given[0].centre
    before, after = (np.mean([np.linalg.norm(c.centre - first) for c in those]) for those in (given, cameras))
    return tuple(_placed(c, c.rotation, first + (c.centre - first) * before / after) for c in cameras)


def _placed(camera: PlacedCamera, rotation: FloatArray, centre: FloatArray) -> PlacedCamera:
    return replace(camera, rotation=rotation, translation=-rotation @ centre)


class _Bundle:
    """Levenberg's and Marquardt's method on all cameras but the first and N joints; the joints are eliminated.

    Args:
        given: cameras, of the prior.
        start: cameras to begin with.
        pixels: (C, N, 2).
        weights: (C, N); 0 where the camera does not count.
        points: (N, 3) metres in the world.
    """

    def __init__(
        self,
        given: Sequence[PlacedCamera],
        start: Sequence[PlacedCamera],
        pixels: FloatArray,
        weights: FloatArray,
        points: FloatArray,
    ) -> None:
        self._given, self._cameras, self._points = given, tuple(start), points
        self._weights = weights * min(1, INDEPENDENT * len(start) / max(weights.sum(), 1e-9))
        rays = np.stack([camera.lens.rays(seen) for camera, seen in zip(start, pixels, strict=True)])
        self._rays = np.where(weights[..., None] > 0, rays, (0, 0, 1))
        self._across = _plane(self._rays)
        # Depths as they were: a line's miss in metres must not fall because everything shrinks.
        self._depths = np.maximum((self._seen(self._cameras, points) * self._rays).sum(-1), 0.1)

    def solve(self) -> tuple[PlacedCamera, ...]:
        """Return the cameras at the minimum."""
        damping, cost = 1e-3, self._cost(self._cameras, self._points)
        for _ in range(_STEPS):
            cameras, points = self._step(damping)
            now = self._cost(cameras, points)
            if now < cost:
                self._cameras, self._points, damping = cameras, points, damping / 10
                if cost - now < _ENOUGH * cost:
                    break
                cost = now
            else:
                damping *= 10
        return self._cameras

    def _seen(self, cameras: Sequence[PlacedCamera], points: FloatArray) -> FloatArray:
        return np.stack([camera.see(points) for camera in cameras])

    def _misses(self, seen: FloatArray) -> FloatArray:
        """(C, N, 2) metres by which points in the cameras' frames (C, N, 3) are beside the lines of sight."""
        along = np.maximum((seen * self._rays).sum(-1), 1e-3)
        return np.asarray((self._across @ seen[..., None])[..., 0] * (self._depths / along)[..., None])

    def _cost(self, cameras: Sequence[PlacedCamera], points: FloatArray) -> float:
        miss = np.linalg.norm(self._misses(self._seen(cameras, points)), axis=-1)
        losses = np.where(miss < USUAL_MISS, miss**2, USUAL_MISS * (2 * miss - USUAL_MISS)) / USUAL_MISS**2
        drift = sum((self._drift(index, camera) ** 2).sum() for index, camera in enumerate(cameras))
        return float((self._weights * losses).sum() + drift)

    def _drift(self, index: int, camera: PlacedCamera) -> FloatArray:
        """(6,) how far a camera is from where it was given, in the prior's deviations: turn, move."""
        given = self._given[index]
        turn = Rotation.from_matrix(camera.rotation @ given.rotation.T).as_rotvec()
        return np.concatenate([turn / PRIOR_TURN, (camera.centre - given.centre) / PRIOR_MOVE])

    def _step(self, damping: float) -> tuple[tuple[PlacedCamera, ...], FloatArray]:
        """One Gauss-Newton step with the normal equations' diagonal raised."""
        size = 6 * (len(self._cameras) - 1)
        seen = self._seen(self._cameras, self._points)
        miss = self._misses(seen)
        weights = self._weights * huber(np.linalg.norm(miss, axis=-1)) / USUAL_MISS**2
        along = np.maximum((seen * self._rays).sum(-1), 1e-3)[..., None, None]
        slope = (self._across * self._depths[..., None, None] - miss[..., None] * self._rays[..., None, :]) / along
        of_points, to_points = np.zeros((len(self._points), 3, 3)), np.zeros((len(self._points), 3))
        of_cameras, to_cameras = np.zeros((size, size)), np.zeros(size)
        mixed = np.zeros((len(self._points), size, 3))
        for c, camera in enumerate(self._cameras):
            by_point = slope[c] @ camera.rotation
            weighted = by_point * weights[c][:, None, None]
            of_points += by_point.transpose(0, 2, 1) @ weighted
            to_points += (weighted * miss[c][..., None]).sum(1)
            if c == 0:
                continue
            rows = slice(6 * c - 6, 6 * c)
            by_camera = np.concatenate([-slope[c] @ _cross_matrices(seen[c]), -by_point], -1)
            of_cameras[rows, rows] = np.einsum("n,nki,nkj->ij", weights[c], by_camera, by_camera)
            to_cameras[rows] = np.einsum("n,nki,nk->i", weights[c], by_camera, miss[c])
            mixed[:, rows] = by_camera.transpose(0, 2, 1) @ weighted
            certainty = np.repeat([1 / PRIOR_TURN, 1 / PRIOR_MOVE], 3)
            of_cameras[rows, rows] += np.diag(certainty**2)
            to_cameras[rows] += certainty * self._drift(c, camera)
        of_points += (damping * np.trace(of_points, axis1=1, axis2=2) / 3 + 1e-9)[:, None, None] * np.eye(3)
        of_cameras += damping * np.diag(of_cameras.diagonal())
        carried = mixed @ np.linalg.inv(of_points)
        reduced = of_cameras - np.einsum("nik,njk->ij", carried, mixed)
        change = -np.linalg.solve(reduced, to_cameras - np.einsum("nik,nk->i", carried, to_points))
        rest = to_points + np.einsum("nik,i->nk", mixed, change)
        points = self._points - np.linalg.solve(of_points, rest[..., None])[..., 0]
        return (self._cameras[0], *map(_changed, self._cameras[1:], change.reshape(-1, 6))), points


def _changed(camera: PlacedCamera, change: FloatArray) -> PlacedCamera:
    rotation = Rotation.from_rotvec(change[:3]).as_matrix() @ camera.rotation
    return _placed(camera, rotation, camera.centre + change[3:])


def _plane(rays: FloatArray) -> FloatArray:
    """Two unit vectors (..., 2, 3) across each ray (..., 3) and each other."""
    aside = np.eye(3)[np.abs(rays).argmin(-1)]
    first = np.cross(rays, aside)
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    return np.stack([first, np.cross(rays, first)], -2)


def _cross_matrices(vectors: FloatArray) -> FloatArray:
    """Matrices (..., 3, 3) that multiply as the vectors' cross products do."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return np.stack(rows, -2)
