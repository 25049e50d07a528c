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

"""The ``paper`` network as the authors' released code computes it: what the benchmark compares with.

Batch first, operator by operator: two products for the two weights of a graph convolution, its affinity matrix put
together and masked in each call, batch normalisation on a transposed copy, a non-local block of convolutions, the
embedding of the time step in each call. The numbers are those of ``Denoiser``, but for rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffupose_ros.lifting.checkpoint import Checkpoint
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.networks.denoiser import (
    Denoiser,
    GraphConv,
    ModulatedGraphConv,
    NonLocal,
    ResidualBlock,
    TimeBlock,
)
from diffupose_ros.pytorch import select_device


class PlainDenoiser(nn.Module):
    """The released network.

    Args:
        denoiser: ``paper``, in evaluation mode; its weights are shared.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.time_embedding = denoiser.time_embedding
        self.input = _PlainBlock(denoiser.input)
        self.blocks = nn.ModuleList(_PlainResidual(block) for block in denoiser.blocks)
        self.time1, self.time2 = _PlainTime(denoiser.time1), _PlainTime(denoiser.time2)
        self.non_local = _PlainNonLocal(denoiser.non_local)
        self.output = _PlainConv(denoiser.output)
        self.eval()

    def forward(self, x: Tensor, condition: Tensor, t: Tensor) -> Tensor:
        """Run the network; shapes as in ``Denoiser``."""
        embedding = self.time_embedding(t)
        h = self.input(torch.cat((x, condition), 2))
        for block in self.blocks:
            h = block(h)
        h = self.time2(self.non_local(self.time1(h, embedding)), embedding)
        return self.output(h)  # type: ignore[no-any-return]


def plain_sampler(checkpoint: Checkpoint, device: str = "auto") -> Sampler:
    """Return a sampler that runs the plain network in the plain loop, whose time steps are the rows' own.

    Raises:
        ValueError: a device that is not there.
    """
    network = PlainDenoiser(checkpoint.build()).to(select_device(device))

    def run(x: Tensor, condition: Tensor, t: int) -> Tensor:
        return network(x, condition, torch.full((len(x),), t, device=x.device))  # type: ignore[no-any-return]

    return Sampler(run, checkpoint.diffusion, checkpoint.denoiser.joints, device, variant="paper")


class _PlainConv(nn.Module):
    """Modulated graph convolution, (B, J, in) -> (B, J, out)."""

    def __init__(self, conv: ModulatedGraphConv) -> None:
        super().__init__()
        self.W, self.M, self.adj2, self.bias = conv.W, conv.M, conv.adj2, conv.bias
        self.register_buffer("adjacency", conv.adjacency, persistent=False)
        self.adjacency: Tensor

    def forward(self, x: Tensor) -> Tensor:
        h0, h1 = torch.matmul(x, self.W[0]), torch.matmul(x, self.W[1])
        modulated = self.adjacency.to(x.device) + self.adj2.to(x.device)
        affinity = (modulated.T + modulated) / 2
        own = torch.eye(len(affinity), dtype=torch.float, device=x.device)
        output = torch.matmul(affinity * own, self.M * h0) + torch.matmul(affinity * (1 - own), self.M * h1)
        return output + self.bias.view(1, 1, -1)


class _PlainBlock(nn.Module):
    """Graph convolution, batch normalisation, ReLU."""

    def __init__(self, block: GraphConv) -> None:
        super().__init__()
        self.gconv, self.bn = _PlainConv(block.gconv), block.bn

    def forward(self, x: Tensor) -> Tensor:
        h = self.gconv(x).transpose(1, 2)
        return F.relu(self.bn(h).transpose(1, 2))


class _PlainResidual(nn.Module):
    """Two graph convolutions around a skip."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, ResidualBlock) and block.time is None
        self.gconv1, self.gconv2 = _PlainBlock(block.gconv1), _PlainBlock(block.gconv2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gconv2(self.gconv1(x))  # type: ignore[no-any-return]


class _PlainTime(nn.Module):
    """Scale and shift by the rows' time steps, then SiLU."""

    def __init__(self, block: TimeBlock) -> None:
        super().__init__()
        self.mlp = block.mlp

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.mlp(embedding)[:, None].chunk(2, dim=2)
        return F.silu(x * (scale + 1) + shift)


class _PlainNonLocal(nn.Module):
    """Non-local block of one-wide convolutions over the joints, (B, J, C) -> (B, J, C)."""

    def __init__(self, block: NonLocal) -> None:
        super().__init__()
        linear, norm = block.W
        assert isinstance(linear, nn.Linear)
        self.g, self.theta, self.phi = map(_convolution, (block.g, block.theta, block.phi))
        self.W = nn.Sequential(_convolution(linear), norm)

    def forward(self, x: Tensor) -> Tensor:
        y = x.permute(0, 2, 1)
        value, query, key = self.g(y).permute(0, 2, 1), self.theta(y).permute(0, 2, 1), self.phi(y)
        attention = F.softmax(torch.matmul(query, key), dim=-1)
        attended = torch.matmul(attention, value).permute(0, 2, 1).contiguous()
        return (self.W(attended) + y).permute(0, 2, 1)  # type: ignore[no-any-return]


def _convolution(linear: nn.Linear) -> nn.Conv1d:
    convolution = nn.Conv1d(linear.in_features, linear.out_features, 1).requires_grad_(False)
    convolution.weight.copy_(linear.weight[:, :, None])
    convolution.bias.copy_(linear.bias)  # type: ignore[union-attr]
    return convolution
