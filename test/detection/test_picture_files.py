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

"""What pictures claim to be."""

import cv2
import numpy as np
import pytest

from diffupose_ros.detection.picture_files import check_picture, check_whole

IMAGE = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
PNG, JPEG = (cv2.imencode(ending, IMAGE)[1].tobytes() for ending in (".png", ".jpg"))


def test_whole_pictures_pass() -> None:
    for content in (PNG, JPEG, PNG + b"more", b"something else", b""):
        check_picture(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PNG[:-20], "truncated PNG"),
        (PNG.replace(b"\0\0\0\rIHDR", b"\x7f\xff\xff\xffIHDR"), "a part claims 2147483667"),
        (JPEG[:-200], "truncated JPEG"),
    ],
)
def test_parts_that_are_not_there(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_whole(content)


@pytest.mark.parametrize("side", [12_000, 20_000, 60_000])
def test_a_small_file_of_a_huge_picture(side: int) -> None:
    at = JPEG.index(b"\xff\xc0") + 5
    content = JPEG[:at] + side.to_bytes(2, "big") * 2 + JPEG[at + 4 :]
    with pytest.raises(ValueError, match="too large"):
        check_picture(content)
