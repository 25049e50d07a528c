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

"""The proposal network, and a denoiser that corrects its estimate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.lifting import engine
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig, load_checkpoint, save_checkpoint
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.folded_proposal import FoldedProposal
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Noise, Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.skeleton import MIRROR
from diffupose_ros.training.losses import proposal_loss
from diffupose_ros.training.networks import ProposedDenoiser, ProposedDenoiserConfig

FEATURES = np.random.default_rng(0).normal(size=(6, 17, 5)).astype(np.float32)
ASIDE = np.array((-1.0, 1, 1))


def mirrored(features: np.ndarray) -> np.ndarray:
    other = features[:, MIRROR].copy()
    other[..., 0] *= -1
    return other


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Return it with statistics of batch normalisation that are not the identity, in evaluation mode."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
    return network.eval()


@pytest.fixture
def proposal() -> Proposal:
    torch.manual_seed(0)
    return shaken(Proposal(ProposalConfig(width=64)))


@pytest.fixture
def checkpoint(proposal: Proposal) -> Checkpoint:
    config = DenoiserConfig(channels=32, condition_channels=11)
    weights = shaken(Denoiser(config)).state_dict()
    return Checkpoint(
        config,
        DiffusionConfig(prediction="correction"),
        weights,
        proposal=proposal.config,
        proposal_weights=proposal.state_dict(),
    )


def test_it_is_a_residual_network_of_the_published_size(proposal: Proposal) -> None:
    network = Proposal(ProposalConfig())
    pose = [*network.trunk.parameters(), *network.pose.parameters()]
    assert 4.3e6 < sum(p.numel() for p in pose) < 4.4e6
    linear = [m.weight.shape for m in network.trunk.modules() if isinstance(m, torch.nn.Linear)]
    assert [*map(tuple, linear)] == [(1024, 85), *[(1024, 1024)] * 4]
    x = torch.from_numpy(FEATURES)
    with torch.no_grad():
        h = proposal.trunk[:3](x.flatten(1))
        for block in proposal.trunk[3:]:
            h = h + block.layers(h)
        torch.testing.assert_close(proposal(x)[0], proposal.pose(h).view(-1, 17, 3))


def test_its_factors_are_those_of_precisions(proposal: Proposal) -> None:
    with torch.no_grad():
        _, factor = proposal(torch.from_numpy(FEATURES))
    assert (factor == factor.triu()).all() and (factor.diagonal(dim1=-2, dim2=-1) > 0).all()
    assert factor.triu(1).abs().max() > 0


@pytest.mark.parametrize("scale", [1, 100])
def test_its_estimate_is_relative_to_the_root_and_its_covariance_positive_definite(proposal: Proposal, scale) -> None:
    poses, covariance = proposal.estimate(scale * torch.from_numpy(FEATURES))
    assert poses.shape == (6, 17, 3) and (poses[:, 0] == 0).all()
    assert covariance.shape == (6, 17, 3, 3) and covariance.isfinite().all()
    torch.testing.assert_close(covariance, covariance.mT)
    # The smallest eigenvalue of a matrix of widely spread ones is beyond float32.
    root = torch.linalg.eigvalsh(covariance.double())
    assert (root[..., 0] > -1e-6 * root[..., 2]).all() and (root[..., 1:] > 0).all()
    if scale == 1:
        assert (root[..., 0] > 0).all()


@pytest.mark.parametrize(("products", "rounding"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_folded_it_estimates_the_same(proposal: Proposal, products: torch.dtype, rounding: float) -> None:
    ours = FoldedProposal(proposal, products).estimate(torch.from_numpy(FEATURES))
    for part, expected in zip(ours, proposal.estimate(torch.from_numpy(FEATURES)), strict=True):
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(part, expected, rtol=10 * rounding, atol=rounding)


def test_its_estimate_of_a_mirror_image_is_the_mirror_image(proposal: Proposal) -> None:
    ours, theirs = (
        [part.numpy() for part in proposal.estimate(torch.from_numpy(f))] for f in (FEATURES, mirrored(FEATURES))
    )
    np.testing.assert_allclose(theirs[0], ours[0][:, MIRROR] * ASIDE, atol=1e-5)
    np.testing.assert_allclose(theirs[1], ours[1][:, MIRROR] * ASIDE[:, None] * ASIDE, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        alone = proposal(torch.from_numpy(FEATURES))[0]
    assert not np.allclose((alone - alone[:, :1]).numpy(), ours[0], atol=1e-2)


def test_it_is_trained_as_it_is_used_on_both_images(proposal: Proposal, checkpoint: Checkpoint) -> None:
    x, config = torch.from_numpy(FEATURES), ProposedDenoiserConfig(checkpoint.denoiser, proposal.config)
    both = ProposedDenoiser(config).eval()
    both.proposal.load_state_dict(proposal.state_dict())
    _, pose, factors = both(torch.zeros(6, 17, 3), x, torch.zeros(6, 17, 6), torch.zeros(6, dtype=torch.long))
    expected, covariance = proposal.estimate(x)
    torch.testing.assert_close(pose.detach(), expected)
    torch.testing.assert_close((factors.mT @ factors).inverse().mean(0).detach(), covariance, rtol=1e-3, atol=1e-5)
    truth = expected + 0.1
    straight, reversed_ = (proposal_loss(pose, factor, truth) for factor in factors)
    loss = proposal_loss(pose, factors, truth)
    torch.testing.assert_close(loss, (straight + reversed_) / 2)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in both.proposal.parameters())


def test_a_denoiser_corrects_its_estimate(checkpoint: Checkpoint) -> None:
    ours = Sampler.of(checkpoint, "cpu").draw(FEATURES, Sampling(2, 1, seed=0))
    assert ours.shape == (6, 2, 17, 3) and (ours[:, :, 0] == 0).all()
    moved = replace(checkpoint, proposal_weights=dict(checkpoint.proposal_weights))
    moved.proposal_weights["pose.bias"] = moved.proposal_weights["pose.bias"] + torch.arange(51) / 10
    assert np.abs(Sampler.of(moved, "cpu").draw(FEATURES, Sampling(2, 1, seed=0)) - ours).max() > 1e-3


def test_a_denoiser_that_corrects_it_draws_mirror_images_of_mirror_images(checkpoint, monkeypatch) -> None:
    sampler = Sampler.of(checkpoint, "cpu")
    noise = Noise(Sampling(1, 2, seed=0), 17)().repeat(2, 0)
    noise[1] = noise[1, MIRROR] * ASIDE
    monkeypatch.setattr(engine.sampler, "Noise", lambda *_: noise.copy)  # the same for image and mirror image
    ours, theirs = (sampler.draw(f, Sampling(2, 2)) for f in (FEATURES, mirrored(FEATURES)))
    np.testing.assert_allclose(theirs[:, ::-1], ours[:, :, MIRROR] * ASIDE, atol=1e-4)
    assert np.abs(ours[:, 1] - ours[:, 0]).max() > 1e-2
    plain, other = (sampler.draw(f, Sampling(2, 2, flip=False)) for f in (FEATURES, mirrored(FEATURES)))
    np.testing.assert_allclose(plain[:, 0], ours[:, 0], atol=1e-5)
    np.testing.assert_allclose(other[:, 0], ours[:, 1, MIRROR] * ASIDE, atol=1e-4)


@pytest.mark.parametrize("flip", [True, False])
def test_the_recorded_chain_draws_what_the_textbooks_sampler_draws(checkpoint: Checkpoint, flip: bool) -> None:
    recorded = Sampler.of(checkpoint, "cpu", "float32")
    network = FoldedDenoiser(checkpoint.build(), checkpoint.diffusion.steps)
    textbook = Sampler(lambda x, y, t: network(x, y, t), checkpoint.diffusion, 17, "cpu", checkpoint.build_proposal())
    ours, theirs = (sampler.draw(FEATURES, Sampling(3, 4, flip, seed=0)) for sampler in (recorded, textbook))
    assert theirs.std() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_denoiser_that_corrects_nothing_leaves_the_estimate_and_its_deviations(checkpoint: Checkpoint) -> None:
    silent = dict(checkpoint.weights) | {"output.W": torch.zeros_like(checkpoint.weights["output.W"])}
    silent["output.bias"] = torch.zeros(3)
    sampler = Sampler.of(replace(checkpoint, weights=silent), "cpu")
    features = FEATURES[:2]
    drawn = sampler.draw(features, Sampling(1000, 50, flip=False, seed=0))
    mean, _ = checkpoint.build_proposal().estimate(torch.from_numpy(features))
    scale = checkpoint.diffusion.pose_scale
    np.testing.assert_allclose(drawn.mean(1), scale * mean.numpy(), atol=0.02 * scale)
    expected = np.sqrt(np.einsum("...ii->...i", sampler.expected_covariance(features)))[:, 1:]
    np.testing.assert_allclose(drawn.std(1)[:, 1:], np.clip(expected, 0.01 * scale, 2 * scale), rtol=0.15)


def test_a_checkpoint_keeps_it_and_what_it_expects(checkpoint: Checkpoint, proposal: Proposal, tmp_path: Path) -> None:
    save_checkpoint(checkpoint, tmp_path / "with.safetensors")
    loaded = load_checkpoint(tmp_path / "with.safetensors")
    assert loaded.proposal == checkpoint.proposal
    for name, value in checkpoint.proposal_weights.items():
        if value.is_floating_point():
            torch.testing.assert_close(loaded.proposal_weights[name], value, atol=1e-3, rtol=1e-3)
    before, after = (Sampler.of(c, "cpu", "float32") for c in (checkpoint, loaded))
    np.testing.assert_allclose(
        after.draw(FEATURES, Sampling(3, 2, seed=0)), before.draw(FEATURES, Sampling(3, 2, seed=0)), atol=2e-2
    )
    expected = before.expected_covariance(FEATURES)
    np.testing.assert_allclose(after.expected_covariance(FEATURES), expected, rtol=0.05, atol=1e-3)
    inside = proposal.estimate(torch.from_numpy(FEATURES))[1].numpy()
    np.testing.assert_allclose(expected, inside * checkpoint.diffusion.pose_scale**2, rtol=1e-3, atol=1e-8)


def test_a_checkpoint_without_expects_nothing_and_weights_that_do_not_fit_are_refused(checkpoint: Checkpoint) -> None:
    config = DenoiserConfig(channels=32)
    without = Checkpoint(config, DiffusionConfig(), Denoiser(config).state_dict())
    with pytest.raises(ValueError, match="prediction velocity with a proposal: a model of an older version"):
        replace(checkpoint, diffusion=DiffusionConfig())
    assert Sampler.of(without, "cpu").expected_covariance(FEATURES) is None
    with pytest.raises(ValueError, match=r"do not fit a proposal network of 2 blocks, 32 wide"):
        replace(checkpoint, proposal=ProposalConfig(width=32)).build_proposal()
