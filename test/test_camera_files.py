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


"""Calibration files as ROS, OpenCV and Kalibr write them, and such as they would not."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.camera_file import CAMCHAIN, ECHOED, ECHOED_P, WRITTEN

from diffupose_ros.camera_files import read_camera_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camera.yaml"


@pytest.mark.parametrize("parser", ["whichever", "ruamel"])
def test_what_camera_calibration_writes_is_read(path: Path, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if parser == "ruamel":
        pytest.importorskip("ruamel.yaml")
        monkeypatch.setitem(sys.modules, "yaml", None)
    path.write_text(WRITTEN)
    calibration = read_camera_file(path)
    camera = calibration.camera
    assert (camera.width, camera.height, camera.model) == (640, 480, "plumb_bob")
    assert camera.K.tolist() == [[500.5, 0, 320], [0, 501, 240], [0, 0, 1]]
    assert camera.D.tolist() == [-0.1, 0.02, 0.001, -0.001, 0]
    assert calibration.rectification[1].tolist() == [0, 0.8, 0.6]
    assert calibration.projection[0].tolist() == [480, 0, 321, 0]


def test_without_rectification_the_rectified_camera_is_the_camera(path: Path) -> None:
    path.write_text(WRITTEN[: WRITTEN.index("rectification_matrix")])
    calibration = read_camera_file(path)
    assert np.array_equal(calibration.rectification, np.eye(3))
    assert np.array_equal(calibration.projection[:, :3], calibration.camera.K)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("image_width: 640", "image_width: 0", "expected more than 0, got 0x480"),
        ("image_width: 640", "", "image_width is missing"),
        ("image_width: 640", "image_width: [1]", "int"),
        ("500.5, 0.,", "0., 0.,", "not calibrated"),
        ("500.5, 0.,", "0.,", "camera_matrix: expected 3x3 numbers, got 8"),
        ("500.5, 0.,", "a, b,", "could not convert"),
        ("plumb_bob", "pear", "unknown lens model 'pear'"),
        ("camera_matrix:", "camera_matrix: 5\nother:", "camera_matrix: expected numbers, or rows, cols and data"),
        (WRITTEN, "", "no mapping"),
        (WRITTEN, "a: [", "not YAML"),
        (WRITTEN, "%YAML:1.0\n---\na: !!opencv-matrix\n   rows: 3\n", "image_width is missing"),
    ],
)
def test_what_is_no_calibration_is_refused_with_the_file_and_the_reason(
    path: Path, old: str, new: str, reason: str
) -> None:
    path.write_text(WRITTEN.replace(old, new))
    with pytest.raises(ValueError, match=reason) as raised:
        read_camera_file(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read.*No such file"):
        read_camera_file(path)
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="cannot be read"):
        read_camera_file(path)


def test_what_opencv_writes_is_read(path: Path) -> None:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write("Camera_Matrix", np.array([[500.5, 0, 320], [0, 501, 240], [0, 0, 1]]))
    storage.write("Distortion_Coefficients", np.array([-0.1, 1e-5, 0.001, -0.001, 0]))
    storage.release()
    assert path.read_text().startswith("%YAML") and "!!opencv-matrix" in path.read_text()
    camera = read_camera_file(path).camera
    assert (camera.width, camera.height, camera.model) == (640, 480, "plumb_bob")
    assert camera.K.tolist() == [[500.5, 0, 320], [0, 501, 240], [0, 0, 1]]
    assert camera.D.tolist() == [-0.1, 1e-5, 0.001, -0.001, 0]


@pytest.mark.parametrize("parser", ["whichever", "ruamel"])
def test_an_echoed_camera_info_is_read(path: Path, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if parser == "ruamel":
        pytest.importorskip("ruamel.yaml")
        monkeypatch.setitem(sys.modules, "yaml", None)
    path.write_text(ECHOED)
    told = read_camera_file(path)
    assert (told.camera.width, told.camera.height, told.camera.model) == (848, 480, "rational_polynomial")
    assert told.camera.K[0].tolist() == [425.0, 0, 424.0] and told.camera.D.size == 8
    assert told.projection[0].tolist() == [420.0, 0, 424.0, -21.0]
    path.write_text(ECHOED.replace("binning_x: 0", "binning_x: 2"))
    with pytest.raises(ValueError, match="binning and regions of interest are not supported"):
        read_camera_file(path)
    path.write_text(ECHOED.replace("x_offset: 0", "x_offset: 20"))
    with pytest.raises(ValueError, match="binning and regions of interest are not supported"):
        read_camera_file(path)


def test_an_echoed_camera_info_that_was_not_rectified_is_its_own_projection(path: Path) -> None:
    path.write_text(ECHOED.replace(ECHOED_P, "p: [0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]"))
    told = read_camera_file(path)
    assert told.projection[:, :3].tolist() == told.camera.K.tolist()


def test_of_a_camchain_one_camera_is_chosen(path: Path) -> None:
    path.write_text(CAMCHAIN)
    first, second = (read_camera_file(f"{path}#cam{i}").camera for i in range(2))
    assert (first.model, second.model) == ("plumb_bob", "equidistant")
    assert first.K.tolist() == [[461.6, 0, 362.7], [0, 460.3, 248.1], [0, 0, 1]]
    assert first.D.tolist() == [-0.27, 0.06, 0.0006, 0.00003]
    assert (second.width, second.height) == (848, 800)
    path.write_text(CAMCHAIN[: CAMCHAIN.index("cam1")])
    assert read_camera_file(path).camera.K.tolist() == first.K.tolist()  # there is nothing to choose


@pytest.mark.parametrize(
    ("old", "new", "choice", "reason"),
    [
        ("", "", "", "several cameras: choose one of FILE#cam0, FILE#cam1"),
        ("", "", "#cam2", "no camera 'cam2' in it: there is cam0, cam1"),
        ("camera_model: pinhole", "camera_model: omni", "#cam0", "expected pinhole, got 'omni'"),
        ("radtan", "fov", "#cam0", "unknown lens model 'fov'"),
        ("461.6, ", "", "#cam0", "intrinsics: expected 4 numbers, fu, fv, pu and pv, got 3"),
        ("[752, 480]", "[752]", "#cam0", "image_size: expected 2 numbers, got 1"),
    ],
)
def test_a_camchain_that_leaves_something_open_is_refused(
    path: Path, old: str, new: str, choice: str, reason: str
) -> None:
    path.write_text(CAMCHAIN.replace(old, new) if old else CAMCHAIN)
    with pytest.raises(ValueError, match=reason):
        read_camera_file(f"{path}{choice}")


def test_a_choice_where_there_is_none_is_refused(path: Path) -> None:
    path.write_text(WRITTEN)
    with pytest.raises(ValueError, match="no camera 'cam0' in it: there is one, without a name"):
        read_camera_file(f"{path}#cam0")


def test_files_are_found_as_people_write_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = path.with_name("my#camera 1.yaml")
    spaced.write_bytes(b"\xef\xbb\xbf" + WRITTEN.encode())  # an editor's mark of UTF-8
    monkeypatch.setenv("HOME", str(path.parent))
    for written in ("~/my#camera 1.yaml", f"file://{path.parent}/my%23camera%201.yaml", str(spaced)):
        assert read_camera_file(written).camera.width == 640


ALIASES = "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{of}'] * 10)}]\n" for of, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A thousand million zeros, where somebody counts them."""


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN.replace("image_width: 640", "image_width: .inf"),
        WRITTEN.replace("image_width: 640", "image_width: 640: 480"),
        "k: " + "[" * 5000,
        ALIASES + WRITTEN.replace("camera_matrix:\n", "camera_matrix: *i\nother:\n"),
    ],
    ids=["infinite", "not YAML", "deep", "aliases"],
)
def test_what_damaged_files_say_is_refused_on_one_line(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ValueError, match=r"camera\.yaml: ") as raised:
        read_camera_file(path)
    assert "\n" not in str(raised.value)
