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

"""Calibrated cameras from the files that tools write: YAML of ROS, OpenCV and Kalibr."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.files import user_path

FloatArray = npt.NDArray[np.float64]

# What tools call the same, without case and underscores; the first is how camera_calibration writes it.
_NAMES = {
    "image_width": ("imagewidth", "width"),
    "image_height": ("imageheight", "height"),
    "image_size": ("imagesize", "resolution"),
    "camera_matrix": ("cameramatrix", "k", "intrinsicmatrix"),
    "distortion_coefficients": ("distortioncoefficients", "distcoeffs", "distortioncoeffs", "d"),
    "distortion_model": ("distortionmodel",),
    "rectification_matrix": ("rectificationmatrix", "r"),
    "projection_matrix": ("projectionmatrix", "p"),
}
_OPENCV_HEADER = re.compile(r"\A%YAML:1\.\d")  # which is no YAML; nor is a tag of a type that only OpenCV has
_OPENCV_TAG = re.compile(r"!!opencv-[\w-]+")


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

    That is one of camera_calibration (ROS), a CameraInfo as ``ros2 topic echo`` shows it, a FileStorage of OpenCV, or
    a camchain of Kalibr.

    Args:
        path: of the file. ``FILE#cam1``: the camera that a camchain calls so; needed where it has several.

    Raises:
        ValueError: there is no such file, it is in none of those formats, or its numbers are of no camera.
    """
    file, chosen = user_path(path), ""
    if "#" in file.name and not file.exists():
        name, _, chosen = file.name.partition("#")
        file = file.with_name(name)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"calibration {path} cannot be read: {error}") from error
    try:
        return _camera_file(_kalibr_or_other(load_yaml(text), chosen))
    except (TypeError, ValueError, OverflowError) as error:
        hint = "expected YAML of camera_calibration, OpenCV or Kalibr, or an echoed CameraInfo"
        raise ValueError(f"calibration {path}: {error} ({hint})") from error


def _kalibr_or_other(content: Any, chosen: str) -> Any:
    """Return the chosen camera of a camchain under the names of the other formats; what is none as it is."""
    if not isinstance(content, dict):
        raise ValueError("no mapping of names to values")
    chain = {str(name): entry for name, entry in content.items() if isinstance(entry, dict) and "intrinsics" in entry}
    if "intrinsics" in content:  # one camera, taken out of its chain
        chain = {"cam0": content}
    if chosen and chosen not in chain:
        raise ValueError(f"no camera {chosen!r} in it: there is {', '.join(chain) or 'one, without a name'}")
    if not chain:
        return content
    if len(chain) > 1 and not chosen:
        raise ValueError(f"it is of several cameras: choose one of {', '.join(f'FILE#{name}' for name in chain)}")
    entry = chain[chosen or next(iter(chain))]
    if (model := entry.get("camera_model", "pinhole")) != "pinhole":
        raise ValueError(f"camera_model: expected pinhole, got {model!r}")
    numbers = _numbers(entry, "intrinsics")
    if numbers.shape != (4,):
        raise ValueError(f"intrinsics: expected 4 numbers, fu, fv, pu and pv, got {numbers.size}")
    fx, fy, cx, cy = numbers.tolist()
    return entry | {"camera_matrix": [fx, 0, cx, 0, fy, cy, 0, 0, 1]}


def _camera_file(content: dict[str, Any]) -> CameraFile:
    values = dict(_named(content))
    if "image_size" in values:
        values["image_width"], values["image_height"] = _numbers(values, "image_size", (2,)).tolist()
    width, height = (int(_value(values, name)) for name in ("image_width", "image_height"))
    if min(width, height) <= 0:
        raise ValueError(f"image_width and image_height: expected more than 0, got {width}x{height}")
    _check_whole(content, width, height)
    K, D = _numbers(values, "camera_matrix", (3, 3)), _numbers(values, "distortion_coefficients").ravel()
    model = "equidistant" if content.get("fisheye_model") else str(values.get("distortion_model") or "")
    camera = Camera(K, D, model, width, height)
    rectification, projection = np.eye(3), np.concatenate([camera.K, np.zeros((3, 1))], 1)
    if "projection_matrix" in values and (told := _numbers(values, "projection_matrix", (3, 4))).any():
        projection = told
        if "rectification_matrix" in values:
            rectification = _numbers(values, "rectification_matrix", (3, 3))
    return CameraFile(camera, rectification, projection)


def _named(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a file says, under our names."""
    for key, value in content.items():
        plain = str(key).lower().replace("_", "")
        yield from ((ours, value) for ours, theirs in _NAMES.items() if plain in theirs)


def _check_whole(content: dict[str, Any], width: int, height: int) -> None:
    """Refuse an echoed CameraInfo of a binned or cut out image, whose numbers are of another one."""
    roi = content["roi"] if isinstance(content.get("roi"), dict) else {}
    size = (roi.get("width", 0), roi.get("height", 0))
    cut_out = size not in ((0, 0), (width, height)) or roi.get("x_offset") or roi.get("y_offset")
    if max(content.get("binning_x", 0), content.get("binning_y", 0)) > 1 or cut_out:
        raise ValueError("binning and regions of interest are not supported: use the CameraInfo of the whole image")


def _value(values: dict[str, Any], name: str) -> Any:
    if name not in values:
        raise ValueError(f"{name} is missing")
    return values[name]


def _numbers(values: dict[str, Any], name: str, shape: tuple[int, ...] | None = None) -> FloatArray:
    """Return the numbers of a list, or of a matrix' ``data``; as they are where ``shape`` is None."""
    entry = _value(values, name)
    entry = entry.get("data") if isinstance(entry, dict) else entry
    if not isinstance(entry, list):
        raise ValueError(f"{name}: expected numbers, or rows, cols and data")
    rows = [row if isinstance(row, list) else [row] for row in entry]
    flat = list(chain.from_iterable(rows))
    if not all(isinstance(number, (int, float, str)) for number in flat):  # one parser reads 1e-5 as text
        raise ValueError(f"{name}: expected numbers, in rows or not, got lists in lists, or nothing")
    numbers = np.array(flat, np.float64)
    if shape is None:
        return numbers
    if numbers.size != np.prod(shape):
        raise ValueError(f"{name}: expected {'x'.join(map(str, shape))} numbers, got {numbers.size}")
    return numbers.reshape(shape)


def load_yaml(text: str) -> Any:
    """Return what a YAML text says, OpenCV's too: the first of its documents that says anything.

    The parser is the one that is there: pyyaml comes with ROS 2, ruamel.yaml with pip.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        import yaml
    except ImportError:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        load, error_type = YAML(typ="safe", pure=True).load_all, YAMLError
    else:
        load, error_type = yaml.safe_load_all, yaml.YAMLError
    try:
        plain = _OPENCV_TAG.sub("", _OPENCV_HEADER.sub("", text))
        return next((document for document in load(plain) if document is not None), None)
    except (error_type, RecursionError) as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error
