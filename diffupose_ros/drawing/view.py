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

"""Looking at the scene: from the camera's optical frame to the plane of a picture. Pure geometry.

Scene frame of the pictures: x right, y forward (depth), z up, in metres, origin at the camera, which is
taken to be level. Views are parallel projections: a metre is a metre everywhere, and the outline of
an ellipsoid is exactly an ellipse.
"""

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.uncertainty import radius2

FloatArray = npt.NDArray[np.floating]

SCENE_FROM_OPTICAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
RADIUS_90 = float(radius2(0.9)) ** 0.5
"""Mahalanobis radius of the ellipsoid in 3D that holds 90 % of a normal distribution."""
FROM_THE_SIDE = np.array([[0.0, 1, 0], [0, 0, 1]])
FROM_ABOVE = np.array([[0.0, 1, 0], [-1, 0, 0]])
"""Forward to the right and left up, as maps of robots are drawn."""
_TURN = np.linspace(0, 2 * np.pi, 33)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)])  # (2, K)


def to_scene(points: npt.ArrayLike) -> FloatArray:
    """Return points (..., 3) of the optical frame in the scene frame."""
    return np.asarray(np.asarray(points, np.float64) @ SCENE_FROM_OPTICAL.T)


def covariance_to_scene(covariance: npt.ArrayLike) -> FloatArray:
    """Return covariances (..., 3, 3) of the optical frame in the scene frame."""
    return np.asarray(SCENE_FROM_OPTICAL @ np.asarray(covariance, np.float64) @ SCENE_FROM_OPTICAL.T)


def oblique(azimuth: float, elevation: float) -> FloatArray:
    """Return the view (2, 3) of someone who stands behind the camera.

    Args:
        azimuth: radians; 0 looks along the camera's axis, positive from the camera's left.
        elevation: radians above the horizon.

    Returns:
        Rows: picture right, picture up.
    """
    c, s = np.cos(azimuth), np.sin(azimuth)
    right = np.array([c, -s, 0])
    up = np.array([s * np.sin(elevation), c * np.sin(elevation), np.cos(elevation)])
    return np.stack([right, up])


def outlines(centre: FloatArray, covariance: FloatArray, view: FloatArray) -> FloatArray:
    """Return the outlines of the 90 % ellipsoids: (n, K, 2).

    Args:
        centre: (n, 3) metres in the scene frame.
        covariance: (n, 3, 3) m^2.
        view: (2, 3).
    """
    half = _root(view @ covariance @ view.T)  # (n, 2, 2)
    return np.asarray((centre @ view.T)[:, None] + RADIUS_90 * np.swapaxes(half @ _CIRCLE, 1, 2))


def rings(centre: FloatArray, covariance: FloatArray, view: FloatArray) -> FloatArray:
    """Return the three principal ellipses (n * 3, K, 2) of each 90 % ellipsoid: its wireframe."""
    values, axes = np.linalg.eigh(covariance)
    axes = axes * np.sqrt(np.maximum(values, 0))[..., None, :]  # (n, 3, 3) columns
    pairs = np.stack([axes[..., [0, 1]], axes[..., [1, 2]], axes[..., [0, 2]]], 1)  # (n, 3, 3, 2)
    curves = np.swapaxes(view @ pairs @ _CIRCLE, -1, -2) * RADIUS_90  # (n, 3, K, 2)
    curves = curves + (centre @ view.T)[:, None, None]
    return np.asarray(curves.reshape(-1, *curves.shape[2:]))


def _root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2))
