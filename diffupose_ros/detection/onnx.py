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

"""Pose networks of one's own in ONNX's format; which kind it is their outputs' shapes tell."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image
from diffupose_ros.detection.detector import Detections, Detector, FloatArray, Image
from diffupose_ros.detection.heatmaps import STRIDE, Maps, crop, crop_affine, decode, normalise
from diffupose_ros.detection.onnx_network import OnnxNetwork
from diffupose_ros.detection.yolo_pose import YoloPose

_JOINTS = 17  # of coco17


def load_onnx(path: str | Path, device: str = "auto") -> Detector:
    """Return the detector of a file: a ``TopDown`` or a ``YoloPose``, as its outputs are.

    Args:
        path: the .onnx file, see ``OnnxNetwork``. The joints are COCO's 17.
        device: ``auto`` (CUDA if onnxruntime has it), ``cpu`` or ``cuda``.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: no such file.
        ValueError: a broken file, another kind of network, a device that is not there.
    """
    network = OnnxNetwork(path, device)
    shapes = network.shapes()
    for kind in (TopDown, YoloPose):
        if kind.fits(shapes, network.size):
            return kind(network)
    height, width = network.size
    raise ValueError(
        f"{path}: expected heat maps (1, 17, {height // STRIDE}, {width // STRIDE}) of COCO's joints, SimCC vectors "
        f"(1, 17, k {width}) and (1, 17, k {height}), or YOLO-pose's people (1, 56, A) or (1, N, 57), got "
        f"{' and '.join(map(str, shapes))}"
    )


class TopDown:
    """A top-down pose network: crops in (ImageNet's normalisation, RGB), heat maps or SimCC vectors out.

    Such are the HRNet, ViTPose and RTMPose exports of OpenMMLab (SimCC: Li et al., ECCV 2022).

    Args:
        network: of one output (N, 17, H/4, W/4), or two, (N, 17, k W) and (N, 17, k H); see ``fits``.
    """

    layout = "coco17"

    def __init__(self, network: OnnxNetwork) -> None:
        self._network, self.size = network, network.size

    @staticmethod
    def fits(shapes: list[tuple[int, ...]], size: tuple[int, int]) -> bool:
        """Tell whether outputs of these shapes, for one crop of a size (H, W), are such a network's."""
        height, width = size
        simcc = (
            len(shapes) == 2
            and all(len(shape) == 3 and shape[:2] == (1, _JOINTS) for shape in shapes)
            and shapes[0][2] * height == shapes[1][2] * width
        )
        return simcc or shapes == [(1, _JOINTS, height // STRIDE, width // STRIDE)]

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        if not len(boxes):
            return Detections(np.zeros((0, _JOINTS, 2)), np.zeros((0, _JOINTS)), self.layout)
        affine = crop_affine(boxes, self.size)
        outputs = self._network(normalise(crop(image, affine, self.size)))
        if len(outputs) == 1:
            keypoints, scores, covariance = decode(outputs[0], affine)
            return Detections(keypoints, scores, self.layout, covariance, "hrnet")
        keypoints, scores = decode_simcc(outputs[0], outputs[1], affine, self.size)
        return Detections(keypoints, scores, self.layout, profile="rtmpose")


def decode_simcc(x: Maps, y: Maps, affine: FloatArray, size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Return positions (P, J, 2) in pixels of the image, and scores (P, J): the lower of both maxima, in [0, 1].

    Args:
        x: (P, J, k W) evidence for each k-th of a pixel of the crop.
        y: (P, J, k H).
        affine: (P, 2, 3) of ``crop_affine``.
        size: (H, W) of the crop.
    """
    in_crop = np.stack([x.argmax(-1) * size[1] / x.shape[-1], y.argmax(-1) * size[0] / y.shape[-1]], -1)
    keypoints = (in_crop - affine[:, None, :, 2]) / affine[:, None, :1, 0]
    scores = np.nan_to_num(np.minimum(x.max(-1), y.max(-1)).astype(np.float64), nan=0.0)
    return keypoints, scores.clip(0, 1)
