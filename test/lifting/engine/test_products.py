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

"""Products with constant weights are what they say, packed or not."""

import pytest
import torch

from diffupose_ros.lifting.engine import products
from diffupose_ros.lifting.engine.products import linear


def without_packing(*_: object) -> None:
    raise AttributeError("no such operation")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 17, 340])
@torch.no_grad()
def test_product(monkeypatch: pytest.MonkeyPatch, packed: bool, bias: bool, rows: int) -> None:
    if not packed:
        monkeypatch.setattr(products, "_packed", without_packing)
    generator = torch.Generator().manual_seed(rows)
    weight, x = torch.randn(20, 6, generator=generator), torch.randn(rows, 20, generator=generator)
    shift = torch.arange(6.0) if bias else None
    expected = x @ weight + (shift if bias else 0)
    torch.testing.assert_close(linear(weight, shift)(x), expected, rtol=1e-4, atol=1e-4)
    halved = linear(weight.bfloat16(), shift.bfloat16() if bias else None)(x.bfloat16())
    assert halved.dtype == torch.bfloat16
    assert (halved - expected).norm() < 0.02 * expected.norm()


@pytest.mark.skipif(not products.reads_halves(torch.device("cpu")), reason="PyTorch has no FBGEMM here")
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_weights_in_half_precision_are_multiplied_in_float32(bias: bool) -> None:
    weight, x = torch.randn(96, 40).half(), torch.randn(7, 96)
    shift = torch.arange(40).half() if bias else None
    expected = x @ weight.float() + (shift.float() if bias else 0)
    torch.testing.assert_close(linear(weight, shift)(x), expected, rtol=1e-4, atol=1e-4)
