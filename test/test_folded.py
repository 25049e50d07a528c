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

from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import PARENTS_16
from diffupose_ros.lifting.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.folded import FoldedDenoiser

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
@torch.inference_mode()
def test_same_output_at_every_time_step(name: str, batch: int) -> None:
    config = CONFIGS[name]
    model = randomised(config)
    folded = FoldedDenoiser(model, 100)
    x = torch.randn(batch, config.joints, 3)
    condition = torch.randn(batch, config.joints, config.condition_channels)
    for t in (0, 1, 37, 99):
        plain = model(x, condition, torch.tensor([t]))
        assert plain.abs().max() > 0.1
        torch.testing.assert_close(folded(x, condition, t), plain, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_shipped_model_lifts_the_same_within_a_tenth_of_a_millimetre(lifter: Lifter) -> None:
    model = lifter.checkpoint.build()
    y, noise = torch.randn(8, 17, model.config.condition_channels), torch.randn(8, 17, 3)
    folded = lifter.sampler.diffusion.ddim(lambda x, t: lifter.sampler._network(x, y, t), noise, 5)
    plain = lifter.sampler.diffusion.ddim(lambda x, t: model(x, y, torch.tensor([t])), noise, 5)
    assert lifter.checkpoint.diffusion.pose_scale * float((folded - plain).abs().max()) < 1e-4
