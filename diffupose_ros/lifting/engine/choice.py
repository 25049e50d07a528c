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

"""Which engine runs a model: PyTorch with our kernels, or onnxruntime."""

import sys
from pathlib import Path
from typing import Literal, get_args

from diffupose_ros.files import user_path
from diffupose_ros.lifting.engine.exports import SUFFIX, export_of, installed
from diffupose_ros.lifting.engine.providers import ONLY_ONNX
from diffupose_ros.lifting.engine.sampling import Precision
from diffupose_ros.processor import cpu_flags

Engine = Literal["auto", "torch", "onnx"]
_FASTER: tuple[tuple[str, Literal["torch", "onnx"]], ...] = (
    ("amx_bf16", "torch"),
    ("avx512f", "torch"),
    ("avx2", "onnx"),
)
"""The faster engine of CPUs with a set of instructions, by Linux's names, the first that fits; docs/speed.md has the
measurements. Others, Arm among them, have not been measured: torch."""
_GPUS = ("/dev/nvidiactl", "/dev/nvhost-gpu")  # NVIDIA's, and Jetson's


def choose(
    engine: Engine, weights: str | Path, device: str = "auto", precision: Precision = "auto", steps: int | None = None
) -> Literal["torch", "onnx"]:
    """Return the engine; loads neither.

    ``auto`` is onnx for ONNX files, for devices and precisions that only it has, and where PyTorch is not installed.
    Where both are, it is the faster one on this CPU: torch on GPUs and for an unknown number of steps, and without an
    export.

    Args:
        engine: what the user says.
        weights: name or path of the model.
        device: where it shall run.
        precision: of its products.
        steps: the number of DDIM steps that it will be asked for; None: that is not known.

    Raises:
        ImportError: it is not installed; says how to install it.
        ValueError: an unknown one, or one that cannot read the file.
    """
    if engine not in get_args(Engine):
        raise ValueError(f"engine {engine!r}: expected {', '.join(get_args(Engine))}")
    if engine == "torch":
        if user_path(weights).suffix == SUFFIX:
            raise ValueError(f"{weights}: the engine torch reads .safetensors, .pt, .pth and .ckpt, not ONNX files")
        _need("torch", "safetensors")
    if engine != "auto":
        return engine
    if not chosen_by_speed(weights, device, precision):
        if not installed("torch", "safetensors") and not installed("onnxruntime"):
            _need("torch", "safetensors")
        return "onnx"
    faster = next((named for flag, named in _FASTER if flag in cpu_flags()), "torch")
    on_cpu = device == "cpu" or (device == "auto" and not any(Path(gpu).exists() for gpu in _GPUS))
    if faster == "torch" or not on_cpu or steps is None or precision == "bfloat16" or not installed("onnxruntime"):
        return "torch"
    try:
        export_of(weights, steps, precision, make=False)
    except (OSError, ValueError):
        return "torch"
    return "onnx"


def chosen_by_speed(weights: str | Path, device: str, precision: Precision = "auto") -> bool:
    """Return whether ``auto`` has a choice: PyTorch is installed, and has all that is asked for."""
    only_onnx = user_path(weights).suffix == SUFFIX or device.partition(":")[0] in ONLY_ONNX or precision == "float16"
    return not only_onnx and installed("torch", "safetensors")


def _need(*modules: str) -> None:
    if missing := [module for module in modules if not installed(module)]:
        raise ImportError(
            f"the engine torch needs {' and '.join(missing)}: {sys.executable} -m pip install {' '.join(missing)}; or "
            f"take the engine onnx, which needs onnxruntime alone"
        )
