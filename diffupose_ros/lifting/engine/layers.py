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

"""The denoiser's layers as operations on given memory: of PyTorch, or compiled (``kernels``).

A layer is a matrix product and what follows it, its epilogue, for which PyTorch takes five to ten operations.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from diffupose_ros.lifting.engine.products import Linear, linear
from diffupose_ros.lifting.engine.tape import Recorder

Affine = tuple[Tensor, Tensor]
"""Factor and shift (C,) of each channel."""
Operation = Callable[[], None]
Epilogue = Callable[[Tensor], None]
"""Takes a product (J x B, C), contiguous."""


@dataclass(frozen=True)
class Product:
    """A product over the channels.

    Attributes:
        weights: (K, C).
        bias: (C,), of their type; None for none.
    """

    weights: Tensor
    bias: Tensor | None = None

    @cached_property
    def multiply(self) -> Linear:
        """The product, its weights packed when it is first asked for: the kernels do without."""
        return linear(self.weights, self.bias)


@dataclass(frozen=True)
class Convolution:
    """Constants of a modulated graph convolution.

    Attributes:
        product: (K, 2 C), what a joint gives itself, and what it gives the others.
        others: (J, J) affinity without its diagonal, float32, as all that follows.
        own: (J, C) factor of what a joint gives itself.
        modulation: (J, C) factor of what it gives the others.
        bias: (C,).
    """

    product: Product
    others: Tensor
    own: Tensor
    modulation: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Finish:
    """What follows a graph convolution, in this order.

    Attributes:
        relu: whether ReLU does.
        residual: (J, B, C) float32, is added; None for none.
        affine: is applied, and SiLU after it; None for neither.
    """

    relu: bool = True
    residual: Tensor | None = None
    affine: Affine | None = None


class Layers(ABC):
    """Makes layers. Memory is (J, B, C) throughout."""

    @abstractmethod
    def graph_conv(
        self, tape: Recorder, conv: Convolution, x: Tensor, outs: Sequence[Tensor], finish: Finish
    ) -> Operation:
        """Return a graph convolution and what follows it.

        Args:
            tape: where there is memory for what is between.
            conv: the constants.
            x: input, of the weights' type.
            outs: where the result goes: float32, bfloat16 or one of each.
            finish: what follows; its residual may be one of ``outs``.
        """

    @abstractmethod
    def attention(self, tape: Recorder, product: Product, x: Tensor, out: Tensor) -> Operation:
        """Return softmax(query key^T) value over the joints, of the product for all three; of the type of ``out``."""

    @abstractmethod
    def residual(
        self, tape: Recorder, product: Product, x: Tensor, out: Tensor, bias: Tensor, affine: Affine
    ) -> Operation:
        """Return SiLU of the affine of the sum of product, ``bias`` and ``out``, float32, which it goes to."""


class PyTorchLayers(Layers):
    """Made of PyTorch's operations, for any device."""

    def graph_conv(
        self, tape: Recorder, conv: Convolution, x: Tensor, outs: Sequence[Tensor], finish: Finish
    ) -> Operation:
        """Return a graph convolution and what follows it."""
        joints, rows, channels = outs[0].shape
        sums = next((out for out in outs if out.dtype == torch.float32 and out is not finish.residual), None)
        sums = tape.buffer("sums", (joints, rows, channels), torch.float32) if sums is None else sums
        given = tape.buffer("given", (joints, rows, channels), torch.float32)
        own, modulation, flat, flat_given = (
            conv.own[:, None],
            conv.modulation[:, None],
            sums.flatten(1),
            given.flatten(1),
        )

        def epilogue(product: Tensor) -> None:
            to_self, to_others = product.view(joints, rows, 2 * channels).chunk(2, -1)
            torch.addcmul(conv.bias, own, to_self, out=sums)
            torch.mul(to_others, modulation, out=given)
            flat.addmm_(conv.others, flat_given)
            if finish.relu:
                sums.relu_()
            if finish.residual is not None:
                sums.add_(finish.residual)
            if finish.affine is not None:
                _timed(sums, finish.affine)
            for out in outs:
                if out is not sums:
                    out.copy_(sums)

        return after(conv.product, x, epilogue)

    def attention(self, tape: Recorder, product: Product, x: Tensor, out: Tensor) -> Operation:
        """Return what a non-local block's input becomes."""
        joints, rows, channels = out.shape

        def epilogue(mixed: Tensor) -> None:
            query, key, value = mixed.view(joints, rows, 3, channels).permute(2, 1, 0, 3).unsqueeze(2)
            attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)  # (B, 1, J, C)
            out.copy_(attended[:, 0].transpose(0, 1))

        return after(product, x, epilogue)

    def residual(
        self, tape: Recorder, product: Product, x: Tensor, out: Tensor, bias: Tensor, affine: Affine
    ) -> Operation:
        """Return a non-local block's output."""

        def epilogue(projected: Tensor) -> None:
            out.add_(projected.view_as(out)).add_(bias)
            _timed(out, affine)

        return after(product, x, epilogue)


def after(product: Product, x: Tensor, epilogue: Epilogue) -> Operation:
    """Return a product with ``x`` (J, B, K) and what follows it."""
    rows = x.view(-1, x.shape[-1])
    multiply = product.multiply
    return lambda: epilogue(multiply(rows))


def _timed(x: Tensor, affine: Affine) -> None:
    scale, shift = affine
    torch.addcmul(shift, x, scale, out=x)
    F.silu(x, inplace=True)
