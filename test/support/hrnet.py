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


"""Weights for HRNet's tests: random ones, the same on every machine, and ones that do something simple."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from diffupose_ros.detection import HRNet

COLOURS = {"nose": 0, "left_eye": 1, "right_eye": 2}
"""Joints that the network of ``colour_weights`` sees, and the channel (RGB) that it sees them in."""


def uniform(random: np.random.RandomState, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return torch.from_numpy(random.random_sample(shape).astype(np.float32)).mul_(high - low).add_(low)


@cache
def random_weights(width: str = "w32") -> dict[str, Tensor]:
    """Weights of the size that training leaves, under the official names."""
    random = np.random.RandomState(0)  # its numbers are frozen by numpy's policy
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in HRNet(width).state_dict().items()}
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(0)
        elif len(shape) == 4:
            weights[name] = uniform(random, shape, -1, 1) / float(np.prod(shape[1:])) ** 0.5
        elif name.endswith(("running_var", "weight")):
            weights[name] = uniform(random, shape, 0.5, 1.5)
        else:
            weights[name] = uniform(random, shape, -0.2, 0.2)
    return weights


@cache
def colour_weights() -> dict[str, Tensor]:
    """Weights of a W32 whose heat maps of ``COLOURS`` are that channel of the crop, 0 to 1, at every fourth pixel.

    All others are 0: the residual blocks do nothing and the branches exchange nothing.
    """
    with torch.device("meta"):
        empty = HRNet("w32").state_dict()
    weights = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in empty.items()}
    for name, value in weights.items():
        if name.endswith("running_var"):
            value.fill_(1)
            weights[name.replace("running_var", "weight")].fill_(1)
    for joint, (channel, mean, deviation) in enumerate([(0, 0.485, 0.229), (1, 0.456, 0.224), (2, 0.406, 0.225)]):
        weights["conv1.weight"][channel, channel, 1, 1] = deviation
        weights["bn1.bias"][channel] = mean
        weights["conv2.weight"][channel, channel, 1, 1] = 1
        weights["layer1.0.downsample.0.weight"][channel, channel] = 1
        weights["transition1.0.0.weight"][channel, channel, 1, 1] = 1
        weights["final_layer.weight"][joint, channel] = 1
    return weights
