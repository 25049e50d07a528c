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

"""The denoiser of DiffuPose: a modulated graph convolutional network (GCN) over the joints.

Two variants of one family. ``paper`` is the network of the authors' released code, weight for weight.
``robust`` is ours: it sees how good each 2D joint is, and the time step enters between the graph
convolutions, as the paper's text says, not only behind them.

Inside, tensors are joint-first, (J, B, C): every product of a graph convolution is then one large
matrix product, over the channels or over the joints.

Sources: DiffuPose, Choi et al., IROS 2023; modulated GCN, Zou and Tang, ICCV 2021; non-local block,
Wang et al., CVPR 2018.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffupose_ros.skeleton import PARENTS

Variant = Literal["paper", "robust"]
MOST = {"channels": 4096, "condition_channels": 256, "blocks": 64, "joints": 64, "width": 16384}
"""Of which networks are made: what is more is a damaged file's, and would take all memory."""


def check_whole(name: str, value: object, most: int) -> None:
    """Check a number of layers, channels, ...

    Raises:
        ValueError: it is not a whole number from 1 to ``most``.
    """
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name}: expected a whole number, 1 to {most}, got {value!r}")


@dataclass(frozen=True)
class DenoiserConfig:
    """What a denoiser is built from.

    Attributes:
        variant: ``paper`` or ``robust``.
        channels: the paper's d; a multiple of 16.
        parents: the skeleton as each joint's parent, -1 for the root.
        condition_channels: channels of the 2D condition of each joint.
        blocks: number of residual graph blocks.

    Raises:
        ValueError: numbers that no network has.
    """

    variant: Variant = "robust"
    channels: int = 128
    parents: tuple[int, ...] = PARENTS
    condition_channels: int = 5
    blocks: int = 4

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise ValueError(f"variant: expected {' or '.join(get_args(Variant))}, got {self.variant!r}")
        for name in ("channels", "condition_channels", "blocks"):
            check_whole(name, getattr(self, name), MOST[name])
        known = range(-1, len(self.parents))
        if not 1 <= len(self.parents) <= MOST["joints"] or any(parent not in known for parent in self.parents):
            raise ValueError(f"parents: expected the parent of each of up to {MOST['joints']} joints, -1 for the root")

    @property
    def joints(self) -> int:
        """Number of joints."""
        return len(self.parents)

    @classmethod
    def paper(cls, channels: int, parents: tuple[int, ...] = PARENTS) -> "DenoiserConfig":
        """Return the released network's configuration: the condition is the 2D pose alone."""
        return cls("paper", channels, parents, condition_channels=2)


def skeleton_adjacency(parents: tuple[int, ...]) -> Tensor:
    """Return the affinity matrix (J, J): bones, row-normalised, with the diagonal then set to 1."""
    adjacency = torch.zeros(len(parents), len(parents))
    for child, parent in enumerate(parents):
        if parent >= 0:
            adjacency[child, parent] = adjacency[parent, child] = 1
    adjacency /= adjacency.sum(1, keepdim=True)
    return adjacency.fill_diagonal_(1)


class ModulatedGraphConv(nn.Module):
    """Graph convolution with weight and affinity modulation, (J, B, in) -> (J, B, out)."""

    def __init__(self, inputs: int, outputs: int, adjacency: Tensor) -> None:
        super().__init__()
        joints = len(adjacency)
        self.W = nn.Parameter(nn.init.xavier_uniform_(torch.empty(2, inputs, outputs), gain=1.414))
        self.M = nn.Parameter(nn.init.xavier_uniform_(torch.empty(joints, outputs), gain=1.414))
        self.adj2 = nn.Parameter(torch.full((joints, joints), 1e-6))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-(outputs**-0.5), outputs**-0.5))
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.adjacency: Tensor

    def affinity(self) -> Tensor:
        """Return the modulated affinity matrix (J, J), symmetrised."""
        modulated = self.adjacency + self.adj2
        return (modulated + modulated.T) / 2

    def forward(self, x: Tensor) -> Tensor:
        affinity = self.affinity()
        own = affinity.diagonal()[:, None]
        h = x @ torch.cat((self.W[0], self.W[1]), 1)
        h_own, h_others = h.chunk(2, dim=-1)
        others = (affinity - torch.diag(affinity.diagonal())) @ (self.M[:, None] * h_others).flatten(1)
        return (own * self.M)[:, None] * h_own + others.view_as(h_own) + self.bias


