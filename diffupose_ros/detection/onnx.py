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

"""2D skeletons by any network in an ONNX file that gives heat maps, or SimCC's vectors along x and y."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image
from diffupose_ros.detection.detector import Detections, FloatArray, Image
from diffupose_ros.detection.heatmaps import STRIDE, Maps, crop, crop_affine, decode, normalise
from diffupose_ros.files import check_downloaded, user_path

_JOINTS = 17  # of coco17


class OnnxDetector:
    """A top-down pose network: crops in (ImageNet's normalisation, RGB), heat maps or SimCC vectors out.

    Such are the HRNet, ViTPose and RTMPose exports of OpenMMLab (SimCC: Li et al., ECCV 2022).

    Args:
        path: the .onnx file: one input (N, 3, H, W) float32, N = 1 or free, H and W fixed; one output
            (N, 17, H/4, W/4), or two, (N, 17, k W) and (N, 17, k H). The 17 joints are COCO's.
        device: ``auto`` (CUDA if onnxruntime has it), ``cpu`` or ``cuda``.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: no such file.
        ValueError: a broken file, another kind of network, a device that is not there.
    """

    layout = "coco17"

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ImportError(
                "the detector onnx needs onnxruntime: pip install 'diffupose_ros[onnx]', or onnxruntime-gpu"
            ) from None
        file = user_path(path)
        if not file.is_file():
            raise FileNotFoundError(f"no network at {str(path)!r}: expected an .onnx file of a pose network")
        check_downloaded(file)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        providers = _providers(device, onnxruntime.get_available_providers())
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class of their own
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"{path}: not an ONNX network that onnxruntime can load: {reason}") from None
        self._input = self._session.get_inputs()[0]
        self.size, self._one_by_one = _input_size(self._input, path)
        self._check_outputs(path)

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        if not len(boxes):
            return Detections(np.zeros((0, _JOINTS, 2)), np.zeros((0, _JOINTS)), self.layout)
        affine = crop_affine(boxes, self.size)
        outputs = self._run(normalise(crop(image, affine, self.size)))
        if len(outputs) == 1:
            keypoints, scores, covariance = decode(outputs[0], affine)
            return Detections(keypoints, scores, self.layout, covariance, "hrnet")
        keypoints, scores = decode_simcc(outputs[0], outputs[1], affine, self.size)
        return Detections(keypoints, scores, self.layout, profile="rtmpose")

    def _run(self, crops: Maps) -> list[Maps]:
        batches = np.split(crops, len(crops)) if self._one_by_one else [crops]
        parts = [self._session.run(None, {self._input.name: np.ascontiguousarray(batch)}) for batch in batches]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def _check_outputs(self, path: str | Path) -> None:
        height, width = self.size
        shapes = [output.shape for output in self._run(np.zeros((1, 3, height, width), np.float32))]
        heatmaps = shapes == [(1, _JOINTS, height // STRIDE, width // STRIDE)]
        simcc = (
            len(shapes) == 2
            and all(len(shape) == 3 and shape[:2] == (1, _JOINTS) for shape in shapes)
            and shapes[0][2] * height == shapes[1][2] * width
        )
        if not (heatmaps or simcc):
            raise ValueError(
                f"{path}: expected heat maps (1, 17, {height // STRIDE}, {width // STRIDE}) of COCO's joints, or "
                f"SimCC vectors (1, 17, k {width}) and (1, 17, k {height}), got {' and '.join(map(str, shapes))}"
            )


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


def _providers(device: str, available: list[str]) -> list[str]:
    cuda = "CUDAExecutionProvider"
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {device!r} of the detector onnx: expected auto, cpu or cuda")
    if device == "cuda" and cuda not in available:
        raise ValueError(f"device 'cuda': this onnxruntime has {', '.join(available)}; pip install onnxruntime-gpu")
    wanted = [cuda] if device != "cpu" and cuda in available else []
    return [*wanted, "CPUExecutionProvider"]


def _input_size(network_input: Any, path: str | Path) -> tuple[tuple[int, int], bool]:
    """(height, width) of the crops, and whether they go in one by one."""
    shape = network_input.shape
    fits = len(shape) == 4 and shape[1] == 3 and all(isinstance(n, int) for n in shape[2:])
    if not fits or (isinstance(shape[0], int) and shape[0] != 1) or network_input.type != "tensor(float)":
        raise ValueError(
            f"{path}: expected an input (N, 3, H, W) of float32 with N = 1 or free, H and W fixed, got "
            f"{network_input.type} {shape}"
        )
    return (shape[2], shape[3]), shape[0] == 1
