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

"""YOLO-pose exports of either kind: small networks with their outputs, which see red dots."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.pose_networks import MISSING, brightness_network, dots_network, yolo_network

from diffupose_ros.detection import yolo_pose
from diffupose_ros.detection.boxes import clipped
from diffupose_ros.detection.onnx import load_onnx
from diffupose_ros.detection.people import PersonFinder
from diffupose_ros.detection.pipeline import load_pipeline
from diffupose_ros.detection.yolo_pose import letterbox, people

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

SIZE = (96, 128)  # of the network's image
JOINTS = np.stack([np.linspace(-16, 16, 17), np.linspace(-28, 28, 17), np.full(17, 0.9)], -1)
JOINTS[[3, 4], 2] = 0, 0.1  # not found, and hardly


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "yolo.onnx"
    path.write_bytes(yolo_network(SIZE, JOINTS))
    return str(path)


def scene(*middles: tuple[int, int], height: int = 480, width: int = 640) -> np.ndarray:
    """Black, with a red dot for each person."""
    image = np.zeros((height, width, 3), np.uint8)
    for middle in middles:
        cv2.circle(image, middle, 40, (0, 0, 255), -1)
    return image


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(480, 640, 0.2), (300, 640, 0.2), (96, 128, 1.0), (480, 500, 0.2)]
)
def test_joints_are_where_the_image_has_them(network: str, height: int, width: int, scale: float) -> None:
    middle = (width // 2, height // 3)
    image = cv2.circle(np.zeros((height, width, 3), np.uint8), middle, round(8 / scale), (0, 0, 255), -1)
    detector = load_onnx(network, "cpu")
    assert isinstance(detector, PersonFinder)
    boxes = detector.find(image)
    assert len(boxes) == 1
    found = detector.detect(image, boxes)
    assert (found.layout, found.profile, found.keypoints.shape) == ("coco17", "yolo-pose", (1, 17, 2))
    seen = JOINTS[:, 2] > 0
    off = found.keypoints[0, seen] - middle - JOINTS[seen, :2] / scale
    assert np.abs(off).max() <= 6 / scale  # a cell has 8 pixels
    np.testing.assert_allclose(found.scores[0], JOINTS[:, 2], atol=1e-6)


def test_each_person_once_and_each_box_its_person(network: str) -> None:
    image = scene((150, 240), (450, 240))
    detector = load_onnx(network, "cpu")
    boxes = detector.find(image)
    assert len(boxes) == 2
    found = detector.detect(image, [*boxes[::-1], [0, 0, 30, 30], boxes[0]])
    np.testing.assert_allclose(found.keypoints[:2, 8, 0], boxes[::-1, 0] + boxes[::-1, 2] / 2, atol=2)
    assert (found.scores[2:] == 0).all()
    assert detector.find(scene()).shape == (0, 4)
    assert (detector.detect(scene(), [[0, 0, 9, 9]]).scores == 0).all()
    assert detector.detect(image, []).keypoints.shape == (0, 17, 2)


def test_an_image_is_looked_at_once_and_its_memory_may_be_used_again(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, looks = load_onnx(network, "cpu"), []
    look = detector.look
    monkeypatch.setattr(detector, "look", lambda image: looks.append(1) or look(image))
    image = scene((150, 240))
    boxes = detector.find(image)
    assert detector.detect(image, boxes).scores.any() and len(looks) == 1
    image[:] = 0
    assert not detector.detect(image, boxes).scores.any() and len(looks) == 2


def test_an_export_with_suppression_inside(tmp_path: Path) -> None:
    rows = np.zeros((1, 300, 57))
    rows[0, :2, :6] = [[10, 20, 50, 80, 0.5, 0], [60, 20, 100, 80, 0.9, 0]]
    rows[0, :2, 6:] = (JOINTS + (30, 50, 0)).ravel(), (JOINTS + (80, 50, 0)).ravel()
    path = tmp_path / "people.onnx"
    path.write_bytes(brightness_network(SIZE, [rows], [slice(4, 5)]))
    detector = load_onnx(path, "cpu")
    image = scene((320, 240))
    boxes = detector.find(image)
    assert len(boxes) == 2
    np.testing.assert_allclose(detector.detect(image, boxes).keypoints[:, 8], [[400, 250], [150, 250]], atol=1e-3)
    assert len(detector.find(scene())) == 0


def test_the_whole_chain(network: str) -> None:
    pipe = load_pipeline("onnx", network, "cpu")
    assert pipe.finder is pipe.detector
    for step in range(3):
        seen = pipe.process(scene((150 + 10 * step, 240), (450, 240)), step / 10)
        assert set(seen.ids) == {"p1", "p2"}
        assert (clipped(seen.boxes, 640, 480)[:, 2:] > 0).all()


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    for shape in ((1, 84, 252), (1, 56, 100), (1, 300, 6), (1, 252, 56)):
        path.write_bytes(brightness_network(SIZE, [np.zeros(shape)], [None]))
        with pytest.raises(
            ValueError, match=rf"other.onnx: .*YOLO-pose's people \(1, 56, A\).*got \({shape[0]}, {shape[1]}"
        ):
            load_onnx(path)
    path.write_bytes(dots_network("heatmaps", 17, 1, SIZE))
    assert not isinstance(load_onnx(path), PersonFinder)


def test_what_is_not_a_number_is_not_there() -> None:
    output = np.full((2, 57), np.nan)
    assert people(np.nan_to_num(output)).shape == (0, 17, 3)
    assert people(np.zeros((56, 252))).shape == (0, 17, 3)


def test_letterbox_is_grey_around_the_image() -> None:
    picture, scale, corner = letterbox(np.full((200, 100, 3), (0, 51, 255), np.uint8), (64, 64))
    assert picture.shape == (1, 3, 64, 64) and picture.dtype == np.float32
    np.testing.assert_allclose(picture[0, :, 30, 32], [1, 0.2, 0])
    np.testing.assert_allclose(picture[0, :, 30, 2] * 255, yolo_pose._GREY, rtol=1e-6)
    np.testing.assert_allclose((*scale, *corner), (0.32, 0.32, 16, 0))