class GraphConv(nn.Module):
    """Modulated graph convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, adjacency: Tensor) -> None:
        super().__init__()
        self.gconv = ModulatedGraphConv(inputs, outputs, adjacency)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.gconv(x)
        return F.relu(self.bn(h.flatten(0, 1)).view_as(h))


class TimeBlock(nn.Module):
    """Scale and shift by the time step, then SiLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(channels // 2, 2 * channels))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.mlp(embedding).chunk(2, dim=-1)
        return F.silu(x * (scale + 1) + shift)


class ResidualBlock(nn.Module):
    """Two graph convolutions around a skip; in ``robust`` the time step enters between them."""

    def __init__(self, channels: int, adjacency: Tensor, timed: bool) -> None:
        super().__init__()
        self.gconv1 = GraphConv(channels, channels, adjacency)
        self.gconv2 = GraphConv(channels, channels, adjacency)
        self.time = TimeBlock(channels) if timed else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.gconv1(x)
        if self.time is not None:
            h = self.time(h, embedding)
        y: Tensor = self.gconv2(h)
        return x + y


class NonLocal(nn.Module):
    """Embedded-Gaussian non-local block over the joints, (J, B, C) -> (J, B, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.g = nn.Linear(channels, inner)
        self.theta = nn.Linear(channels, inner)
        self.phi = nn.Linear(channels, inner)
        norm = nn.BatchNorm1d(channels)
        nn.init.zeros_(norm.weight)  # starts as the identity
        self.W = nn.Sequential(nn.Linear(inner, channels), norm)

    def forward(self, x: Tensor) -> Tensor:
        by_person = x.transpose(0, 1)
        attention = (self.theta(by_person) @ self.phi(by_person).transpose(1, 2)).softmax(-1)
        h = (attention @ self.g(by_person)).transpose(0, 1)
        y: Tensor = self.W(h.flatten(0, 1))
        return x + y.view_as(x)


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding of the time step and its two-layer network, (B,) -> (B, channels / 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 16
        rates = torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        self.register_buffer("rates", rates, persistent=False)
        self.rates: Tensor
        self.mlp = nn.Sequential(
            nn.Linear(channels // 8, channels // 2), nn.GELU(), nn.Linear(channels // 2, channels // 2)
        )

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None].to(self.rates) * self.rates
        return self.mlp(torch.cat((angles.sin(), angles.cos()), -1))  # type: ignore[no-any-return]


class Denoiser(nn.Module):
    """Predicts from a noisy pose, its 2D condition and the time step.

    Outputs 3 channels per joint; ``paper`` also reconstructs the 2D pose in 2 more, which only its
    training loss uses.
    """

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        if config.channels < 32 or config.channels % 16:
            raise ValueError(f"channels: expected a multiple of 16 from 32 on, got {config.channels}")
        self.config = config
        d, robust = config.channels, config.variant == "robust"
        adjacency = skeleton_adjacency(config.parents)
        self.time_embedding = TimeEmbedding(d)
        self.input = GraphConv(3 + config.condition_channels, d, adjacency)
        self.blocks = nn.ModuleList(ResidualBlock(d, adjacency, timed=robust) for _ in range(config.blocks))
        self.time1 = TimeBlock(d)
        self.non_local = NonLocal(d)
        self.time2 = TimeBlock(d)
        self.output = ModulatedGraphConv(d, 3 if robust else 5, adjacency)

    def forward(self, x: Tensor, condition: Tensor, t: Tensor) -> Tensor:
        """Run the network.

        Args:
            x: (B, J, 3) noisy pose.
            condition: (B, J, condition_channels).
            t: (B,) or (1,) time step, 0 to T - 1.

        Returns:
            (B, J, 3), ``paper``: (B, J, 5).
        """
        embedding = self.time_embedding(t)
        h = self.input(torch.cat((x, condition), -1).transpose(0, 1))
        for block in self.blocks:
            h = block(h, embedding)
        h = self.time2(self.non_local(self.time1(h, embedding)), embedding)
        return self.output(h).transpose(0, 1)  # type: ignore[no-any-return]
