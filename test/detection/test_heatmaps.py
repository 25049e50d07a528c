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


"""Crops around people, and joints from heat maps."""

import numpy as np
import pytest

from diffupose_ros.detection.heatmaps import crop, crop_affine, decode, flip_average, normalise
from diffupose_ros.skeleton import LAYOUTS

SIZES = [(256, 192), (384, 288)]
IDENTITY = np.array([[[1.0, 0, 0], [0, 1, 0]]])
"""The affine of a crop that is the image."""


def gaussians(positions: np.ndarray, size: tuple[int, int], noise: float = 0.0) -> np.ndarray:
    """Heat maps (P, J, H/4, W/4) as networks are trained to give them, of joints at (P, J, 2) pixels of the crop."""
    height, width = size[0] // 4, size[1] // 4
    y, x = np.mgrid[:height, :width]
    centre = positions[..., None, None] / 4
    squared = (x - centre[:, :, 0]) ** 2 + (y - centre[:, :, 1]) ** 2
    maps = np.exp(-squared / (2 * (width / 24) ** 2))
    return (maps + noise * np.random.default_rng(1).normal(size=maps.shape)).astype(np.float32)


def joints_inside(people: int, size: tuple[int, int]) -> np.ndarray:
    margin = size[1] / 6  # four deviations
    high = np.array(size[::-1]) - margin
    return np.random.default_rng(0).uniform(margin, high, (people, 17, 2))


def errors(maps: np.ndarray, truth: np.ndarray, refinement: str) -> np.ndarray:
    keypoints, _, _ = decode(maps, np.repeat(IDENTITY, len(maps), 0), refinement)
    return np.linalg.norm(keypoints - truth, axis=-1)


@pytest.mark.parametrize("size", SIZES)
def test_box_of_the_crops_aspect_is_padded_by_a_quarter_around_its_centre(size: tuple[int, int]) -> None:
    height, width = size
    affine = crop_affine(np.array([[100.0, 50, 60, 80], [100, 50, 30, 80], [100, 50, 60, 20]]), size)
    corners = np.array([[100, 50, 1], [160, 130, 1], [130, 90, 1]])
    np.testing.assert_allclose(corners @ affine[0].T, np.array([[0.1, 0.1], [0.9, 0.9], [0.5, 0.5]]) * [width, height])
    np.testing.assert_allclose(affine[:, 0, 0], width / (1.25 * 60))  # a narrow or a flat box grows to the aspect
    np.testing.assert_allclose(affine[:, 0, 1], 0)
    np.testing.assert_allclose(affine[:, 1, 1], affine[:, 0, 0])
    np.testing.assert_allclose(np.array([115, 90, 1]) @ affine[1].T, [width / 2, height / 2])


def test_crop_has_the_images_pixels_and_black_outside() -> None:
    image = np.random.default_rng(0).integers(1, 255, (40, 30, 3), np.uint8)
    shifted = np.array([[[1.0, 0, 5], [0, 1, -3]]])
    crops = crop(image, shifted, (64, 32))
    np.testing.assert_array_equal(crops[0, :37, 5:], image[3:, :27])
    assert not crops[0, 37:].any() and not crops[0, :, :5].any()
    assert crop(image, shifted[:0], (64, 32)).shape == (0, 64, 32, 3)


def test_input_is_rgb_of_imagenets_mean_and_deviation() -> None:
    crops = np.zeros((2, 8, 4, 3), np.uint8)
    crops[1, 2, 3] = (10, 20, 30)  # blue, green, red
    x = normalise(crops)
    assert x.shape == (2, 3, 8, 4) and x.dtype == np.float32
    expected = (np.array([30, 20, 10]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(x[1, :, 2, 3], expected, rtol=1e-5)
    np.testing.assert_allclose(x[0, :, 0, 0], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)


def test_flip_test_swaps_sides_and_moves_by_one_pixel() -> None:
    names = LAYOUTS["coco17"]
    straight, mirrored = np.zeros((2, 1, 17, 6, 8), np.float32)
    mirrored[0, names.index("left_wrist"), 2, 1] = 1.0  # column 1 of 8: column 6 flipped back, then moved to 7
    mirrored[0, names.index("nose"), 3, 0] = 0.5  # leaves the map
    mirrored[0, names.index("nose"), 5, 7] = 0.5  # the released code leaves column 0 as it was
    average = flip_average(straight, mirrored)
    assert average[0, names.index("right_wrist"), 2, 7] == 0.5
    np.testing.assert_array_equal(average[0, names.index("nose"), 5, :3], [0.25, 0.25, 0])
    assert average.sum() == 1 and average.dtype == np.float32


def test_quarter_pixel_rule() -> None:
    maps = np.zeros((1, 4, 64, 48), np.float32)
    maps[0, 0, 10, 20], maps[0, 0, 10, 21], maps[0, 0, 9, 20] = 1, 0.5, 0.2
    maps[0, 1, 10, 20] = 1  # equal neighbours
    maps[0, 2, 10, 1], maps[0, 2, 10, 2] = 1, 0.5  # at the border
    maps[0, 3, 62, 46], maps[0, 3, 62, 47] = 1, 0.5
    keypoints, _, _ = decode(maps, IDENTITY, "quarter")
    np.testing.assert_allclose(keypoints[0] / 4, [[20.25, 9.75], [20, 10], [1, 10], [46.25, 62]])


@pytest.mark.parametrize("size", SIZES)
def test_joints_are_recovered_within_half_a_pixel_of_the_crop(size: tuple[int, int]) -> None:
    truth = joints_inside(6, size)
    assert errors(gaussians(truth, size), truth, "dark").max() < 0.01
    noisy = gaussians(truth, size, noise=0.03)
    assert errors(noisy, truth, "dark").max() < 0.5
    assert errors(noisy, truth, "quarter").mean() > 4 * errors(noisy, truth, "dark").mean()  # hence the default
    assert errors(gaussians(truth, size), truth, "quarter").max() < 2**0.5 + 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_joints_are_recovered_from_the_image_through_crop_and_heat_map(size: tuple[int, int]) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    truth = np.array([[300.3, 200.8], [250.6, 300.1], [345.5, 260.5]])
    y, x = np.mgrid[:480, :640]
    for joint, (u, v) in enumerate(truth):
        image[..., joint] = np.rint(255 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 9**2)))
    boxes = np.array([[200.0, 120, 200, 260], [220.5, 150.2, 140, 190]])
    affine = crop_affine(boxes, size)
    maps = np.moveaxis(crop(image, affine, size)[:, ::4, ::4], -1, 1).astype(np.float32) / 255
    keypoints, scores, _ = decode(maps, affine)
    error = np.linalg.norm(keypoints - truth, axis=-1) * affine[:, 0, :1]
    assert error.max() < 0.5
    assert (scores > 0.9).all()


