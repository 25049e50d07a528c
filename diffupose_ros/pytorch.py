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


"""What everything that runs on PyTorch needs: a device by its name, files of weights."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from diffupose_ros.files import check_downloaded, one_line
from diffupose_ros.processor import cpu_flags

_NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
"""What Linux calls a CPU's bfloat16 products: on x86, with tiles, and on Arm."""

_WRAPPERS = ("ema", "model_ema", "ema_state_dict", "state_dict_ema", "model", "state_dict", "model_state_dict")
_PREFIXES = re.compile(r"^(?:(?:_orig_mod|module|model)\.)+")


def select_device(name: str) -> torch.device:
    """Return the device called ``name``: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...

    Raises:
        ValueError: a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except Exception as error:  # noqa: BLE001 - torch raises different kinds for each backend
        raise ValueError(f"device {name!r} cannot be used: {one_line(error)}") from None
    return device


def product_type(device: torch.device) -> torch.dtype:
    """Return the type that matrix products are fastest in: bfloat16 where the device computes in it, else float32."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)  # older ones emulate it
    else:
        native = bool(_NATIVE_BFLOAT16 & cpu_flags())
    return torch.bfloat16 if native else torch.float32


def is_safetensors(path: Path) -> bool:
    """Return whether a file is called, or looks like, safetensors; all other weights are pickled."""
    with open(path, "rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        ValueError: truncated, or another kind of file.
    """
    check_downloaded(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: truncated, or not a safetensors file: {error}") from None


def load_pickled(path: Path) -> dict[Any, Any]:
    """Return what a ``.pt``, ``.pth`` or ``.ckpt`` holds, on the CPU; no code of the file is run. Empty if no dict.

    Raises:
        ValueError: truncated, not a file of weights, or with objects that are none.
    """
    check_downloaded(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises a dozen kinds for a broken file
        foreign = re.search(r"Unsupported (?:global: GLOBAL|class) (\S+)", str(error))
        if foreign:
            raise ValueError(
                f"{path}: holds a {foreign[1]}, which is no weight, and could run code: not loaded. If you trust the "
                "file, keep its weights: torch.save(torch.load(FILE, weights_only=False)['state_dict'], NEW_FILE)"
            ) from None
        advises = "weights_only" in str(error)  # to load it without looking at what it holds
        reason = "" if advises else f": {one_line(error)}"
        raise ValueError(f"{path}: truncated, or not a PyTorch weights file{reason}") from None
    return loaded if isinstance(loaded, dict) else {}


def state_dict_of(loaded: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the weights in what a training script saved, by their network's own names; averaged ones if there are.

    What data-parallel training, ``torch.compile`` and Lightning put before a name is left out.
    """
    for wrapper in _WRAPPERS:
        inside = loaded.get(wrapper)
        if isinstance(inside, Mapping) and (weights := state_dict_of(inside)):
            return weights
    return {_PREFIXES.sub("", str(name)): value for name, value in loaded.items() if torch.is_tensor(value)}


def kept(weights: Mapping[str, Tensor], matrices: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """Return weights as files keep them: on the CPU, matrices of this type, vectors in float32, integers left out."""
    return {
        name: value.to("cpu", matrices if value.ndim > 1 else torch.float32).contiguous()
        for name, value in weights.items()
        if value.is_floating_point()
    }


def save_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file(tensors, partial, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"cannot write {path}: {error}") from None
    partial.chmod(0o644)  # safetensors makes it the owner's alone
    os.replace(partial, path)


def check_finite(weights: Mapping[str, Tensor]) -> None:
    """Refuse weights that hold NaN or infinite numbers.

    Raises:
        ValueError: they do; names some.
    """
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f"the weights hold NaN or infinite numbers: {', '.join(broken[:3])}")
