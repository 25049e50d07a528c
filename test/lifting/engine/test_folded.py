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

"""The folded denoiser gives the numbers of the plain one."""

import pytest
import torch

from diffupose_ros.lifting.checkpoint import PARENTS_16
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig

CONFIGS = {
    "robust": DenoiserConfig("robust", 64),
    "paper": DenoiserConfig.paper(64),
    "paper, 16 joints": DenoiserConfig.paper(64, PARENTS_16),
}


def randomised(config: DenoiserConfig) -> Denoiser:
    """A denoiser none of whose parts is the identity, as a trained one."""
    torch.manual_seed(0)
    model = Denoiser(config).eval().requires_grad_(False)
    for name, value in model.state_dict().items():
        if name.endswith(("bn.weight", "running_var", "W.1.weight")):
            value.uniform_(0.5, 1.5)
        elif name.endswith(("bn.bias", "running_mean", "W.1.bias", "adj2")):
            value.normal_(0, 0.1)
    return model


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("compiled", [False, True])
@torch.inference_mode()
def test_same_output_at_every_time_step(name: str, batch: int, compiled: bool) -> None:
    config = CONFIGS[name]
    model = randomised(config)
    folded = FoldedDenoiser(model, 100, compiled=compiled)
    x = torch.randn(batch, config.joints, 3)
    condition = torch.randn(batch, config.joints, config.condition_channels)
    for t in (0, 1, 37, 99):
        plain = model(x, condition, torch.tensor([t]))[..., :3]
        assert plain.abs().max() > 0.1
        torch.testing.assert_close(folded(x, condition, t), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("compiled", [False, True])
@torch.inference_mode()
def test_products_in_bfloat16_are_a_percent_off(name: str, compiled: bool) -> None:
    config = CONFIGS[name]
    model = randomised(config)
    x, condition = torch.randn(5, config.joints, 3), torch.randn(5, config.joints, config.condition_channels)
    plain = FoldedDenoiser(model, 100)(x, condition, 50)
    halved = FoldedDenoiser(model, 100, products=torch.bfloat16, compiled=compiled)(x, condition, 50)
    assert 0 < (halved - plain).norm() < 0.02 * plain.norm()
