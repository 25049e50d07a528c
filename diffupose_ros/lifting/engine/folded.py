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

from diffupose_ros.lifting.engine.kernels import CompiledLayers, usable
from diffupose_ros.lifting.engine.layers import Affine, Convolution, Finish, Layers, Product, PyTorchLayers
from diffupose_ros.lifting.engine.tape import Eager, Recorder
from diffupose_ros.lifting.networks.denoiser import (
    Denoiser,
    GraphConv,
    ModulatedGraphConv,
    NonLocal,
    ResidualBlock,
    TimeBlock,
)

_FLOAT = torch.float32
_LANES = 16  # channels that layers take at once
_COORDINATES = 3  # of a pose; ``paper`` also returns the 2D pose, which only its training needs


class FoldedDenoiser:
    """``Denoiser`` with constants folded; not for training.

    Args:
        denoiser: in evaluation mode.
        steps: T, the number of time steps.
        device: where it runs.
        products: type of the products over the channels, float32 or bfloat16.
        compiled: take the compiled layers where they are usable.

    Attributes:
        input, blocks, time1, non_local, time2, output: the constants, in the order in which they are used.
    """

    @torch.no_grad()
    def __init__(
        self,
        denoiser: Denoiser,
        steps: int,
        device: torch.device | str = "cpu",
        products: torch.dtype = _FLOAT,
        compiled: bool = True,
    ) -> None:
        self.device, self.products = torch.device(device), products
        self.joints, self.channels = denoiser.config.joints, denoiser.config.channels
        compiled = compiled and usable(self.device, self.joints, self.channels)
        self._layers: Layers = CompiledLayers() if compiled else PyTorchLayers()
        denoiser = denoiser.to(self.device)
        embedding = denoiser.time_embedding(torch.arange(steps, device=self.device))
        self.input = _graph_conv(denoiser.input, _FLOAT)
        self.blocks = [FoldedBlock(block, embedding, products) for block in denoiser.blocks]
        self.time1 = FoldedTime(denoiser.time1, embedding)
        self.non_local = FoldedNonLocal(denoiser.non_local, products)
        self.time2 = FoldedTime(denoiser.time2, embedding)
        one, zero = torch.ones((), device=self.device), torch.zeros((), device=self.device)
        self.output = _folded(denoiser.output, one, zero, _FLOAT, _COORDINATES)

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
        batch, layers = inputs.shape[1], self._layers
        shape = (self.joints, batch, self.channels)
        stream = tape.buffer("stream", shape, _FLOAT)
        # What the next product takes: the stream itself, or what it is in bfloat16.
        factor = stream if self.products == _FLOAT else tape.buffer("factor", shape, self.products)
        outs = (stream,) if factor is stream else (stream, factor)
        within = tape.buffer("within", shape, self.products)
        tape(layers.graph_conv(tape, self.input, inputs, outs, Finish()))
        for block in self.blocks:
            after = self.time1.at(t) if block is self.blocks[-1] else None
            time = None if block.time is None else block.time.at(t)
            tape(layers.graph_conv(tape, block.first, factor, (within,), Finish(affine=time)))
            tape(layers.graph_conv(tape, block.second, within, outs, Finish(residual=stream, affine=after)))
        non_local = self.non_local
        attended = tape.buffer("attended", (self.joints, batch, non_local.inner), self.products)
        tape(layers.attention(tape, non_local.mix, factor, attended))
        tape(layers.residual(tape, non_local.project, attended, stream, non_local.bias, self.time2.at(t)))
        wide = tape.buffer("wide", (self.joints, batch, _LANES), _FLOAT)
        tape(layers.graph_conv(tape, self.output, stream, (wide,), Finish(relu=False)))
        return wide[..., :_COORDINATES]


class FoldedTime:
    """A time block whose scales and shifts are tables over the time steps."""

    def __init__(self, block: TimeBlock, embedding: Tensor) -> None:
        scale, shift = block.mlp(embedding).chunk(2, -1)
        self._scale, self._shift = scale + 1, shift.contiguous()

    def at(self, t: int) -> Affine:
        """Return factor and shift at a time step."""
        return self._scale[t], self._shift[t]


class FoldedBlock:
    """A residual block."""

    def __init__(self, block: nn.Module, embedding: Tensor, products: torch.dtype) -> None:
        assert isinstance(block, ResidualBlock)
        self.first, self.second = _graph_conv(block.gconv1, products), _graph_conv(block.gconv2, products)
        self.time = None if block.time is None else FoldedTime(block.time, embedding)


class FoldedNonLocal:
    """A non-local block with one product for query, key and value, and its batch normalisation folded."""

    def __init__(self, block: NonLocal, products: torch.dtype) -> None:
        parts = (block.theta, block.phi, block.g)
        weight, bias = torch.cat([p.weight for p in parts]).T, torch.cat([p.bias for p in parts])
        project, norm = block.W
        assert isinstance(project, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
        scale, shift = scale_and_shift(norm)
        self.inner = len(bias) // 3
        self.mix = Product(weight.to(products), bias.to(products))
        self.project = Product((project.weight * scale[:, None]).T.to(products))
        self.bias = project.bias * scale + shift


def _graph_conv(block: GraphConv, products: torch.dtype) -> Convolution:
    return _folded(block.gconv, *scale_and_shift(block.bn), products)


def _folded(
    conv: ModulatedGraphConv, scale: Tensor, shift: Tensor, products: torch.dtype, outputs: int | None = None
) -> Convolution:
    """A modulated graph convolution followed by a factor and a shift of each channel."""
    channels = conv.W.shape[-1] if outputs is None else outputs

    def whole(x: Tensor) -> Tensor:  # layers take whole lanes: the others are 0
        return F.pad(x[..., :channels], (0, -channels % _LANES)).contiguous()

    affinity, modulation = conv.affinity(), whole(conv.M * scale)
    own = affinity.diagonal()
    weights = torch.cat(tuple(whole(conv.W)), 1).to(products)
    bias = whole(conv.bias * scale + shift)
    others = affinity - torch.diag(own)
    return Convolution(Product(weights), others, own[:, None] * modulation, modulation, bias)


def scale_and_shift(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return factor and shift of each channel that batch normalisation amounts to in evaluation mode."""
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
