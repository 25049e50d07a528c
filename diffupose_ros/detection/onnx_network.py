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

"""Networks in ONNX's format that look at images."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from diffupose_ros.detection.heatmaps import Maps
from diffupose_ros.files import check_downloaded, user_path


class OnnxNetwork:
    """One input, images; some outputs.

    Attributes:
        path: as it was given, for messages.
        size: (height, width) of the images.

    Args:
        path: the .onnx file: its input is (N, 3, H, W) float32, N = 1 or free, H and W fixed.
        device: ``auto`` (CUDA if onnxruntime has it), ``cpu`` or ``cuda``.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: no such file.
        ValueError: a broken file, another kind of input, a device that is not there.
    """

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ImportError(
                f"the detector onnx needs onnxruntime: {sys.executable} -m pip install onnxruntime, or onnxruntime-gpu"
            ) from None
        self.path = path
        file = user_path(path)
        if not file.is_file():
            raise FileNotFoundError(f"no network at {str(path)!r}: expected an .onnx file of a pose network")
        check_downloaded(file)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=providers("onnx", device))
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class of their own
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"{path}: not an ONNX network that onnxruntime can load: {reason}") from None
        self._input = self._session.get_inputs()[0]
        self.size, self._one_by_one = _input_size(self._input, path)

    def __call__(self, images: Maps) -> list[Maps]:
        """Return the outputs, each (N, ...), of images (N, 3, H, W), N of at least 1."""
        batches = np.split(images, len(images)) if self._one_by_one else [images]
        parts = [self._session.run(None, {self._input.name: np.ascontiguousarray(batch)}) for batch in batches]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the outputs' shapes for one image, as they are, whatever the file says of them."""
        return [output.shape for output in self(np.zeros((1, 3, *self.size), np.float32))]


def providers(detector: str, device: str) -> list[str]:
    """Return what onnxruntime shall run a detector's networks on.

    Raises:
        ValueError: no such device, or none that this onnxruntime knows.
    """
    import onnxruntime

    cuda, available = "CUDAExecutionProvider", onnxruntime.get_available_providers()
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {device!r} of the detector {detector}: expected auto, cpu or cuda")
    if device == "cuda" and cuda not in available:
        raise ValueError(f"device 'cuda': this onnxruntime has {', '.join(available)}; pip install onnxruntime-gpu")
    wanted = [cuda] if device != "cpu" and cuda in available else []
    return [*wanted, "CPUExecutionProvider"]


def _input_size(network_input: Any, path: str | Path) -> tuple[tuple[int, int], bool]:
    """(height, width) of the images, and whether they go in one by one."""
    shape = network_input.shape
    fits = len(shape) == 4 and shape[1] == 3 and all(isinstance(n, int) for n in shape[2:])
    if not fits or (isinstance(shape[0], int) and shape[0] != 1) or network_input.type != "tensor(float)":
        raise ValueError(
            f"{path}: expected an input (N, 3, H, W) of float32 with N = 1 or free, H and W fixed, got "
            f"{network_input.type} {shape}"
        )
    return (shape[2], shape[3]), shape[0] == 1
