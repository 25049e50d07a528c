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

"""The proposal network for inference: batch normalisation folded, weights packed; the same numbers but for rounding.

For a few people, reading the weights is what takes the time: in bfloat16 or float16 half of it. The layers that read
the 2D pose and write the 3D pose stay in float32: rounded to bfloat16, the first alone would move joints by up to 7 mm
(the blocks, by 1.4).
"""

import torch
from torch import Tensor, nn

from diffupose_ros.lifting.engine.folded import scale_and_shift
from diffupose_ros.lifting.engine.products import Linear, linear
from diffupose_ros.lifting.networks.proposal import Proposal, symmetric, triangular


class FoldedProposal:
    """``Proposal`` with constants folded; not for training.

    Args:
        proposal: in evaluation mode, on the device where it runs.
        products: type of the hidden layers' products, float32 or bfloat16; float16: of their weights, in products of
            float32, where ``products.reads_halves``.
    """

    @torch.no_grad()
    def __init__(self, proposal: Proposal, products: torch.dtype) -> None:
        first, norm, _, *blocks = proposal.trunk
        self._first = _folded(first, norm)
        self._blocks = []
        for block in blocks:
            inner, inner_norm, _, outer, outer_norm, _ = block.layers  # type: ignore[misc]
            self._blocks.append((_folded(inner, inner_norm, products), _folded(outer, outer_norm, products)))
        self._pose = _folded(proposal.pose)
        layers = [layer for layer in proposal.precision if isinstance(layer, nn.Linear)]
        self._precision = [_folded(layer, products=products) for layer in layers]

    @torch.no_grad()
    def estimate(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return poses and covariances as ``Proposal.estimate`` does."""
        return symmetric(self._forward, condition)

    def _forward(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        flat = condition.flatten(1)
        hidden = self._first(flat).relu_()
        for inner, outer in self._blocks:
            hidden.add_(outer(inner(hidden).relu_()).relu_())
        numbers = torch.cat((hidden, flat), 1)
        *layers, last = self._precision
        for layer in layers:
            numbers = layer(numbers).relu_()
        return torch.unflatten(self._pose(hidden), 1, (-1, 3)), triangular(torch.unflatten(last(numbers), 1, (-1, 6)))


def _folded(layer: nn.Module, norm: nn.Module | None = None, products: torch.dtype = torch.float32) -> Linear:
    """A layer and the batch normalisation that follows it; returns what ``products`` names, whatever it is given."""
    weight, bias = folded_layer(layer, norm)
    if products == torch.float16 and weight.abs().max() > torch.finfo(products).max:
        products = torch.float32
    multiply = linear(weight.to(products), bias.to(products))
    given = torch.float32 if products == torch.float16 else products
    return lambda x: multiply(x.to(given))


def folded_layer(layer: nn.Module, norm: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Return weights (inputs, outputs) and bias of a layer and the batch normalisation that follows it, if any."""
    assert isinstance(layer, nn.Linear)
    if norm is None:
        return layer.weight.T, layer.bias
    assert isinstance(norm, nn.BatchNorm1d)
    scale, shift = scale_and_shift(norm)
    return (layer.weight * scale[:, None]).T, layer.bias * scale + shift
