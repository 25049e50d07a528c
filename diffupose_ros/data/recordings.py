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

"""Recordings of real people: a real detector's 2D in several cameras, and where the joints were in 3D.

One .npz file is one person, seen by C calibrated cameras in T frames. docs/recordings.md documents the file.
"""

import os
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.files import load_arrays
from diffupose_ros.skeleton import layout_joints

FloatArray = npt.NDArray[np.float64]

JOINTS = tuple(
    f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in ("left", "right")
)
"""The joints that the truth of every recording is of; it may know more."""

_SHAPES: dict[str, tuple[str | int, ...]] = {
    "keypoints": ("C", "T", "J", 2),
    "scores": ("C", "T", "J"),
    "K": ("C", 3, 3),
    "D": ("C", "coefficients"),
    "R": ("C", 3, 3),
    "t": ("C", 3),
    "size": ("C", 2),
    "gt_world": ("T", "G", 3),
    "gt_camera": ("C", "T", "G", 3),
    "gt_raw": ("T", "G", 3),
    "loo_camera": ("C", "T", "G", 3),
    "gt_views": ("T", "G"),
    "gt_rms_px": ("T", "G"),
    "world_landmarks": ("C", "T", 33, 3),
}
_OF_CAMERAS = ("K", "D", "R", "t", "size")
_WHOLE = {"size": np.int64, "gt_views": np.int64}
_SINGLE = ("keypoints", "scores", "gt_world", "gt_camera", "gt_raw", "loo_camera", "gt_rms_px", "world_landmarks")
_SAME = 0.01  # m, up to which gt_camera and gt_world say the same
_FAR_OFF = 0.5  # m at the joint's distance: the 2D of no detector is that far off in the median


@dataclass(frozen=True)
class Recording:
    """One person in T frames, as C cameras and a 2D detector of J joints saw it, and the truth of G joints.

    The cameras stand still. A camera's frame is its optical frame (REP-103): x right, y down, z forward. Metres.

    Attributes:
        keypoints: (C, T, J, 2) px in the distorted images; NaN where not detected.
        scores: (C, T, J) the detector's own; 0 where not detected.
        layout: joint order, a key of ``skeleton.LAYOUTS``.
        detector: what made the 2D; its first word names it.
        rate: Hz.
        K: (C, 3, 3) px.
        D: (C, 4 or 5) distortion coefficients of ``plumb_bob``, (C, 8 and more) of ``rational_polynomial``, or (C, 0).
        R: (C, 3, 3) from the world's axes to the camera's.
        t: (C, 3) the world's origin in the camera's frame.
        size: (C, 2) px, width and height.
        gt_names: of the G joints; ``JOINTS`` among them.
        gt_world: (T, G, 3) in the world; NaN where not known, as everywhere below.
        gt_camera: (C, T, G, 3) the same in each camera's frame.
        gt_raw: (T, G, 3) in the world, before any low pass.
        loo_camera: (C, T, G, 3) truth from the other cameras only, in the camera's frame.
        gt_views: (T, G) from how many cameras.
        gt_rms_px: (T, G) px, what is left of them.
        world_landmarks: (C, T, 33, 3) MediaPipe's own 3D, relative to the middle of the hips, where it made the 2D.
        source: where the recording is from.
        licence: under which.

    Raises:
        ValueError: arrays that do not fit each other, numbers that no camera has, no truth, or cameras that disagree
            with it; says what was expected.
    """

    keypoints: FloatArray
    scores: FloatArray
    layout: str
    detector: str
    rate: float
    K: FloatArray
    D: FloatArray
    R: FloatArray
    t: FloatArray
    size: npt.NDArray[np.int64]
    gt_names: tuple[str, ...]
    gt_world: FloatArray
    gt_camera: FloatArray
    gt_raw: FloatArray | None = None
    loo_camera: FloatArray | None = None
    gt_views: npt.NDArray[np.int64] | None = None
    gt_rms_px: FloatArray | None = None
    world_landmarks: FloatArray | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_numbers(self)
        _check_truth(self)
        _check_agreement(self)

    @property
    def cameras(self) -> int:
        """C."""
        return len(self.K)

    def camera(self, index: int) -> Camera:
        """Return the lens of one of the cameras."""
        model = "rational_polynomial" if self.D.shape[1] >= 8 else "plumb_bob"
        width, height = self.size[index]
        return Camera(self.K[index], self.D[index], model, int(width), int(height))

    def truth(self, camera: int, leave_one_out: bool = False) -> FloatArray:
        """Return where ``JOINTS`` were, (T, 12, 3) metres in a camera's frame; NaN where not known.

        Args:
            camera: whose frame.
            leave_one_out: as the other cameras alone tell: independent of the errors of this camera's own 2D.

        Raises:
            ValueError: the other cameras alone tell nothing.
        """
        order = [self.gt_names.index(name) for name in JOINTS]
        if not leave_one_out:
            return np.asarray(self.gt_camera[camera][:, order], np.float64)
        if self.cameras < 2:
            raise ValueError("truth from the other cameras only: there is one camera, expected others")
        if self.loo_camera is None or not np.isfinite(self.loo_camera).any():
            raise ValueError("truth from the other cameras only: the recording has none, expected it in loo_camera")
        return np.asarray(self.loo_camera[camera][:, order], np.float64)


