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


"""Files of HRNet's weights: official ones, MMPose's, and ours."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from diffupose_ros.pytorch import is_safetensors, kept, load_pickled, load_tensors, save_tensors, state_dict_of

# MMPose's names, old and new, for what the official network calls the same without the first word.
_MMPOSE = re.compile(r"^(backbone|(keypoint_head|head)(?=\.final_layer\.))\.")
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


def read_hrnet(path: Path) -> tuple[dict[str, Tensor], tuple[int, int]]:
    """Return the weights under the official names, float32, and the input size (height, width) they are for.

    The size is what the file or its name says ("..._384x288_..."), else 256 x 192.

    Raises:
        ValueError: the file is truncated, of another kind, or holds NaN.
    """
    size = path.name
    if is_safetensors(path):
        state, metadata = load_tensors(path)
        size = metadata.get("input_size", size)
    else:
        state = load_pickled(path)
    weights = {n: v.float() if v.is_floating_point() else v for n, v in state_dict_of(state).items()}
    if any(_MMPOSE.match(name) for name in weights):  # and leave out what is not of the network
        weights = {_MMPOSE.sub("", name): value for name, value in weights.items() if _MMPOSE.match(name)}
    if not any(name.startswith("stage2.") for name in weights):
        raise ValueError(f"{path}: not an HRNet: no parameter named stage2... or backbone.stage2...")
    broken = [name for name, value in weights.items() if not value.sum().isfinite()]
    if broken:
        raise ValueError(f"{path}: the weights hold NaN or infinite numbers: {', '.join(broken[:3])}")
    for name in [name for name in weights if name.endswith("running_mean")]:  # which files may leave out
        weights.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    sizes = [(int(found[1]), int(found[2])) for found in _SIZE.finditer(size)]
    return weights, next((s for s in sizes if s[0] % 32 == s[1] % 32 == 0), (256, 192))


def save_hrnet(weights: Mapping[str, Tensor], path: Path, input_size: tuple[int, int] = (256, 192)) -> None:
    """Write weights with the official names as safetensors, whole or not at all.

    Kernels in float16, vectors in float32: half the size of the official files.

    Raises:
        OSError: the file cannot be written.
    """
    save_tensors(kept(weights), path, {"input_size": "{}x{}".format(*input_size)})
