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


"""Calibration files as ROS writes them, and such as it would not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support.camera_file import WRITTEN

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
        ("camera_matrix:", "camera_matrix: 5\nother:", "camera_matrix: expected rows, cols and data"),
        (WRITTEN, "", "no mapping"),
        (WRITTEN, "a: [", "not YAML"),
        (WRITTEN, "%YAML:1.0\n---\na: !!opencv-matrix\n   rows: 3\n", "not YAML"),
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
