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

"""The denoiser that the paper compares its graph network with: a 1D U-Net over the joints.

The joints, in order, are a sequence, padded to a length that can be halved; the network knows of no bones.
In the form usual for diffusion models: residual blocks with group normalisation, into which the time step
enters as scale and shift, and attention at the coarsest resolution.

Sources: U-Net, Ronneberger et al. 2015; as a denoiser, Ho et al. 2020; DiffuPose, table IV.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffupose_ros.lifting.networks.denoiser import TimeEmbedding

_GROUPS = 4


@dataclass(frozen=True)
class UNetConfig:
    """What a U-Net is built from; with the defaults 3.00 M parameters, the paper's has 2.99 M.

    Attributes:
        joints: J.
        channels: at full resolution, a multiple of 4.
        multiples: of ``channels`` at each resolution, full to coarsest.
        condition_channels: channels of the 2D condition of each joint.
    """

    joints: int = 17
    channels: int = 40
    multiples: tuple[int, ...] = (1, 2, 4, 8)
    condition_channels: int = 2


class ResidualBlock(nn.Module):
    """Two convolutions around a skip, scaled and shifted between them, (B, in, L) -> (B, out, L)."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1)
        self.norm1 = nn.GroupNorm(_GROUPS, outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(_GROUPS, outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Run the block; ``embedding`` (B or 1, E) of the time step."""
        scale, shift = self.time(embedding)[..., None].chunk(2, dim=1)
        h = F.silu(self.norm1(self.conv1(x)) * (scale + 1) + shift)
        y: Tensor = F.silu(self.norm2(self.conv2(h))) + self.skip(x)
        return y


class Attention(nn.Module):
    """Self-attention over the positions, with a skip, (B, C, L) -> (B, C, L)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(1, channels)
        self.query_key_value = nn.Conv1d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        batch, channels, length = x.shape
        mixed = self.query_key_value(self.norm(x)).view(batch, 3, self.heads, -1, length).transpose(-1, -2)
        h = F.scaled_dot_product_attention(*mixed.unbind(1)).transpose(-1, -2).reshape(batch, channels, length)
        y: Tensor = x + self.out(h)
        return y


class UNet(nn.Module):
    """Takes and returns what a ``Denoiser`` of the ``paper`` variant does."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        channels, embedding = config.channels, 3 * config.channels
        widths = [channels * m for m in config.multiples]
        steps = list(pairwise(widths))
        self.halvings = len(steps)
        self.time_embedding = TimeEmbedding(2 * embedding)
        self.input = nn.Conv1d(3 + config.condition_channels, channels, 7, padding=3)
        self.down = nn.ModuleList(ResidualBlock(a, a, embedding) for a, _ in steps)
        self.shrink = nn.ModuleList(nn.Conv1d(a, b, 4, stride=2, padding=1) for a, b in steps)
        self.middle1 = ResidualBlock(widths[-1], widths[-1], embedding)
        self.attention = Attention(widths[-1])
        self.middle2 = ResidualBlock(widths[-1], widths[-1], embedding)
        self.grow = nn.ModuleList(nn.Conv1d(b, a, 3, padding=1) for a, b in reversed(steps))
        self.up = nn.ModuleList(ResidualBlock(2 * a, a, embedding) for a, _ in reversed(steps))
        self.output = nn.Conv1d(channels, 5, 1)

    def forward(self, x: Tensor, condition: Tensor, t: Tensor) -> Tensor:
        """Run the network.

        Args:
            x: (B, J, 3) noisy pose.
            condition: (B, J, condition_channels).
            t: (B,) or (1,) time step, 0 to T - 1.

        Returns:
            (B, J, 5): prediction, and the reconstructed 2D pose, which only the training loss uses.
        """
        joints, embedding = x.shape[1], self.time_embedding(t)
        h = torch.cat((x, condition), -1).transpose(1, 2)
        h = self.input(F.pad(h, (0, -joints % 2**self.halvings)))
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            h = block(h, embedding)
            skips.append(h)
            h = shrink(h)
        h = self.middle2(self.attention(self.middle1(h, embedding)), embedding)
        for grow, block in zip(self.grow, self.up, strict=True):
            h = grow(F.interpolate(h, scale_factor=2))
            h = block(torch.cat((h, skips.pop()), 1), embedding)
        y: Tensor = self.output(h)[..., :joints]
        return y.transpose(1, 2)


class AtStep(nn.Module):
    """A denoiser as ``Sampler`` calls it: with one time step, a number, for all poses."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, condition: Tensor, t: int) -> Tensor:
        """Run the network; shapes as in ``UNet``."""
        y: Tensor = self.network(x, condition, torch.tensor([t], device=x.device))
        return y
