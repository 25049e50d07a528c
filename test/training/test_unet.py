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

"""The U-Net over the joints: its size, its shapes, and that all of it learns."""

import numpy as np
import pytest
import torch

from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.training.unet import AtStep, UNet, UNetConfig

SMALL = UNetConfig(channels=8)


def inputs(joints: int, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, joints, 3, generator=generator)
    return x, torch.randn(batch, joints, 2, generator=generator), torch.arange(batch) * 10


def test_it_is_as_large_as_the_papers() -> None:
    parameters = sum(p.numel() for p in UNet().parameters())
    assert parameters == pytest.approx(2.99e6, rel=0.02)


@pytest.mark.parametrize("joints", [16, 17])
def test_it_takes_and_returns_what_the_paper_denoiser_does(joints: int) -> None:
    graph = Denoiser(DenoiserConfig.paper(32, DenoiserConfig().parents[:joints]))
    assert UNet(UNetConfig(joints, channels=8))(*inputs(joints)).shape == graph(*inputs(joints)).shape == (3, joints, 5)


def test_every_parameter_has_a_gradient() -> None:
    network = UNet(SMALL)
    network(*inputs(17)).square().sum().backward()
    lacking = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not lacking


def test_joints_poses_and_time_steps_matter_and_batches_do_not_mix() -> None:
    network = UNet(SMALL).eval()
    x, y, t = inputs(17)
    before = network(x, y, t)
    torch.testing.assert_close(network(x[1:2], y[1:2], t[1:2]), before[1:2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(x, y, torch.tensor([20])), network(x, y, torch.full((3,), 20)))
    assert not torch.allclose(network(x, y, t + 1), before)
    moved = y.clone()
    moved[:, 16] += 1
    changed = (network(x, moved, t) - before).abs().amax((0, 2))
    assert (changed > 0).all()  # the first joint hears of the last


def test_the_sampler_draws_from_it() -> None:
    sampler = Sampler(AtStep(UNet(SMALL).eval()), DiffusionConfig.paper(), device="cpu")
    features = np.random.default_rng(0).normal(size=(2, 17, 2)).astype(np.float32)
    poses, again = (sampler.draw(features, Sampling(3, 2, seed=0)) for _ in range(2))
    assert poses.shape == (2, 3, 17, 3) and np.isfinite(poses).all()
    np.testing.assert_array_equal(poses, again)
