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


"""Videos and folders whose images tell which they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest


def level(image: np.ndarray | None) -> int:
    """Return which image of a source made here this is; its grey is ten times that."""
    assert image is not None and image.dtype == np.uint8
    return round(float(image.mean()) / 10)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty images at 10 per second."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images, number 2 of them broken, and what is no image."""
    path = tmp_path / "images"
    path.mkdir()
    for number in (5, 0, 3, 1, 2, 4):
        cv2.imwrite(str(path / f"{number}.png"), np.full((48, 64, 3), 10 * number, np.uint8))
    (path / "5.png").rename(path / "10.png")  # the last one by value, not by spelling
    (path / "2.png").write_bytes((path / "2.png").read_bytes()[:40])
    (path / "notes.txt").write_text("nothing")
    return path
