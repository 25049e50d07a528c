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

"""The denoiser for inference: everything that does not depend on the input is computed once.

Batch normalisation is folded into the graph convolutions, affinity and modulation into constants, and the
time step's scales and shifts into tables. The same numbers as ``Denoiser`` in evaluation mode, but for
rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffupose_ros.lifting.denoiser import (
    Denoiser,
    GraphConv,
    ModulatedGraphConv,
    NonLocal,
    ResidualBlock,
    TimeBlock,
)


class FoldedDenoiser(nn.Module):
    """``Denoiser`` with constants folded; not for training.

    Args:
        denoiser: in evaluation mode.
        steps: T, the number of time steps.
    """

    def __init__(self, denoiser: Denoiser, steps: int) -> None:
        super().__init__()
        embedding = denoiser.time_embedding(torch.arange(steps))
        self.input = _graph_conv(denoiser.input)
        self.blocks = nn.ModuleList(_FoldedBlock(block, embedding) for block in denoiser.blocks)
        self.time1 = _FoldedTime(denoiser.time1, embedding)
        self.non_local = _FoldedNonLocal(denoiser.non_local)
        self.time2 = _FoldedTime(denoiser.time2, embedding)
        self.output = _FoldedConv(denoiser.output, torch.ones(()), torch.zeros(()))

    def forward(self, x: Tensor, condition: Tensor, t: int) -> Tensor:
        """Run the network for one time step of all poses; shapes as in ``Denoiser``."""
        h = self.input(torch.cat((x, condition), -1).transpose(0, 1).contiguous()).relu_()
        for block in self.blocks:
            h = block(h, t)
        h = self.time2(self.non_local(self.time1(h, t)), t)
        y: Tensor = self.output(h)
        return y.transpose(0, 1)


class _FoldedConv(nn.Module):
    """A modulated graph convolution followed by a factor and a shift of each channel."""

    def __init__(self, conv: ModulatedGraphConv, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        affinity = conv.affinity()
        own = affinity.diagonal()
        self.register_buffer("weight", torch.cat((conv.W[0], conv.W[1]), 1))
        self.register_buffer("own", (own[:, None] * conv.M * scale)[:, None])
        self.register_buffer("modulation", (conv.M * scale)[:, None])
        self.register_buffer("others", affinity - torch.diag(own))
        self.register_buffer("bias", conv.bias * scale + shift)
        self.weight: Tensor
        self.own: Tensor
        self.modulation: Tensor
        self.others: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        joints, batch, channels = x.shape
        own, others = torch.mm(x.view(-1, channels), self.weight).view(joints, batch, -1).chunk(2, -1)
        own = torch.addcmul(self.bias, self.own, own)
        others = (self.modulation * others).view(joints, -1)
        return torch.addmm(own.view(joints, -1), self.others, others).view_as(own)


class _FoldedTime(nn.Module):
    """A time block whose scales and shifts are tables over the time steps."""

    def __init__(self, block: TimeBlock, embedding: Tensor) -> None:
        super().__init__()
        scale, shift = block.mlp(embedding).chunk(2, -1)
        self.register_buffer("scale", scale + 1)
        self.register_buffer("shift", shift.contiguous())
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, x: Tensor, t: int) -> Tensor:
        return F.silu(torch.addcmul(self.shift[t], x, self.scale[t]), inplace=True)


class _FoldedBlock(nn.Module):
    """A residual block."""

    def __init__(self, block: nn.Module, embedding: Tensor) -> None:
        super().__init__()
        assert isinstance(block, ResidualBlock)
        self.first, self.second = _graph_conv(block.gconv1), _graph_conv(block.gconv2)
        self.time = None if block.time is None else _FoldedTime(block.time, embedding)

    def forward(self, x: Tensor, t: int) -> Tensor:
        h: Tensor = self.first(x).relu_()
        if self.time is not None:
            h = self.time(h, t)
        y: Tensor = self.second(h).relu_()
        return y.add_(x)


class _FoldedNonLocal(nn.Module):
    """A non-local block with one product for query, key and value, and its batch normalisation folded."""

    def __init__(self, block: NonLocal) -> None:
        super().__init__()
        parts = (block.theta, block.phi, block.g)
        linear, norm = block.W
        assert isinstance(linear, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
        scale, shift = _scale_and_shift(norm)
        self.register_buffer("weight", torch.cat([p.weight for p in parts]).T.contiguous())
        self.register_buffer("bias", torch.cat([p.bias for p in parts]))
        self.register_buffer("out_weight", (linear.weight * scale[:, None]).T.contiguous())
        self.register_buffer("out_bias", linear.bias * scale + shift)
        self.weight: Tensor
        self.bias: Tensor
        self.out_weight: Tensor
        self.out_bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        joints, batch, channels = x.shape
        flat = x.view(-1, channels)
        mixed = torch.addmm(self.bias, flat, self.weight).view(joints, batch, 3, -1)
        query, key, value = mixed.permute(2, 1, 0, 3).unsqueeze(2)  # (B, 1, J, C / 2) each
        h = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        h = h[:, 0].transpose(0, 1).reshape(joints * batch, -1)
        return torch.addmm(self.out_bias, h, self.out_weight).add_(flat).view_as(x)


def _graph_conv(block: GraphConv) -> _FoldedConv:
    return _FoldedConv(block.gconv, *_scale_and_shift(block.bn))


def _scale_and_shift(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
