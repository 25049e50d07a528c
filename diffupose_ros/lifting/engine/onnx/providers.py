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

"""Which of onnxruntime's execution providers a device's name stands for."""

import re
import sys
from typing import Any

from diffupose_ros.files import cache_folder

CPU = "CPUExecutionProvider"
_KINDS = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_PACKAGES = {"cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu", "openvino": "onnxruntime-openvino"}
ONLY_ONNX = ("tensorrt", "openvino")
"""Devices that the engine torch does not know."""
MOST = {"P": 64, "N": 200}
"""People and hypotheses that a TensorRT engine is built for."""

Provider = tuple[str, dict[str, Any]]


def providers_of(device: str, available: list[str], half: bool, shapes: dict[str, list[int | str]]) -> list[Provider]:
    """Return the providers to ask for, the best first; the CPU's is the last.

    Args:
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``, ``tensorrt:1`` or
            ``openvino``.
        available: what this onnxruntime has.
        half: whether TensorRT may compute in half precision.
        shapes: of each input, with texts for what may differ.

    Raises:
        ValueError: another device, or one that this onnxruntime does not have; says which it has.
    """
    if device == "auto":
        device = "cuda" if _KINDS["cuda"] in available else "cpu"
    found = re.fullmatch(r"(cpu|cuda|tensorrt|openvino)(?::(\d+))?", device)
    if not found or (found[2] and found[1] not in ("cuda", "tensorrt")):
        raise ValueError(f"device {device!r}: the engine onnx has auto, cpu, cuda, cuda:1, ..., tensorrt and openvino")
    kind, number = found[1], int(found[2] or 0)
    if _KINDS[kind] not in available:
        raise ValueError(
            f"device {device!r}: this onnxruntime has {devices(available)}; another build of it has that one: "
            f"{sys.executable} -m pip install {_PACKAGES.get(kind, 'onnxruntime')}"
        )
    options: dict[str, dict[str, Any]] = {"cuda": {"device_id": number}, "tensorrt": _tensorrt(number, half, shapes)}
    asked = [(_KINDS[kind], options.get(kind, {}))]
    if kind == "tensorrt" and _KINDS["cuda"] in available:  # for what TensorRT leaves out
        asked.append((_KINDS["cuda"], options["cuda"]))
    return asked if kind == "cpu" else [*asked, (CPU, {})]


def devices(available: list[str]) -> str:
    """Return the devices of providers, for people."""
    return ", ".join(kind for kind, provider in _KINDS.items() if provider in available) or "none"


def _tensorrt(number: int, half: bool, shapes: dict[str, list[int | str]]) -> dict[str, Any]:
    """Options: engines are built once for each GPU, for any number of people, best for a few, and kept."""
    few = {"P": 2, "N": 10}

    def profile(sizes: dict[str, int]) -> str:
        texts = {name: "x".join(str(sizes.get(str(n), n)) for n in shape) for name, shape in shapes.items()}
        return ",".join(f"{name}:{text}" for name, text in texts.items())

    return {
        "device_id": number,
        "trt_fp16_enable": half,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache_folder() / "tensorrt"),
        "trt_timing_cache_enable": True,
        "trt_profile_min_shapes": profile({"P": 1, "N": 1}),
        "trt_profile_opt_shapes": profile(few),
        "trt_profile_max_shapes": profile(MOST),
    }