def load_recording(path: str | Path) -> Recording:
    """Load a recording.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a recording, or a wrong one; says what was expected.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no recording at {path}: expected an .npz file, see docs/recordings.md")
    arrays = load_arrays(Path(path))
    optional = {field.name for field in fields(Recording) if field.default in (None, "")}
    missing = [f.name for f in fields(Recording) if f.name not in arrays and f.name not in optional]
    if missing:
        raise ValueError(f"{path}: lacks {', '.join(missing)}; see docs/recordings.md")
    try:
        return Recording(**{f.name: _value(f.name, arrays[f.name]) for f in fields(Recording) if f.name in arrays})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_recording(recording: Recording, path: str | Path) -> None:
    """Write a recording, whole or not at all; joints in single precision.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    arrays = {name: value for name, value in vars(recording).items() if value is not None}
    arrays |= {name: np.asarray(arrays[name], np.float32) for name in _SINGLE if name in arrays}
    partial = Path(path).with_name(Path(path).name + ".partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _value(name: str, array: npt.NDArray[Any]) -> Any:
    """What a field holds, from the array in the file."""
    if name in _SHAPES:
        return _numbers(name, array).astype(_WHOLE.get(name, np.float64))
    if name == "gt_names":
        return tuple(str(joint) for joint in array.ravel())
    if array.ndim:
        raise ValueError(f"{name}: expected a single value, got shape {array.shape}")
    return float(_numbers(name, array)) if name == "rate" else str(array)


def _numbers(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected numbers, got {array.dtype}")
    return array


def _check_shapes(recording: Recording) -> None:
    joints = len(layout_joints(recording.layout))  # raises
    if recording.keypoints.ndim != 4:
        raise ValueError(f"keypoints: expected shape (C, T, {joints}, 2), got {recording.keypoints.shape}")
    cameras, frames = recording.keypoints.shape[:2]
    sizes: dict[str | int, int] = {"C": cameras, "T": frames, "J": joints, "G": len(recording.gt_names)}
    if not cameras or not frames:
        raise ValueError(f"keypoints: expected one camera and one frame at least, got {cameras} and {frames}")
    for name, shape in _SHAPES.items():
        array = getattr(recording, name)
        if array is None:
            continue
        expected = [size if isinstance(size, int) else sizes.get(size, size) for size in shape]
        fits = array.ndim == len(shape) and all(
            isinstance(size, str) or size == found for size, found in zip(expected, array.shape, strict=True)
        )
        if not fits:
            letters, wanted = (f"({', '.join(map(str, of))})" for of in (shape, expected))
            raise ValueError(
                f"{name}: expected shape {letters} = {wanted} for {cameras} cameras, {frames} frames and the "
                f"{joints} joints of {recording.layout}, got {array.shape}"
            )


def _check_numbers(recording: Recording) -> None:
    if not recording.detector.split():
        raise ValueError("detector: expected what made the 2D, got an empty text")
    if not (np.isfinite(recording.rate) and recording.rate > 0):
        raise ValueError(f"rate: expected Hz above 0, got {recording.rate}")
    for camera in range(recording.cameras):
        for name in _OF_CAMERAS:
            array = getattr(recording, name)[camera]
            if not np.isfinite(array).all():
                raise ValueError(f"{name} of camera {camera}: expected finite numbers, got {array.tolist()}")
        if (recording.size[camera] <= 0).any():
            raise ValueError(f"size of camera {camera}: expected px above 0, got {recording.size[camera].tolist()}")
        rotation = recording.R[camera]
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
            raise ValueError(f"R of camera {camera}: expected a rotation, got {rotation.tolist()}")
        try:
            recording.camera(camera)
        except ValueError as error:
            raise ValueError(f"camera {camera}: {error}") from None


def _check_truth(recording: Recording) -> None:
    unknown = [name for name in JOINTS if name not in recording.gt_names]
    if unknown or len(set(recording.gt_names)) < len(recording.gt_names):
        raise ValueError(
            f"gt_names: expected each of {', '.join(JOINTS)} once (truth that is not known is NaN), got "
            f"{', '.join(recording.gt_names) or 'none'}"
        )
    if not np.isfinite(recording.gt_world).all(-1).any():
        raise ValueError("no truth at all: gt_world is NaN throughout")
    seen = np.einsum("cij,tgj->ctgi", recording.R, recording.gt_world) + recording.t[:, None, None]
    apart = np.linalg.norm(seen - recording.gt_camera, axis=-1)
    one_sided = np.isnan(seen).any(-1) != np.isnan(recording.gt_camera).any(-1)
    if one_sided.any() or np.nanmax(apart) > _SAME:
        raise ValueError(
            f"gt_camera: expected R gt_world + t, in metres; they are up to {np.nanmax(np.r_[0, apart.ravel()]):.3g} m "
            f"apart, and {one_sided.sum()} joints are in one of them only"
        )


def _check_agreement(recording: Recording) -> None:
    """Refuse truth that no camera's own 2D bears out, and warn of single cameras."""
    median = [_median_distance(recording, camera) for camera in range(recording.cameras)]
    known = {camera: away for camera, away in enumerate(median) if not np.isnan(away)}
    wrong = {camera: away for camera, away in known.items() if away > _FAR_OFF}
    if not wrong:
        return
    distances = {camera: f"{away:.1f} m" if np.isfinite(away) else "behind it" for camera, away in wrong.items()}
    said = "the truth is this far from half of the 2D joints, or further: " + ", ".join(
        f"camera {camera}, {distance}" for camera, distance in distances.items()
    )
    if len(wrong) == len(known):
        raise ValueError(f"the cameras disagree: {said}; expected R and t from the world to the camera, in metres")
    warnings.warn(f"{said}; another person, or a camera whose K, D, R or t is wrong", stacklevel=4)


def _median_distance(recording: Recording, camera: int) -> float:
    """How far half of a camera's 2D joints are from the truth, metres at its distance; NaN without any, inf behind."""
    names = layout_joints(recording.layout)
    shared = [(names.index(name), g) for g, name in enumerate(recording.gt_names) if name in names]
    columns, of_truth = (list(column) for column in zip(*shared, strict=True))
    truth = recording.gt_camera[camera][:, of_truth]
    known = np.isfinite(truth).all(-1) & (recording.scores[camera][:, columns] > 0)
    lens = recording.camera(camera)
    away = np.linalg.norm(lens.project(truth) - recording.keypoints[camera][:, columns], axis=-1)
    metres = away * truth[..., 2] / lens.K[0, 0]
    metres = np.where(known & (truth[..., 2] <= 0), np.inf, metres)[known]  # seen, yet behind the camera
    metres = metres[~np.isnan(metres)]
    return float(np.median(metres)) if len(metres) else float("nan")
