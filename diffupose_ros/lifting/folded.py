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
time step's scales and shifts into tables. In float32 the same numbers as ``Denoiser`` in evaluation mode, but
for rounding. With bfloat16 products, the products over the channels alone (nearly all of the work) are in
bfloat16; coordinates, sums over the joints and the residual stream stay in float32.
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
from diffupose_ros.lifting.products import linear
from diffupose_ros.lifting.tape import Eager, Recorder

_FLOAT = torch.float32
_COORDINATES = 3  # of a pose; ``paper`` also returns the 2D pose, which only its training needs


class FoldedDenoiser:
    """``Denoiser`` with constants folded; not for training.

    Args:
        denoiser: in evaluation mode.
        steps: T, the number of time steps.
        device: where it runs.
        products: type of the products over the channels, float32 or bfloat16.
    """

    @torch.no_grad()
    def __init__(
        self, denoiser: Denoiser, steps: int, device: torch.device | str = "cpu", products: torch.dtype = _FLOAT
    ) -> None:
        self.device, self.products = torch.device(device), products
        self.joints, self.channels = denoiser.config.joints, denoiser.config.channels
        denoiser = denoiser.to(self.device)
        embedding = denoiser.time_embedding(torch.arange(steps, device=self.device))
        self._input = _graph_conv(denoiser.input, _FLOAT)
        self._blocks = [_FoldedBlock(block, embedding, products) for block in denoiser.blocks]
        self._time1 = _FoldedTime(denoiser.time1, embedding)
        self._non_local = _FoldedNonLocal(denoiser.non_local, products)
        self._time2 = _FoldedTime(denoiser.time2, embedding)
        one, zero = torch.ones((), device=self.device), torch.zeros((), device=self.device)
        self._output = _FoldedConv(denoiser.output, one, zero, _FLOAT, _COORDINATES)

    def __call__(self, x: Tensor, condition: Tensor, t: int) -> Tensor:
        """Run the network for one time step of all poses; shapes as in ``Denoiser``, but always 3 channels out."""
        inputs = torch.cat((x, condition), -1).transpose(0, 1).contiguous()
        return self.record(Eager(self.device), inputs, t).transpose(0, 1)

    def record(self, tape: Recorder, inputs: Tensor, t: int) -> Tensor:
        """Record the network for one time step.

        Args:
            tape: to record on.
            inputs: (J, B, 3 + C) float32: noisy poses, then their condition.
            t: time step.

        Returns:
            (J, B, 3) float32, where the prediction will be.
        """
        batch = inputs.shape[1]
        h = tape.buffer("h", (self.joints, batch, self.channels), _FLOAT)
        self._input.record(tape, inputs, h)
        tape(h.relu_)
        for block in self._blocks:
            block.record(tape, h, t)
        self._time1.record(tape, h, t)
        self._non_local.record(tape, h)
        self._time2.record(tape, h, t)
        output = tape.buffer("output", (self.joints, batch, _COORDINATES), _FLOAT)
        self._output.record(tape, h, output)
        return output


def _as_factor(tape: Recorder, x: Tensor, dtype: torch.dtype) -> Tensor:
    """What ``x`` is in the products' type, once the tape has run this far."""
    if x.dtype == dtype:
        return x
    factor = tape.buffer("factor", tuple(x.shape), dtype)
    tape(factor.copy_, x)
    return factor


class _FoldedConv:
    """A modulated graph convolution followed by a factor and a shift of each channel."""

    def __init__(
        self, conv: ModulatedGraphConv, scale: Tensor, shift: Tensor, products: torch.dtype, outputs: int | None = None
    ) -> None:
        affinity, modulation = conv.affinity(), (conv.M * scale)[:, :outputs]
        own = affinity.diagonal()
        self.dtype, self.multiply = products, linear(torch.cat(tuple(conv.W[:, :, :outputs]), 1).to(products))
        self.own = (own[:, None] * modulation)[:, None]
        self.modulation = modulation[:, None].contiguous()
        self.others = affinity - torch.diag(own)
        self.bias = (conv.bias * scale + shift)[:outputs]

    def record(self, tape: Recorder, x: Tensor, out: Tensor) -> None:
        others = tape.buffer("others", tuple(out.shape), _FLOAT)
        tape(self._apart, _as_factor(tape, x, self.dtype), out, others)
        tape(out.flatten(1).addmm_, self.others, others.flatten(1))

    def _apart(self, x: Tensor, own: Tensor, others: Tensor) -> None:
        """Write what each joint gives itself, and the others."""
        joints, batch, channels = x.shape
        product = self.multiply(x.view(-1, channels)).view(joints, batch, -1)
        to_self, to_others = product.chunk(2, -1)
        torch.addcmul(self.bias, self.own, to_self, out=own)
        torch.mul(to_others, self.modulation, out=others)


class _FoldedTime:
    """A time block whose scales and shifts are tables over the time steps."""

    def __init__(self, block: TimeBlock, embedding: Tensor) -> None:
        scale, shift = block.mlp(embedding).chunk(2, -1)
        self.scale, self.shift = scale + 1, shift.contiguous()

    def record(self, tape: Recorder, x: Tensor, t: int) -> None:
        tape(torch.addcmul, self.shift[t], x, self.scale[t], out=x)
        tape(F.silu, x, inplace=True)


class _FoldedBlock:
    """A residual block, which adds to its input."""

    def __init__(self, block: nn.Module, embedding: Tensor, products: torch.dtype) -> None:
        assert isinstance(block, ResidualBlock)
        self.first, self.second = _graph_conv(block.gconv1, products), _graph_conv(block.gconv2, products)
        self.time = None if block.time is None else _FoldedTime(block.time, embedding)

    def record(self, tape: Recorder, x: Tensor, t: int) -> None:
        h, y = (tape.buffer(name, tuple(x.shape), _FLOAT) for name in ("within", "added"))
        self.first.record(tape, x, h)
        tape(h.relu_)
        if self.time is not None:
            self.time.record(tape, h, t)
        self.second.record(tape, h, y)
        tape(y.relu_)
        tape(x.add_, y)


class _FoldedNonLocal:
    """A non-local block with one product for query, key and value, and its batch normalisation folded."""

    def __init__(self, block: NonLocal, products: torch.dtype) -> None:
        parts = (block.theta, block.phi, block.g)
        weight, bias = torch.cat([p.weight for p in parts]).T, torch.cat([p.bias for p in parts])
        project, norm = block.W
        assert isinstance(project, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
        scale, shift = scale_and_shift(norm)
        self.dtype, self.inner = products, len(bias) // 3
        self.mix = linear(weight.to(products), bias.to(products))
        self.project = linear((project.weight * scale[:, None]).T.to(products))
        self.bias = project.bias * scale + shift

    def record(self, tape: Recorder, x: Tensor) -> None:
        tape(self._add, _as_factor(tape, x, self.dtype), x)
        tape(x.add_, self.bias)

    def _add(self, x: Tensor, out: Tensor) -> None:
        joints, batch, channels = x.shape
        mixed = self.mix(x.view(-1, channels)).view(joints, batch, 3, self.inner)
        query, key, value = mixed.permute(2, 1, 0, 3).unsqueeze(2)  # (B, 1, J, C / 2) each
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        out.add_(self.project(attended[:, 0].transpose(0, 1).reshape(-1, self.inner)).view_as(out))


def _graph_conv(block: GraphConv, products: torch.dtype) -> _FoldedConv:
    return _FoldedConv(block.gconv, *scale_and_shift(block.bn), products)


def scale_and_shift(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return factor and shift of each channel that batch normalisation amounts to in evaluation mode."""
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
