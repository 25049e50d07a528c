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

"""Where people are: boxes, and the finders that need no weights."""

import cv2
import numpy as np
import pytest

from diffupose_ros.detection.boxes import box_around, checked_boxes, checked_image, clipped, grown, overlap
from diffupose_ros.detection.people import HogFinder, WholeImage

needs_hog = pytest.mark.skipif(
    not hasattr(cv2, "HOGDescriptor"), reason="this OpenCV has no HOG people detector (since 5.0)"
)


def figure(height: int, width: int, at: tuple[int, int], tall: int) -> np.ndarray:
    """A dark figure with head, arms and legs on a bright ground; ``at`` is the middle of its feet."""
    image = np.full((height, width, 3), 200, np.uint8)
    x, y = at
    part = tall / 100

    def limb(x0: float, y0: float, x1: float, y1: float, thick: float) -> None:
        ends = [(round(x + a * part), round(y - b * part)) for a, b in ((x0, y0), (x1, y1))]
        cv2.line(image, ends[0], ends[1], (40, 40, 40), round(thick * part))

    cv2.circle(image, (x, round(y - 92 * part)), round(7 * part), (40, 40, 40), -1)
    limb(0, 78, 0, 55, 20)
    for side in (-1, 1):
        limb(5 * side, 50, 8 * side, 3, 9)
        limb(11 * side, 80, 16 * side, 47, 6)
    return cv2.GaussianBlur(image, (0, 0), max(0.5, part))


@needs_hog
@pytest.mark.parametrize(("height", "width"), [(480, 640), (960, 1280)])
def test_hog_finds_who_stands_there(height: int, width: int) -> None:
    tall = height * 6 // 10
    at = (width // 3, height * 9 // 10)
    found = HogFinder().find(figure(height, width, at, tall))
    body = np.array([[at[0] - 0.19 * tall, at[1] - tall, 0.38 * tall, tall]])
    assert overlap(found, body).max() > 0.5
    assert len(found) <= 2  # one person is not found many times


@needs_hog
@pytest.mark.parametrize("shape", [(480, 640, 3), (3648, 5472, 3), (1, 1, 3), (5000, 2, 3)])
def test_hog_finds_nobody_in_the_dark_whatever_the_size(shape: tuple[int, int, int]) -> None:
    assert HogFinder().find(np.zeros(shape, np.uint8)).shape == (0, 4)


@pytest.mark.skipif(hasattr(cv2, "HOGDescriptor"), reason="this OpenCV has the HOG people detector")
def test_an_opencv_without_hog_is_told_what_to_do() -> None:
    with pytest.raises(ImportError, match=r"opencv-python-headless<5.*whole_image"):
        HogFinder()


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
