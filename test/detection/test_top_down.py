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


"""From images and boxes to COCO skeletons through HRNet, with weights that see coloured spots as joints."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.hrnet import COLOURS, colour_weights

from diffupose_ros.detection import top_down
from diffupose_ros.detection.hrnet_files import save_hrnet
from diffupose_ros.detection.top_down import HRNetDetector
from diffupose_ros.skeleton import LAYOUTS

BOXES = np.array([[80.0, 100, 150, 260], [330.5, 60.2, 240, 300]])
SPOTS = np.array([[[120.3, 150.8], [190.6, 220.1], [150.5, 300.5]], [[400.2, 120.7], [520.4, 200.3], [450.8, 300.6]]])
"""(2, 3, 2) pixels of the image: where the joints of ``COLOURS`` are, for each box."""
SEEN = [LAYOUTS["coco17"].index(name) for name in COLOURS]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("weights") / "colours.safetensors"
    save_hrnet(colour_weights(), path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def detector(weights: Path) -> HRNetDetector:
    return HRNetDetector(str(weights), device="cpu")


def scene(spots: np.ndarray, boxes: np.ndarray, height: int = 480, width: int = 640) -> np.ndarray:
    """An image with a spot of each colour for each person, of the size that a joint's heat map has."""
    image = np.zeros((height, width, 3))
    y, x = np.mgrid[:height, :width]
    for person, box in zip(spots, boxes, strict=True):
        deviation = 8 * scale_of(box)
        for channel, (u, v) in zip(COLOURS.values(), person, strict=True):
            spot = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * deviation**2))
            image[..., 2 - channel] = np.maximum(image[..., 2 - channel], spot)  # BGR
    return np.rint(255 * image).astype(np.uint8)


def scale_of(box: np.ndarray) -> float:
    """Pixels of the image for one of the crop."""
    return 1.25 * max(box[2], box[3] * 192 / 256) / 192


def test_joints_of_two_people_are_recovered_within_half_a_pixel_of_the_crop(detector: HRNetDetector) -> None:
    found = detector.detect(scene(SPOTS, BOXES), BOXES)
    assert (found.layout, found.keypoints.shape, found.scores.shape) == ("coco17", (2, 17, 2), (2, 17))
    scale = np.array([scale_of(box) for box in BOXES])
    error = np.linalg.norm(found.keypoints[:, SEEN] - SPOTS, axis=-1) / scale[:, None]
    assert error.max() < 0.5
    assert found.scores[:, SEEN].min() > 0.9
    assert found.covariance is not None
    deviation = np.sqrt(found.covariance[:, SEEN].trace(axis1=-2, axis2=-1) / 2) / scale[:, None]
    np.testing.assert_allclose(deviation, 4 / np.sqrt(12))  # spots as trained with: as sure as a pixel of the map
    assert found.profile == "hrnet"


def test_flip_test_finds_the_same_joint(weights: Path) -> None:
    found = HRNetDetector(weights, device="cpu", flip_test=True).detect(scene(SPOTS[:1], BOXES[:1]), BOXES[:1])
    assert np.linalg.norm(found.keypoints[0, 0] - SPOTS[0, 0]) < scale_of(BOXES[0])  # the released rule is 0.5 px off
    # Eyes swap sides in a mirror, colours do not: half a score shows that they were swapped back.
    np.testing.assert_allclose(found.scores[0, SEEN], [0.98, 0.5, 0.5], atol=0.03)


def test_more_people_than_a_batch(detector: HRNetDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_down, "MAX_BATCH", 1)
    one_by_one = detector.detect(scene(SPOTS, BOXES), BOXES)
    monkeypatch.undo()
    together = detector.detect(scene(SPOTS, BOXES), BOXES)
    np.testing.assert_allclose(one_by_one.keypoints[:, SEEN], together.keypoints[:, SEEN], atol=1e-3)


def test_box_that_reaches_out_of_the_image_shows_what_is_inside(detector: HRNetDetector) -> None:
    box = np.array([[-90.0, 250, 200, 400]])
    spots = np.array([[[40.0, 300], [80, 400], [60, 520]]])  # the last one below the image
    found = detector.detect(scene(spots, box), box)
    error = np.linalg.norm(found.keypoints[0, SEEN[:2]] - spots[0, :2], axis=-1) / scale_of(box[0])
    assert error.max() < 0.5
    assert found.scores[0, SEEN[2]] < 0.5


def test_boxes_without_extent_or_outside_find_nothing_and_do_not_disturb(detector: HRNetDetector) -> None:
    nothing = [
        [100, 100, 0, 0],
        [100, 100, -50, 80],
        [100, 100, 0.2, 300],
        [np.nan, 100, 50, 80],
        [100, 100, np.nan, 80],
        [100, 100, np.inf, 80],
        [-1e300, 0, 1e300, 1e300],
        [640, 0, 50, 80],
        [-60, 0, 60, 80],
        [0, 480, 50, 80],
        [1e9, 1e9, 50, 80],
    ]
    boxes = np.array([*nothing[:5], BOXES[0], *nothing[5:]])
    found = detector.detect(scene(SPOTS, BOXES), boxes)
    assert np.isfinite(found.keypoints).all() and np.isfinite(found.covariance).all()
    assert found.scores[5, SEEN].min() > 0.9
    assert np.delete(found.scores, 5, 0).max() == 0


def test_huge_and_tiny_boxes_give_finite_skeletons(detector: HRNetDetector) -> None:
    found = detector.detect(scene(SPOTS, BOXES), [[-2e4, -2e4, 5e4, 5e4], [639.5, 479.5, 1, 1]])
    assert np.isfinite(found.keypoints).all() and np.isfinite(found.scores).all()


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4))])
def test_nobody(detector: HRNetDetector, boxes: list) -> None:
    found = detector.detect(np.zeros((480, 640, 3), np.uint8), boxes)
    assert found.keypoints.shape == (0, 17, 2) and found.scores.shape == (0, 17)


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((480, 640), np.uint8), r"uint8 \(480, 640\)"),
        (np.zeros((480, 640, 4), np.uint8), r"uint8 \(480, 640, 4\)"),
        (np.zeros((480, 640, 3), np.uint16), r"uint16 \(480, 640, 3\)"),
        (np.zeros((480, 640, 3)), r"float64"),
        ("image.jpg", "str"),
        (np.zeros((0, 640, 3), np.uint8), r"at least one pixel, got \(0, 640, 3\)"),
    ],
)
def test_images_of_another_kind_are_refused(detector: HRNetDetector, image: object, got: str) -> None:
    with pytest.raises(ValueError, match="image: expected .*" + got):
        detector.detect(image, BOXES)


@pytest.mark.parametrize("boxes", [[1.0, 2, 3, 4], [[1.0, 2, 3]], np.zeros((1, 2, 4))])
def test_boxes_of_another_shape_are_refused(detector: HRNetDetector, boxes: list) -> None:
    with pytest.raises(ValueError, match=r"boxes: expected shape \(P, 4\), got"):
        detector.detect(np.zeros((480, 640, 3), np.uint8), boxes)


def test_images_that_are_not_contiguous_are_taken(detector: HRNetDetector) -> None:
    image = scene(SPOTS[:1], BOXES[:1])
    wide = np.concatenate((image, image), 1)
    expected = detector.detect(image, BOXES[:1]).keypoints[:, SEEN]
    np.testing.assert_allclose(detector.detect(wide[:, :640], BOXES[:1]).keypoints[:, SEEN], expected, atol=1e-9)
    mirrored = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(detector.detect(mirrored, BOXES[:1]).keypoints[:, SEEN], expected, atol=1e-9)
