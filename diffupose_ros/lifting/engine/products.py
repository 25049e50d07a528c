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

"""Products with constant weights, as fast as the device makes them."""

from collections.abc import Callable

import torch
from torch import Tensor

Linear = Callable[[Tensor], Tensor]
"""(n, inputs) -> (n, outputs), of the weights' type; of weights in float16, float32."""


def reads_halves(device: torch.device) -> bool:
    """Return whether ``linear`` takes weights in float16: FBGEMM, on x86, makes float32 of them as it reads them."""
    there = hasattr(torch.ops.quantized, "linear_prepack_fp16")
    return there and device.type == "cpu" and "fbgemm" in torch.backends.quantized.supported_engines


def linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """Return x -> x @ weight + bias, with the weights packed for the CPU's kernels where PyTorch can.

    Packed once instead of in each product: as much as a third of the time of one pose, 5 % of that of many. For a few
    rows, reading the weights is what takes the time: in float16, half of it.

    Args:
        weight: (inputs, outputs); float16 where ``reads_halves``.
        bias: (outputs,), of the same type.
    """
    outputs_first = weight.T.contiguous()  # the faster order for few outputs
    if weight.dtype == torch.float16:
        operations = torch.ops.quantized
        halves = operations.linear_prepack_fp16(outputs_first.float(), None if bias is None else bias.float())
        return lambda x: operations.linear_dynamic_fp16(x, halves)
    if weight.device.type == "cpu":
        try:
            return _packed(outputs_first, bias)
        except (AttributeError, RuntimeError, TypeError):
            pass  # a build of PyTorch without oneDNN, or one that calls it otherwise
    transposed = outputs_first.T
    if bias is None:
        return lambda x: torch.mm(x, transposed)
    return lambda x: torch.addmm(bias, x, transposed)


def _packed(weight: Tensor, bias: Tensor | None) -> Linear:
    """What torch.compile makes of a linear layer on a CPU."""
    operations = torch.ops.mkldnn
    packed, run = operations._reorder_linear_weight(weight, None), operations._linear_pointwise.default
    run(weight[:1], packed, bias, "none", [], "")  # raises here rather than later
    return lambda x: run(x, packed, bias, "none", [], "")
