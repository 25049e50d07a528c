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

"""Where cameras stand, from a file.

.. code-block:: yaml

    cameras:
      left:
        calibration: left.yaml            # of camera_calibration, OpenCV or Kalibr; beside this file, or absolute
        rotation: [0.0, 0.0, 0.0, 1.0]    # world to camera: quaternion x, y, z, w, or three rows of three
        translation: [0.1, 0.9, 3.0]      # metres: the world's origin in the camera's frame
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.camera import Camera
from diffupose_ros.camera_files import load_yaml, read_camera_file
from diffupose_ros.data.markerless.multiview import PlacedCamera
from diffupose_ros.files import user_path

FloatArray = npt.NDArray[np.float64]

_ORTHOGONAL = 0.01


def read_rig(path: Path, lenses: Mapping[str, Camera] | None = None) -> tuple[PlacedCamera, ...]:
    """Return the cameras of a file, in its order.

    Args:
        path: of the file.
        lenses: by name, where they are known already: only these cameras are returned, and ``calibration`` is not read.

    Raises:
        ValueError: it cannot be read, is not in that format, or lacks one of ``lenses``.
    """
    try:
        content = load_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cameras {path} cannot be read: {error}") from error
    entries = content.get("cameras") if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"cameras {path}: expected `cameras:`, and below it what each is called")
    names = list(map(str, entries)) if lenses is None else list(lenses)
    known = {str(name): entry for name, entry in entries.items()}
    lacking = [name for name in names if name not in known]
    if lacking:
        raise ValueError(f"cameras {path}: lacks {', '.join(lacking)}; there are {', '.join(known)}")
    return tuple(_camera(path, name, known[name], None if lenses is None else lenses[name]) for name in names)


def _camera(path: Path, name: str, entry: Any, lens: Camera | None) -> PlacedCamera:
    try:
        if not isinstance(entry, dict):
            raise ValueError("expected calibration, rotation and translation")
        if lens is None:
            lens = read_camera_file(path.parent / user_path(str(_value(entry, "calibration")))).camera
        rotation = _rotation(_value(entry, "rotation"))
        return PlacedCamera(name, lens, rotation, _translation(_value(entry, "translation")))
    except ValueError as error:
        raise ValueError(f"cameras {path}: {name}: {error}") from error


def _value(entry: dict[str, Any], name: str) -> Any:
    if name not in entry:
        raise ValueError(f"{name} is missing")
    return entry[name]


def _rotation(value: Any) -> FloatArray:
    numbers = _numbers(value, "rotation")
    if numbers.shape == (4,):
        if abs(np.linalg.norm(numbers) - 1) > _ORTHOGONAL:
            raise ValueError(f"rotation: expected a quaternion of length 1, got {numbers.tolist()}")
        return np.asarray(Rotation.from_quat(numbers).as_matrix())
    if numbers.shape != (3, 3):
        raise ValueError(f"rotation: expected a quaternion (4) or rows of a matrix (3, 3), got shape {numbers.shape}")
    if np.abs(numbers @ numbers.T - np.eye(3)).max() > _ORTHOGONAL or np.linalg.det(numbers) < 0:
        raise ValueError("rotation: expected a rotation matrix, whose rows are at right angles and of length 1")
    return np.asarray(Rotation.from_matrix(numbers).as_matrix())


def _translation(value: Any) -> FloatArray:
    numbers = _numbers(value, "translation")
    if numbers.shape != (3,):
        raise ValueError(f"translation: expected 3 numbers, got shape {numbers.shape}")
    return numbers


def _numbers(value: Any, name: str) -> FloatArray:
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {value!r}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name}: expected finite numbers, got {numbers.tolist()}")
    return numbers
