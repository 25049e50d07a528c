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

"""One camera: pixels to viewing rays and back, and where in space a pose stands.

Frame: the optical frame of REP-103, x right, y down, z forward. Lens models as in
``sensor_msgs/CameraInfo``.
"""

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

LENS_MODELS = {
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 8, 12, 14),
    "equidistant": (0, 4),
}
"""Lens models and the numbers of distortion coefficients each may have (0: an ideal lens)."""

_POLYNOMIALS = ("plumb_bob", "rational_polynomial")  # one model, of fewer and of more coefficients
_OTHER_NAMES = {
    "": "plumb_bob",
    "radtan": "plumb_bob",
    "brown_conrady": "plumb_bob",
    "fisheye": "equidistant",
    "kannala_brandt": "equidistant",
    "kannala_brandt4": "equidistant",
}
_IDEAL = ("none", "pinhole")

GUESSED_FIELD_OF_VIEW = 60.0
"""Degrees across the longer side of the image: between webcams (60 to 78) and telephones (60 to 70 in video)."""

_LARGEST = 1e9  # px: beyond, no ray has a direction
_MAX_ROUND_TRIP = 1.0  # px
_REFINEMENTS = 10


class Camera:
    """Intrinsics and distortion of one camera.

    Args:
        K: (3, 3) or 9 numbers row-major, the intrinsic matrix in pixels.
        D: distortion coefficients; empty for an ideal lens. (All zero too, but not of ``equidistant``.)
        model: a key of ``LENS_MODELS``, or what drivers and tools call these: "" and ``radtan`` are ``plumb_bob``,
            ``fisheye`` and ``kannala_brandt4`` are ``equidistant``, ``none`` and ``pinhole`` are ideal lenses.
            ``plumb_bob`` with 8 coefficients and more is ``rational_polynomial``.
        width, height: of the image in pixels; 0 where unknown.

    Raises:
        ValueError: an uncalibrated camera (K[0] = 0), or numbers that no camera has.
    """

    def __init__(
        self, K: npt.ArrayLike, D: npt.ArrayLike = (), model: str = "plumb_bob", width: int = 0, height: int = 0
    ) -> None:
        matrix, distortion = np.asarray(K, np.float64), np.asarray(D, np.float64).ravel()
        if matrix.size != 9:
            raise ValueError(f"K: expected 3x3 or 9 numbers, got shape {matrix.shape}")
        matrix = matrix.reshape(3, 3)
        if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
            raise ValueError(
                f"the camera is not calibrated: K[0] = {matrix[0, 0]:g}, K[4] = {matrix[1, 1]:g}, expected focal "
                "lengths above 0. Calibrate it (camera_calibration) and publish the result as CameraInfo"
            )
        if np.abs(matrix).max() > _LARGEST:
            raise ValueError(f"K: expected numbers up to {_LARGEST:g} px, got {np.abs(matrix).max():g}")
        self.K = matrix
        self.model, self.D = _lens(model, distortion)
        self.width, self.height = int(width), int(height)

    @classmethod
    def from_fov(cls, hfov: float, width: int, height: int) -> "Camera":
        """Return an ideal camera with a horizontal field of view of ``hfov`` radians, centred."""
        return cls.from_focal(float(width / 2 / np.tan(hfov / 2)), width, height)

    @classmethod
    def from_focal(cls, focal: float, width: int, height: int) -> "Camera":
        """Return an ideal camera with a focal length of ``focal`` pixels, centred."""
        return cls([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]], width=width, height=height)

    @classmethod
    def guess(cls, width: int, height: int) -> "Camera":
        """Return an ideal camera with ``GUESSED_FIELD_OF_VIEW`` across the longer side of its image."""
        half = np.deg2rad(GUESSED_FIELD_OF_VIEW) / 2
        return cls.from_focal(float(max(width, height) / 2 / np.tan(half)), width, height)

    @property
    def hfov(self) -> float:
        """Return the horizontal field of view in radians, without distortion."""
        return float(2 * np.arctan(self.width / 2 / self.K[0, 0]))

    def rays(self, pixels: npt.ArrayLike) -> FloatArray:
        """Return unit viewing directions (..., 3) of pixels (..., 2).

        NaN for pixels that are not finite, and for those that the lens model does not reach.
        """
        pixels = np.asarray(pixels, np.float64)
        flat = pixels.reshape(-1, 2)
        usable = np.isfinite(flat).all(1) & (np.abs(flat) < 1e6).all(1)
        rays = np.full((len(flat), 3), np.nan)
        if usable.any():
            rays[usable] = self._undistort(flat[usable])
        if self.D.size:
            # The distortion polynomials fold over far outside of the image; a round trip shows it.
            error = np.linalg.norm(self.project(rays) - flat, axis=1)
            rays[~(error < _MAX_ROUND_TRIP)] = np.nan
        return rays.reshape(*pixels.shape[:-1], 3)

    def project(self, points: npt.ArrayLike) -> FloatArray:
        """Return pixels (..., 2) of points (..., 3) in the camera frame; NaN behind the camera."""
        points = np.asarray(points, np.float64)
        flat = points.reshape(-1, 3)
        visible = np.isfinite(flat).all(1) & (flat[:, 2] > 1e-6)
        pixels = np.full((len(flat), 2), np.nan)
        if visible.any():
            pixels[visible] = self._distort(flat[visible])
        return pixels.reshape(*points.shape[:-1], 2)

    @property
    def _fisheye(self) -> bool:
        return self.model == "equidistant" and self.D.size > 0

    @property
    def _ideal(self) -> bool:
        return not self.D.any() and not self._fisheye

    def _distort(self, points: FloatArray) -> FloatArray:
        if self._ideal:
            pixels = (points / points[:, 2:]) @ self.K[:2].T
            return np.asarray(pixels, np.float64)
        import cv2  # which takes longer to load than all that ideal cameras need

        source, zero = points[:, None], np.zeros(3)
        if self._fisheye:
            return np.asarray(cv2.fisheye.projectPoints(source, zero, zero, self.K, self.D)[0].reshape(-1, 2))
        pixels = np.asarray(cv2.projectPoints(source, zero, zero, self.K, self.D)[0].reshape(-1, 2))
        pixels[:, 0] += self.K[0, 1] / self.K[1, 1] * (pixels[:, 1] - self.K[1, 2])  # OpenCV's model has no skew
        return pixels

    def _undistort(self, pixels: FloatArray) -> FloatArray:
        if self._ideal:
            focal, centre = self.K[[0, 1], [0, 1]], self.K[:2, 2]
            xy = (pixels - centre) / focal
            xy[:, 0] -= self.K[0, 1] / focal[0] * xy[:, 1]
            return unit(_homogeneous(xy))
        import cv2

        if self._fisheye:
            xy = np.asarray(cv2.fisheye.undistortPoints(pixels[:, None], self.K, self.D)[:, 0], np.float64)
        else:
            # OpenCV stops after five rounds; which call takes more of them depends on its version.
            xy = np.asarray(cv2.undistortPoints(pixels[:, None], self.K, self.D)[:, 0], np.float64)
            for _ in range(_REFINEMENTS):
                xy += (pixels - self.project(_homogeneous(xy))) / self.K[[0, 1], [0, 1]]
        return unit(_homogeneous(xy))