def test_joints_near_the_border_are_no_worse_than_with_the_quarter_pixel_rule() -> None:
    truth = joints_inside(20, (256, 192))
    truth[..., 0] = np.random.default_rng(2).uniform(0, 12, truth.shape[:2])
    maps = gaussians(truth, (256, 192))
    assert errors(maps, truth, "dark").mean() < errors(maps, truth, "quarter").mean()
    assert errors(maps, truth, "dark").max() < 4


def test_covariance_is_what_the_blob_has_beyond_the_one_trained_with_in_pixels_of_the_image() -> None:
    y, x = np.mgrid[:64, :48]
    spread = np.array([[7.0, 0.8], [0.8, 6.0]])  # pixels of the heat map; trained with are 4
    offset = np.stack([x - 20.3, y - 30.6], -1)
    blob = np.exp(-0.5 * np.einsum("yxi,ij,yxj->yx", offset, np.linalg.inv(spread), offset))
    maps = np.repeat(blob[None, None], 2, 0).astype(np.float32)
    boxes = np.array(
        [[0.0, 0, 153.6, 204.8], [50, 60, 307.2, 409.6]]
    )  # 1 and 2 pixels of the image for one of the crop
    _, _, covariance = decode(maps, crop_affine(boxes, (256, 192)))
    near = (np.abs(x - 20) <= 6) & (np.abs(y - 31) <= 6)
    moments = np.einsum("n,ni,nj->ij", blob[near], offset[near], offset[near]) / blob[near].sum()
    np.testing.assert_allclose(covariance[0, 0], 16 * (moments - 4 * np.eye(2)), rtol=0.05, atol=1)
    np.testing.assert_allclose(covariance[1, 0], 4 * covariance[0, 0])


def test_covariance_grows_with_doubt_and_is_never_singular() -> None:
    truth = np.array([[[80.0, 100]]])
    sure, noisy = (decode(gaussians(truth, (256, 192), noise), IDENTITY)[2][0, 0] for noise in (0, 0.1))
    point = np.zeros((1, 1, 64, 48), np.float32)
    point[0, 0, 10, 10] = 1
    two = np.maximum(gaussians(truth, (256, 192)), gaussians(truth + [20, 0], (256, 192)))
    between = decode(two, IDENTITY)[2][0, 0]
    assert np.trace(noisy) > np.trace(sure)
    assert between[0, 0] > 1.5 * sure[0, 0] and between[1, 1] < 1.1 * sure[1, 1]
    assert np.linalg.eigvalsh(decode(point, IDENTITY)[2][0, 0]).min() > 1


def test_scores_are_the_maxima_between_0_and_1() -> None:
    maps = np.full((1, 4, 64, 48), -0.1, np.float32)
    maps[0, :3, 20, 20] = 0.7, 1.3, np.nan
    keypoints, scores, covariance = decode(maps, IDENTITY)
    np.testing.assert_allclose(scores, [[0.7, 1, 0, 0]], rtol=1e-6)
    assert np.isfinite(keypoints).all() and np.isfinite(covariance).all()


def test_nobody_is_decoded_to_nothing() -> None:
    keypoints, scores, covariance = decode(np.zeros((0, 17, 64, 48), np.float32), np.zeros((0, 2, 3)))
    assert keypoints.shape == (0, 17, 2) and scores.shape == (0, 17) and covariance.shape == (0, 17, 2, 2)


def test_people_do_not_change_each_other() -> None:
    truth = joints_inside(3, (256, 192))
    maps = gaussians(truth, (256, 192), noise=0.02)
    affine = crop_affine(np.array([[0.0, 0, 100, 200], [50, 50, 80, 80], [-20, 5, 300, 200]]), (256, 192))
    together = decode(maps, affine)
    for person in range(3):
        alone = decode(maps[person : person + 1], affine[person : person + 1])
        for many, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(many[person], one[0], rtol=1e-9)
