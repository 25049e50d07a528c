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

"""The denoising network."""

import numpy as np
import pytest
import torch

from diffupose_ros.lifting.checkpoint import PARENTS_16, import_official
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig, skeleton_adjacency
from diffupose_ros.skeleton import PARENTS


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def shaken(config: DenoiserConfig) -> Denoiser:
    """A network in which no part is the identity, as it is after training."""
    torch.manual_seed(0)
    model = Denoiser(config).eval().requires_grad_(False)
    for value in model.parameters():
        value.add_(0.1 * torch.randn_like(value))
    return model


def test_released_network_is_reproduced(official_file, vectors) -> None:
    model = import_official(official_file).build()
    with torch.inference_mode():
        output = model(*(torch.from_numpy(vectors[name]) for name in ("x", "cond", "t")))
    assert output.shape == (8, 17, 5)
    np.testing.assert_allclose(output, vectors["output"], rtol=0, atol=1e-5)


def test_adjacency_is_the_released_one(vectors) -> None:
    assert tuple(vectors["parents"]) == PARENTS
    np.testing.assert_array_equal(skeleton_adjacency(PARENTS), vectors["adj"])


def test_adjacency_of_a_chain_by_hand() -> None:
    expected = [[1, 1, 0], [0.5, 1, 0.5], [0, 1, 1]]
    np.testing.assert_array_equal(skeleton_adjacency((-1, 0, 1)), np.float32(expected))


@pytest.mark.parametrize(
    ("joints", "channels", "official"),
    [
        (17, 128, 379_236), (17, 256, 1_453_860), (17, 384, 3_226_852),
        (16, 128, 377_749), (16, 256, 1_451_221), (16, 384, 3_223_061),
    ],
)  # fmt: skip
def test_parameter_counts_of_the_released_networks(joints: int, channels: int, official: int) -> None:
    model = Denoiser(DenoiserConfig.paper(channels, PARENTS if joints == 17 else PARENTS_16))
    never_called = (channels // 2 + 1) * 2 * channels  # its third time block
    assert parameters(model) + never_called == official


def test_robust_differs_in_time_blocks_and_channels_only() -> None:
    d = 128
    paper, robust = Denoiser(DenoiserConfig.paper(d)), Denoiser(DenoiserConfig(channels=d))
    added = set(robust.state_dict()) - set(paper.state_dict())
    assert {name.split(".time.")[0] for name in added} == {f"blocks.{i}" for i in range(4)}
    # Three more condition channels in, two channels fewer out.
    expected = 4 * (d // 2 + 1) * 2 * d + 2 * 3 * d - 2 * (2 * d + 17 + 1)
    assert parameters(robust) - parameters(paper) == expected


@pytest.mark.parametrize("config", [DenoiserConfig(channels=32), DenoiserConfig.paper(32, PARENTS_16)], ids=str)
def test_samples_of_a_batch_do_not_touch_each_other(config: DenoiserConfig) -> None:
    model = shaken(config)
    x, y = torch.randn(5, config.joints, 3), torch.randn(5, config.joints, config.condition_channels)
    t = torch.tensor([0, 7, 50, 98, 99])
    together = model(x, y, t)
    assert together.shape == (5, config.joints, 3 if config.variant == "robust" else 5)
    for i in range(5):
        torch.testing.assert_close(model(x[i : i + 1], y[i : i + 1], t[i : i + 1])[0], together[i])


def test_one_time_step_serves_the_whole_batch() -> None:
    model = shaken(DenoiserConfig(channels=32))
    x, y = torch.randn(3, 17, 3), torch.randn(3, 17, 5)
    torch.testing.assert_close(model(x, y, torch.tensor([42])), model(x, y, torch.full((3,), 42)))


@pytest.mark.parametrize("config", [DenoiserConfig(channels=32), DenoiserConfig.paper(32)], ids=str)
def test_every_input_and_every_parameter_has_an_effect(config: DenoiserConfig) -> None:
    model = shaken(config).train().requires_grad_(True)
    x, y = (
        torch.randn(4, 17, 3, requires_grad=True),
        torch.randn(4, 17, config.condition_channels, requires_grad=True),
    )
    output = model(x, y, torch.tensor([5, 20, 60, 99]))
    (output * torch.randn_like(output)).sum().backward()
    assert (x.grad != 0).all() and (y.grad != 0).all()
    for name, value in model.named_parameters():
        assert value.grad is not None and (value.grad != 0).any(), name
    model.eval()
    assert not torch.allclose(model(x, y, torch.tensor([0])), model(x, y, torch.tensor([99])))


def test_time_enters_the_blocks_of_robust_but_not_of_paper() -> None:
    for config, timed in ((DenoiserConfig(channels=32), True), (DenoiserConfig.paper(32), False)):
        model = shaken(config)
        h = torch.randn(17, 2, 32)
        early, late = (model.blocks[0](h, model.time_embedding(torch.tensor([t]))) for t in (0, 99))
        assert torch.equal(early, late) != timed


@pytest.mark.parametrize("channels", [0, 16, 100, 120])
def test_widths_that_cannot_be_built_are_refused(channels: int) -> None:
    with pytest.raises(ValueError, match=f"channels: expected a .* got {channels}"):
        Denoiser(DenoiserConfig(channels=channels))
