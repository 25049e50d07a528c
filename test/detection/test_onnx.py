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

"""Networks in ONNX files: heat maps and SimCC, from image to joints."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.pose_networks import MISSING, dots_network

from diffupose_ros.detection.onnx import load_onnx

# Not skipped while it is imported: with launch_testing's plugin nothing at all would then be collected.
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

H, W = 128, 96
Save = Callable[..., str]
BOXES = [[100, 60, 150, 200], [300, 40, 90, 260], [-30, 200, 120, 120]]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(kind: str, joints: int = 17, batch: int | str = "people") -> str:
        path = tmp_path / f"{kind}.onnx"
        path.write_bytes(dots_network(kind, joints, batch, (H, W)))
        return str(path)

    return write


def dots(boxes: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image with a red and a blue dot in each box, and where they are (P, 2)."""
    image = np.zeros((480, 640, 3), np.uint8)
    red, blue = (np.array([[x + a * w, y + b * h] for x, y, w, h in boxes]) for a, b in ((0.4, 0.6), (0.6, 0.7)))
    for points, colour in ((red, (0, 0, 255)), (blue, (255, 0, 0))):
        for point in points:
            cv2.circle(image, tuple(np.round(point).astype(int).tolist()), 8, colour, -1)
    return cv2.GaussianBlur(image, (0, 0), 4), red, blue


@pytest.mark.parametrize("kind", ["heatmaps", "simcc"])
@pytest.mark.parametrize("batch", [1, "people"])
def test_joints_are_found_where_they_are(save: Save, kind: str, batch: int | str) -> None:
    image, red, blue = dots(BOXES)
    detector = load_onnx(save(kind, batch=batch), device="cpu")
    assert detector.size == (H, W)
    detections = detector.detect(image, BOXES)
    assert detections.layout == detector.layout == "coco17"
    crop_pixel = 1.25 * 260 / H  # of the largest box, in pixels of the image
    tolerance = 2.5 * crop_pixel if kind == "heatmaps" else 1.5 * crop_pixel
    np.testing.assert_allclose(detections.keypoints[:, 0], red, atol=tolerance)
    np.testing.assert_allclose(detections.keypoints[:, 16], blue, atol=tolerance)
    assert (detections.scores > 0.3).all() and (detections.scores <= 1).all()
    assert (detections.covariance is not None) == (kind == "heatmaps")
    assert detections.profile == ("hrnet" if kind == "heatmaps" else "rtmpose")


@pytest.mark.parametrize("kind", ["heatmaps", "simcc"])
def test_nobody_to_look_at_and_nothing_to_see(save: Save, kind: str) -> None:
    detector = load_onnx(save(kind), device="cpu")
    image = np.zeros((480, 640, 3), np.uint8)
    assert detector.detect(image, []).keypoints.shape == (0, 17, 2)
    detections = detector.detect(image, BOXES)
    assert (detections.scores == 0).all() and np.isfinite(detections.keypoints).all()


def test_other_networks_are_refused(save: Save, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected heat maps \(1, 17, 32, 24\).*SimCC.*got \(1, 21, 32, 24\)"):
        load_onnx(save("heatmaps", joints=21))
    with pytest.raises(ValueError, match=r"N = 1 or free.*\[4, 3, 128, 96\]"):
        load_onnx(save("heatmaps", batch=4))
    with pytest.raises(ValueError, match="expected heat maps"):
        load_onnx(save("full-size"))  # maps of the input's own size
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"broken\.onnx: not an ONNX network"):
        load_onnx(broken)


def test_what_is_not_there_is_named(save: Save) -> None:
    with pytest.raises(FileNotFoundError, match=r"''.*\.onnx file"):
        load_onnx("")
    with pytest.raises(ValueError, match=r"'tpu'.*auto, cpu or cuda"):
        load_onnx(save("simcc"), device="tpu")


def test_what_is_no_image_or_box_is_refused(save: Save) -> None:
    detector = load_onnx(save("simcc"), device="cpu")
    with pytest.raises(ValueError, match="image: "):
        detector.detect(np.zeros((0, 0, 3), np.uint8), BOXES)
    with pytest.raises(ValueError, match="boxes: "):
        detector.detect(np.zeros((8, 8, 3), np.uint8), [[1, 2, 3]])
