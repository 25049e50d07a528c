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

from diffupose_ros.detection.onnx import OnnxDetector

MISSING = ""
try:
    import onnx
    import onnxruntime  # noqa: F401
except ImportError as missing:  # also an onnx that does not fit the protobuf beside it
    MISSING = str(missing)
# Not skipped while it is imported: with launch_testing's plugin nothing at all would then be collected.
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs onnxruntime, and onnx to build networks: {MISSING}")

H, W = 128, 96
Save = Callable[..., str]
BOXES = [[100, 60, 150, 200], [300, 40, 90, 260], [-30, 200, 120, 120]]


def _network(kind: str, joints: int, batch: int | str) -> "onnx.ModelProto":
    """A network of which each joint is where the image is the reddest, the last where it is the bluest."""
    from onnx import TensorProto, helper, numpy_helper

    colours = np.zeros((joints, 3, 1, 1), np.float32)
    colours[:-1, 0] = colours[-1, 2] = 0.4
    stride = 4 if kind == "heatmaps" else 1
    constants = [numpy_helper.from_array(colours, "colours")]
    nodes = [helper.make_node("Conv", ["image", "colours"], ["maps"], strides=[stride, stride])]
    outputs = {"maps": None}
    if kind == "simcc":  # two entries for each pixel, the first of them the higher one
        shape = numpy_helper.from_array(np.array([0, joints, -1]), "shape")
        constants += [shape, numpy_helper.from_array(np.float32(0.5), "half")]
        for name, axis in (("x", 2), ("y", 3)):
            nodes += [
                helper.make_node("ReduceMax", ["maps"], [f"{name}1"], axes=[axis], keepdims=0),
                helper.make_node("Unsqueeze", [f"{name}1", "last"], [f"{name}2"]),
                helper.make_node("Mul", [f"{name}2", "half"], [f"{name}3"]),
                helper.make_node("Concat", [f"{name}2", f"{name}3"], [f"{name}4"], axis=3),
                helper.make_node("Reshape", [f"{name}4", "shape"], [name]),
            ]
        constants.append(numpy_helper.from_array(np.array([3]), "last"))
        outputs = {"x": None, "y": None}
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, H, W])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(kind: str, joints: int = 17, batch: int | str = "people") -> str:
        path = tmp_path / f"{kind}.onnx"
        path.write_bytes(_network(kind, joints, batch).SerializeToString())
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
    detector = OnnxDetector(save(kind, batch=batch), device="cpu")
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
    detector = OnnxDetector(save(kind), device="cpu")
    image = np.zeros((480, 640, 3), np.uint8)
    assert detector.detect(image, []).keypoints.shape == (0, 17, 2)
    detections = detector.detect(image, BOXES)
    assert (detections.scores == 0).all() and np.isfinite(detections.keypoints).all()


def test_other_networks_are_refused(save: Save, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected heat maps \(1, 17, 32, 24\).*SimCC.*got \(1, 21, 32, 24\)"):
        OnnxDetector(save("heatmaps", joints=21))
    with pytest.raises(ValueError, match=r"N = 1 or free.*\[4, 3, 128, 96\]"):
        OnnxDetector(save("heatmaps", batch=4))
    with pytest.raises(ValueError, match="expected heat maps"):
        OnnxDetector(save("full-size"))  # maps of the input's own size
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"broken\.onnx: not an ONNX network"):
        OnnxDetector(broken)


def test_what_is_not_there_is_named(save: Save) -> None:
    with pytest.raises(FileNotFoundError, match=r"''.*\.onnx file"):
        OnnxDetector("")
    with pytest.raises(ValueError, match=r"'tpu'.*auto, cpu or cuda"):
        OnnxDetector(save("simcc"), device="tpu")


def test_what_is_no_image_or_box_is_refused(save: Save) -> None:
    detector = OnnxDetector(save("simcc"), device="cpu")
    with pytest.raises(ValueError, match="image: "):
        detector.detect(np.zeros((0, 0, 3), np.uint8), BOXES)
    with pytest.raises(ValueError, match="boxes: "):
        detector.detect(np.zeros((8, 8, 3), np.uint8), [[1, 2, 3]])
