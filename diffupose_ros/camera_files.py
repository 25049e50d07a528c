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


"""Calibrated cameras from files, in the YAML of ROS' camera_calibration and camera_info_manager."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CameraFile:
    """What a camera's file says.

    Attributes:
        camera: of the raw image, width and height known.
        rectification: (3, 3) rotation into the rectified image; identity for a single camera.
        projection: (3, 4) of the rectified image, in pixels.
    """

    camera: Camera
    rectification: FloatArray
    projection: FloatArray


def read_camera_file(path: str | Path) -> CameraFile:
    """Return what a camera's YAML file says.

    Raises:
        ValueError: there is no such file, it is not in that format, or its numbers are of no camera.
    """
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"calibration {path} cannot be read: {error}") from error
    try:
        return _camera_file(load_yaml(text))
    except (TypeError, ValueError) as error:
        hint = "expected the YAML that camera_calibration writes"
        raise ValueError(f"calibration {path}: {error} ({hint})") from error


def _camera_file(content: Any) -> CameraFile:
    if not isinstance(content, dict):
        raise ValueError("no mapping of names to values")
    width, height = (int(_value(content, name)) for name in ("image_width", "image_height"))
    if min(width, height) <= 0:
        raise ValueError(f"image_width and image_height: expected more than 0, got {width}x{height}")
    K, D = _matrix(content, "camera_matrix", (3, 3)), _matrix(content, "distortion_coefficients", None)
    camera = Camera(K, D, str(content.get("distortion_model", "plumb_bob")), width, height)
    rectification, projection = np.eye(3), np.concatenate([camera.K, np.zeros((3, 1))], 1)
    if "rectification_matrix" in content:
        rectification = _matrix(content, "rectification_matrix", (3, 3))
    if "projection_matrix" in content:
        projection = _matrix(content, "projection_matrix", (3, 4))
    return CameraFile(camera, rectification, projection)


def _value(content: dict[str, Any], name: str) -> Any:
    if name not in content:
        raise ValueError(f"{name} is missing")
    return content[name]


def _matrix(content: dict[str, Any], name: str, shape: tuple[int, int] | None) -> FloatArray:
    """Return the ``data`` of a matrix; of any size where ``shape`` is None."""
    entry = _value(content, name)
    if not isinstance(entry, dict) or not isinstance(entry.get("data"), list):
        raise ValueError(f"{name}: expected rows, cols and data")
    numbers = np.array(entry["data"], np.float64).ravel()
    if shape is None:
        return numbers
    if numbers.size != shape[0] * shape[1]:
        raise ValueError(f"{name}: expected {shape[0]}x{shape[1]} numbers, got {numbers.size}")
    return numbers.reshape(shape)


def load_yaml(text: str) -> Any:
    """Return what a YAML text says, by the parser that is there: pyyaml comes with ROS 2, ruamel.yaml with pip.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        import yaml
    except ImportError:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        load, error_type = YAML(typ="safe", pure=True).load, YAMLError
    else:
        load, error_type = yaml.safe_load, yaml.YAMLError
    try:
        return load(text)
    except error_type as error:
        raise ValueError(f"not YAML: {error}") from error