def _lens(name: str, D: FloatArray) -> tuple[str, FloatArray]:
    """Return the key of ``LENS_MODELS`` and the coefficients that a lens' name and coefficients mean."""
    model = name.strip().lower()
    model = _OTHER_NAMES.get(model, model)
    if model in _IDEAL:
        if D.any():
            raise ValueError(f"D of a lens without distortion ({name}): expected zeros or nothing, got {D.tolist()}")
        return "plumb_bob", D[:0]
    if model in _POLYNOMIALS:
        model = _POLYNOMIALS[int(D.size > max(LENS_MODELS["plumb_bob"]))]
    if model not in LENS_MODELS:
        known = ", ".join(filter(None, (*LENS_MODELS, *_OTHER_NAMES, *_IDEAL)))
        raise ValueError(f"unknown lens model {name!r}: expected one of {known}")
    if D.size not in LENS_MODELS[model] or not np.isfinite(D).all():
        expected = " or ".join(map(str, LENS_MODELS[model]))
        raise ValueError(f"D of {model}: expected {expected} finite coefficients, got {D.tolist()}")
    return (model, D) if D.size else ("plumb_bob", D)


def _homogeneous(xy: FloatArray) -> FloatArray:
    return np.concatenate([xy, np.ones((len(xy), 1))], 1)
