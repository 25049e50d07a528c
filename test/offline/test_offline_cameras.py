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

"""Who took an image, where the user says it, the image says it, or nobody does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.camera_file import WRITTEN

from diffupose_ros.offline.cameras import Cameras

VIDEO: Any = SimpleNamespace(width=640, height=480)


def cameras(said: list[str], calibration: Path | None = None, hfov: float | None = None) -> Cameras:
    return Cameras(VIDEO, calibration, hfov, said.append)


def test_images_that_agree_have_one_camera_and_a_guess_is_said_once() -> None:
    made = cameras(said := [])
    assert made.of(640, 480) is made.of(640, 480)
    focal = 320 / np.tan(np.radians(30))
    assert made.of(640, 480).K[0, 0] == made.of(480, 640).K[0, 0] == pytest.approx(focal)
    assert made.of(640, 480, 700.0).K[0, 0] == made.of(640, 480, 700.0).K[1, 1] == 700
    assert [line.partition(";")[0] for line in said] == [
        "guessed a field of view of 60 degrees across the longer side",
        "focal lengths are those that the photographs tell (EXIF)",
    ]


def test_a_field_of_view_is_that_of_all_images() -> None:
    made = cameras(said := [], hfov=90)
    for width, height in ((640, 480), (480, 640)):
        assert made.of(width, height, 700.0).K[0, 0] == pytest.approx(width / 2)
    assert not said


def test_a_calibration_is_of_images_of_its_size(tmp_path: Path) -> None:
    (tmp_path / "camera.yaml").write_text(WRITTEN)
    made = cameras(said := [], tmp_path / "camera.yaml")
    assert made.of(640, 480, 700.0).K[0, 0] == 500.5 and not said
    assert made.of(480, 640, 700.0).K[0, 0] == 700
    assert "images of 480x640 are not of the calibration's size" in said[0]
    (tmp_path / "camera.yaml").write_text(WRITTEN.replace("640", "1280", 1))
    with pytest.raises(ValueError, match="is of 1280x480, but the images are 640x480"):
        cameras(said, tmp_path / "camera.yaml")
