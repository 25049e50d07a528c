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

"""The optimiser, its learning rate, and the moving average of the weights."""

import math

import torch
from torch import nn

from diffupose_ros.training.config import EmaConfig, OptimiserConfig


def make_optimiser(config: OptimiserConfig, network: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser of those of a network's parameters that learn."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    fused = learning[0].is_cuda
    if config.name == "adam":
        return torch.optim.Adam(learning, lr=config.learning_rate, fused=fused)
    return torch.optim.AdamW(learning, lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def learning_rate(config: OptimiserConfig, step: int, steps: int, epoch: float) -> float:
    """Return the learning rate of a step.

    Args:
        config: peak and schedule.
        step: counted from 0.
        steps: of the whole run.
        epoch: steps in an epoch.
    """
    progress = step / steps
    rate = config.learning_rate * (min(1.0, progress / config.warm_up + 1e-3) if config.warm_up else 1.0)
    if config.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * progress))
    if config.schedule == "exponential":
        return float(rate * config.decay ** (step // epoch))
    return rate


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, config: EmaConfig, step: int, warm: bool) -> None:
    """Move the averaged weights, and statistics of batch normalisation, towards the network's.

    Args:
        mean: the averaged network.
        network: the trained one.
        config: how far, and how often.
        step: counted from 0.
        warm: whether the average began at good weights; if not, it forgets the first ones faster.
    """
    if step % config.every:
        return
    decay = config.decay if warm else min(config.decay, (1 + step) / (10 + step))
    values = [v for v in network.state_dict().values() if v.is_floating_point()]
    torch._foreach_lerp_([m for m in mean.state_dict().values() if m.is_floating_point()], values, 1 - decay)
