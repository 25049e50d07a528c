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

"""Joints in 3D from several calibrated cameras' 2D.

A joint is where the lines of sight to it pass each other closest: weighted by the detector's scores, with Huber
weights, and without a camera that looks elsewhere. Distances are metres at the joint, not pixels: what detectors take
for a joint differs by centimetres of the body, whatever the image's size and however far the camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.markerless.multiview import PlacedCamera

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

USUAL_MISS = 0.02
"""Metres by which a line of sight usually passes the joint at most; Huber weights begin here."""
GROSS_MISS = 0.06
"""Metres from which on the camera looks at something else: the other leg, another person."""
LEAST_ANGLE = np.radians(5)
"""Between two lines of sight, below which they do not tell how far away the joint is."""

_ROUNDS = 6  # of reweighting; the points move by less than 0.1 mm afterwards


@dataclass(frozen=True)
class Triangulated:
    """Joints in 3D, T frames of J.

    Attributes:
        points: (T, J, 3) metres in the world; NaN where not known.
        used: (C, T, J) whether the camera counted.
        error_px: (C, T, J) px between a camera's 2D and the point in its image; NaN where one of them is missing.
    """

    points: FloatArray
    used: BoolArray
    error_px: FloatArray

    @property
    def views(self) -> npt.NDArray[np.int64]:
        """(T, J) cameras that counted; 0 where the point is not known."""
        return np.asarray(self.used.sum(0), np.int64)

    @property
    def rms_px(self) -> FloatArray:
        """(T, J) px, root mean square over the cameras that counted; NaN where the point is not known."""
        total = np.where(self.used, self.error_px, 0) ** 2
        return np.asarray(np.where(self.views > 0, np.sqrt(total.sum(0) / np.maximum(self.views, 1)), np.nan))


@dataclass(frozen=True)
class Sights:
    """Lines of sight of C cameras to N joints, in the world.

    Attributes:
        centres: (C, 3) metres, where they begin.
        directions: (C, N, 3) unit vectors.
        weights: (C, N) inverse variance up to a factor; 0 where not seen.
    """

    centres: FloatArray
    directions: FloatArray
    weights: FloatArray

    def misses(self, points: FloatArray) -> FloatArray:
        """Return by how many metres the lines pass points (N, 3), as (C, N); a point behind the camera, by all."""
        offset = points - self.centres[:, None]
        along = (offset * self.directions).sum(-1)
        aside = np.linalg.norm(offset - along[..., None] * self.directions, axis=-1)
        return np.asarray(np.where(along > 0, aside, np.linalg.norm(offset, axis=-1) + GROSS_MISS))


def triangulate(
    cameras: Sequence[PlacedCamera], keypoints: FloatArray, scores: FloatArray, reject: bool = True
) -> Triangulated:
    """Return where the joints are that cameras saw.

    A point is not known where fewer than two cameras count, where their lines of sight are within ``LEAST_ANGLE``, or
    where those that are left disagree by ``GROSS_MISS``. Score 0 leaves a camera out, which is how truth that is
    independent of a camera is made.

    Args:
        cameras: C of them.
        keypoints: (C, T, J, 2) px in the raw images.
        scores: (C, T, J); 0 where not detected, above 1 counts as 1.
        reject: leave out cameras that look elsewhere, and points on which the others disagree. Otherwise all count.
    """
    sights = lines_of_sight(cameras, keypoints, scores)
    used: BoolArray = np.asarray(sights.weights > 0)
    points = closest(sights, used)
    if reject:
        points, used = _without_outliers(sights, points, used)
        used = used & ~np.any(used & (sights.misses(points) > GROSS_MISS), axis=0)
    used = used & _well_placed(sights, used)
    points = np.where(np.asarray(used.any(0))[:, None], points, np.nan).reshape(*keypoints.shape[1:3], 3)
    seen = [c.lens.project(c.see(points)) - pixels for c, pixels in zip(cameras, keypoints, strict=True)]
    error = np.where(scores > 0, np.linalg.norm(seen, axis=-1), np.nan)
    return Triangulated(points, used.reshape(scores.shape), error)


def lines_of_sight(cameras: Sequence[PlacedCamera], keypoints: FloatArray, scores: FloatArray) -> Sights:
    """Return the lines of sight to joints (C, T, J, 2) with scores (C, T, J); N = T J."""
    count = scores[0].size
    pixels = keypoints.reshape(len(cameras), count, 2)
    rays = np.stack([camera.lens.rays(seen) @ camera.rotation for camera, seen in zip(cameras, pixels, strict=True)])
    known = np.asarray(np.isfinite(rays).all(-1))
    weights = np.where(known, scores.reshape(len(cameras), count).clip(0, 1), 0)
    return Sights(np.stack([camera.centre for camera in cameras]), np.where(known[..., None], rays, 0), weights)


def huber(miss: FloatArray) -> FloatArray:
    """Return the weights of misses in metres: 1 up to ``USUAL_MISS``, then falling."""
    return USUAL_MISS / np.maximum(miss, USUAL_MISS)


def closest(sights: Sights, used: BoolArray) -> FloatArray:
    """Return the points (N, 3) that the lines pass closest; anywhere where the lines do not tell.

    Args:
        sights: of C cameras.
        used: (C, N) which of them count.
    """
    weights = np.where(used, sights.weights, 0)
    again = weights
    for _ in range(_ROUNDS):
        matrix = _normal_matrix(sights.directions, again)
        nearest = sights.centres[:, None] - sights.directions * (sights.directions @ sights.centres[..., None])
        total = (again[..., None] * nearest).sum(0)
        matrix += 1e-9 * (1 + np.trace(matrix, axis1=-2, axis2=-1))[:, None, None] * np.eye(3)
        points = np.linalg.solve(matrix, total[..., None])[..., 0]
        again = weights * huber(sights.misses(points))
    return np.asarray(points)


def _without_outliers(sights: Sights, points: FloatArray, used: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Leave out, one after the other, the camera without which the others agree best; two are always left."""
    points, used = points.copy(), used.copy()
    for _ in range(len(sights.centres) - 2):
        miss = np.where(used, sights.misses(points), 0)
        doubtful = np.flatnonzero((miss.max(0) > GROSS_MISS) & (used.sum(0) > 2))
        if not doubtful.size:
            break
        part = Sights(sights.centres, sights.directions[:, doubtful], sights.weights[:, doubtful])
        left, lines = used[:, doubtful], np.arange(len(sights.centres))[:, None]
        trials = [(closest(part, kept), kept) for kept in (left & (lines != camera) for camera in range(len(left)))]
        # Leaving out a camera that did not count leaves the doubt, and is never the best.
        worst = np.stack([np.where(kept, part.misses(found), 0).max(0) for found, kept in trials])
        best = np.where(left, worst, np.inf).argmin(0)
        rows = np.arange(len(doubtful))
        points[doubtful] = np.stack([found for found, _ in trials])[best, rows]
        used[best, doubtful] = False
    return points, used


def _well_placed(sights: Sights, used: BoolArray) -> BoolArray:
    """Whether the lines of sight (N,) are far enough from parallel; two with equal weights: ``LEAST_ANGLE`` apart."""
    weights = used.astype(np.float64)
    least = np.linalg.eigvalsh(_normal_matrix(sights.directions, weights))[:, 0]
    return np.asarray((used.sum(0) >= 2) & (least >= 1 - np.cos(LEAST_ANGLE)))


def _normal_matrix(directions: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum over cameras of the projections (N, 3, 3) across the lines."""
    along = np.einsum("cn,cni,cnj->nij", weights, directions, directions)
    return np.asarray(weights.sum(0)[:, None, None] * np.eye(3) - along)
