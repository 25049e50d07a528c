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

"""Where people are: boxes, and the finder that looks at nothing."""

import numpy as np
import pytest

from diffupose_ros.detection.boxes import box_around, checked_boxes, checked_image, clipped, grown, overlap
from diffupose_ros.detection.people import WholeImage


def test_the_whole_image_is_one_box() -> None:
    np.testing.assert_array_equal(WholeImage().find(np.zeros((30, 40, 3), np.uint8)), [[0, 0, 40, 30]])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 40, 3), np.uint8),
        np.zeros((30, 40), np.uint8),
        np.zeros((30, 40, 3)),
        np.zeros((3, 4, 4), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image: "):
        WholeImage().find(image)
    with pytest.raises(ValueError, match=r"expected uint8.*got NoneType"):
        checked_image(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("boxes", [[1, 2, 3, 4], [[1, 2, 3]], [[0, 0, 0, 5]], [[0, np.nan, 1, 1]], [[0, 0, np.inf, 1]]])
def test_what_is_no_box_is_refused(boxes: list) -> None:
    with pytest.raises(ValueError, match="boxes: expected"):
        checked_boxes(boxes)
    assert checked_boxes([]).shape == (0, 4)


def test_boxes_grow_are_cut_and_overlap() -> None:
    box = np.array([[10.0, 20, 30, 40]])
    np.testing.assert_allclose(grown(box, 0.1), [[5, 15, 40, 50]])
    np.testing.assert_allclose(clipped(box, 25, 200), [[10, 20, 15, 40]])
    assert clipped(box + (100, 0, 0, 0), 25, 200)[0, 2] == 0
    np.testing.assert_allclose(
        overlap(box, np.array([[10.0, 20, 30, 40], [25, 20, 30, 40], [99, 99, 1, 1]])), [[1, 1 / 3, 0]]
    )


def test_the_box_around_points_knows_which_count() -> None:
    points = np.array([[[1.0, 2], [5, 3], [99, 99]]])
    np.testing.assert_array_equal(box_around(points, np.array([[True, True, False]])), [[1, 2, 4, 1]])
