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

from diffupose_ros.defaults import Engine
from diffupose_ros.files import user_path
from diffupose_ros.lifting.engine.onnx.files import SUFFIX, installed
from diffupose_ros.lifting.engine.onnx.providers import ONLY_ONNX
from diffupose_ros.lifting.engine.sampling import Precision


def choose(
    engine: Engine, weights: str | Path, device: str = "auto", precision: Precision = "auto"
) -> Literal["torch", "onnx"]:
    """Return the engine; loads neither.

    ``auto`` is onnx for ONNX files, for devices and precisions that only it has, and where PyTorch is not installed;
    else torch, which has any number of steps, and is the faster one from a few people on (docs/speed.md).

    Args:
        engine: what the user says.
        weights: name or path of the model.
        device: where it shall run.
        precision: of its products.

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
    only_onnx = user_path(weights).suffix == SUFFIX or device.partition(":")[0] in ONLY_ONNX or precision == "float16"
    if not only_onnx and not installed("onnxruntime"):
        _need("torch", "safetensors")
    return "onnx" if only_onnx or not installed("torch", "safetensors") else "torch"


def _need(*modules: str) -> None:
    if missing := [module for module in modules if not installed(module)]:
        raise ImportError(
            f"the engine torch needs {' and '.join(missing)}: {sys.executable} -m pip install {' '.join(missing)}; or "
            f"take the engine onnx, which needs onnxruntime alone"
        )
