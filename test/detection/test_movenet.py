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

"""MoveNet, where its network was fetched: what it sees, beside BlazePose, a detector of another make."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from diffupose_ros.detection import movenet
from diffupose_ros.detection.blazepose_files import NETWORKS as BLAZEPOSE_FILES
from diffupose_ros.detection.movenet import MoveNet
from diffupose_ros.detection.movenet_files import NETWORKS
from diffupose_ros.detection.movenet_network import _CALL, _HEADS, _IMAGE, JOINTS, SIZE, STRIDE, MoveNetwork, _padded
from diffupose_ros.detection.pipeline import load_pipeline
from diffupose_ros.skeleton import LAYOUTS

needs_network = pytest.mark.skipif(
    not NETWORKS.are_here(),
    reason="MoveNet's network is not here: diffupose weights fetch movenet",
)
needs_blazepose = pytest.mark.skipif(
    not BLAZEPOSE_FILES.are_here(),
    reason="BlazePose's networks are not here: diffupose weights fetch blazepose",
)
COCO, BLAZE = LAYOUTS["coco17"], LAYOUTS["mediapipe33"]
BOX = [0, 0, 512, 600]
TFJS = np.array([[80.006, 42.924, 0.04162], [106.312, 65.562, 0.05054]])


def photograph() -> np.ndarray:
    """Rear Admiral Grace Hopper, in uniform, to the waist: it comes with matplotlib."""
    cbook = pytest.importorskip("matplotlib.cbook")
    return cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


@needs_network
def test_it_sees_a_person_wherever_the_box_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    image, detector = photograph(), MoveNet("cpu")
    found = detector.detect(image, [BOX])
    assert (found.layout, found.profile, found.keypoints.shape) == ("coco17", "generic", (1, 17, 2))
    assert (found.scores >= 0).all() and (found.scores <= 1).all()
    joints = dict(zip(COCO, found.keypoints[0], strict=True))
    assert np.hypot(*(joints["nose"] - (268, 230))) < 25
    assert joints["left_shoulder"][0] > joints["nose"][0] > joints["right_shoulder"][0]
    wide = np.zeros((1000, 1200, 3), np.uint8)
    wide[300:900, 600:1112] = image
    monkeypatch.setattr(movenet, "MAX_BATCH", 1)
    moved = detector.detect(wide, [[600, 300, 512, 600], [0, 0, 100, 200]])
    np.testing.assert_allclose(moved.keypoints[0], found.keypoints[0] + (600, 300), atol=0.5)
    assert moved.scores[1].max() < 0.3
    assert detector.detect(image, []).keypoints.shape == (0, 17, 2)


@needs_network
def test_it_gives_the_numbers_of_tensorflow_js() -> None:
    """Of an image of a ramp in each colour: nose, left shoulder and their scores, as tfjs 4.22 gives them."""
    y, x = np.mgrid[:192, :192]
    rgb = np.stack([x, y, 191 - x], -1).astype(np.uint8)
    positions, scores = MoveNetwork(*NETWORKS.paths(), torch.device("cpu"))(rgb[None])
    np.testing.assert_allclose(positions[0, [0, 5]], TFJS[:, :2], atol=0.1)
    np.testing.assert_allclose(scores[0, [0, 5]], TFJS[:, 2], atol=1e-4)


@needs_network
@needs_blazepose
def test_two_detectors_of_different_make_see_the_same_person_in_the_whole_chain() -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed: pip install '.[detect]'")
    image, seen = photograph(), {}
    for name, layout in (("movenet", COCO), ("blazepose", BLAZE)):
        people = load_pipeline(name, device="cpu", finder="whole_image").process(image, 0.0)
        assert people.ids == ("p1",)
        seen[name] = dict(zip(layout, people.detections.keypoints[0], strict=True))
    for joint in ("nose", "left_eye", "right_eye", "left_shoulder", "right_shoulder"):
        assert np.hypot(*(seen["movenet"][joint] - seen["blazepose"][joint])) < 40  # the face is 150 wide


def test_another_graph_is_refused(tmp_path: Path) -> None:
    graph, weights = tmp_path / "other.json", tmp_path / "other.bin"
    graph.write_text(json.dumps({"modelTopology": {"node": []}, "weightsManifest": [{"weights": []}]}))
    weights.write_bytes(b"")
    with pytest.raises(ValueError, match=r"other.json: expected MoveNet singlepose lightning 4"):
        MoveNet("cpu", (graph, weights))


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "before", "after"),
    [(8, 3, 2, 0, 1), (7, 3, 2, 1, 1), (8, 3, 1, 1, 1), (8, 1, 1, 0, 0)],
)
def test_edges_are_padded_as_tensorflow_does(side: int, kernel: int, stride: int, before: int, after: int) -> None:
    padded = _padded(torch.ones(1, 1, side, side), kernel, stride)[0, 0]
    assert padded.shape == (side + before + after,) * 2
    assert padded[before:, before:][:side, :side].all() and padded.sum() == side**2


def red_network(folder: Path) -> tuple[Path, Path]:
    """Write a network with MoveNet's heads, of which the person and all joints are where the image is the reddest."""
    cells = SIZE // STRIDE
    red = np.array([2.0, -1, -1], np.float32)  # not of white
    heads = {}
    for head, channels in zip(_HEADS, (1, 2 * JOINTS, JOINTS, 2 * JOINTS), strict=True):
        sees = channels in (1, JOINTS)
        heads[head] = (red if sees else 0 * red)[None, None, :, None].repeat(channels, 3)
    constants = {f"{head}/weights": weights for head, weights in heads.items()}
    constants[f"ConstantFolding/{_CALL}/truediv_2_recip"] = np.ones((1, cells, cells, 1), np.float32)
    constants[f"{_CALL}/add_5/y"] = np.full((), 1.8, np.float32)
    attributes = {
        "strides": {"list": {"i": ["1", str(STRIDE), str(STRIDE), "1"]}},
        "padding": {"s": base64.b64encode(b"SAME").decode()},
        "fused_ops": {"list": {"s": [base64.b64encode(b"BiasAdd").decode()]}},
    }
    nodes = [
        {"name": f"{_CALL}/{head}/BiasAdd", "op": "_FusedConv2D", "input": [_IMAGE, f"{head}/weights"],
         "attr": attributes}
        for head in heads
    ]  # fmt: skip
    weights = [{"name": name, "shape": list(c.shape), "dtype": "float32"} for name, c in constants.items()]
    graph, content = folder / "red.json", folder / "red.bin"
    graph.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": weights}]}))
    content.write_bytes(b"".join(constant.tobytes() for constant in constants.values()))
    return graph, content


def test_joints_are_where_its_maps_say(tmp_path: Path) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (250, 120), 8, (0, 0, 255), -1)
    cv2.circle(image, (150, 200), 8, (255, 255, 255), -1)
    found = MoveNet("cpu", red_network(tmp_path)).detect(image, [[150, 50, 200, 200], [200, 20, 100, 160]])
    np.testing.assert_allclose(found.keypoints, np.broadcast_to((250, 120), (2, 17, 2)), atol=10)
    assert (found.scores > 0.9).all()
