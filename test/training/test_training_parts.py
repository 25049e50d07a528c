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

"""The parts of the training loop: losses, learning rates, the moving average, and the state on disk."""

import math
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.networks.prior import prior_of
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.training.batches import Batch
from diffupose_ros.training.config import EmaConfig, ModelConfig, OptimiserConfig, TrainConfig
from diffupose_ros.training.losses import joint_weights, loss_of, paper_loss, proposal_loss
from diffupose_ros.training.optimiser import average, learning_rate, make_optimiser
from diffupose_ros.training.state import NEWEST, PREVIOUS, load_state, save_state

STATES = [{"step": step, "weights": torch.full((40_000,), float(step))} for step in range(3)]


def batch(joints: int = 17, channels: int = 5) -> Batch:
    torch.manual_seed(0)
    return Batch(
        torch.randn(4, joints, channels), torch.randn(4, joints, 3), torch.arange(4) * 30, torch.randn(4, joints, 3)
    )


# Losses.


def unused(features: torch.Tensor) -> torch.Tensor:
    raise AssertionError("nothing is proposed to this network")


def test_the_papers_loss_weighs_limbs_and_the_reconstructed_condition() -> None:
    for joints in (17, 16):
        assert joint_weights(joints).sum() == (34 if joints == 17 else 32)
    target, condition = torch.zeros(2, 17, 3), torch.zeros(2, 17, 2)
    exact = torch.zeros(2, 17, 5)
    assert paper_loss(exact, target, condition) == 0
    for joint, channel, expected in ((16, 0, 4.0), (13, 4, 4 * 0.8), (9, 1, 2.0), (2, 3, 2 * 0.8), (10, 2, 1.0)):
        off = exact.clone()
        off[:, joint, channel] = -3
        assert float(paper_loss(off, target, condition)) == pytest.approx(3 * expected / (17 * 5))


def test_an_exact_answer_has_no_loss_and_the_squared_one_is_the_mean() -> None:
    config = TrainConfig()
    process, made = config.diffusion.process(), batch()
    noisy, target = process.add_noise(made.poses / 0.3, made.noise, made.t)

    def exact(x: torch.Tensor, features: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(x, noisy)
        assert features is made.features and t is made.t
        return target

    assert loss_of(config, unused)(exact, made) == 0
    assert float(loss_of(config, unused)(lambda *_: target + 2, made)) == pytest.approx(4)
    paper = replace(config, model=ModelConfig(variant="paper"), diffusion=DiffusionConfig.paper(), loss="paper")
    seen = batch(16, 2)
    assert loss_of(paper, unused)(lambda *_: torch.cat((seen.noise, seen.features), -1), seen) == 0


def test_a_proposals_loss_is_that_of_its_pose_and_weakly_the_likelihood_of_its_errors() -> None:
    truth = torch.randn(8, 17, 3, generator=torch.Generator().manual_seed(0))
    truth[:, 0] = 0
    pose, factor = (truth + 0.2).requires_grad_(), 2 * torch.eye(3).expand(8, 17, 3, 3).clone()
    pose.data[:, 0] = 0.0
    normal = torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3) / 4)
    likelihood = normal.log_prob(torch.full((3,), 0.2)) + 1.5 * math.log(2 * math.pi)
    loss = proposal_loss(pose, factor.requires_grad_(), truth, by_distance=False)
    squared = 0.04 * 16 / 17
    assert float(loss.detach()) == pytest.approx(squared - 0.05 * float(likelihood), rel=1e-5)
    loss.backward()
    torch.testing.assert_close(pose.grad, 2 * (pose - truth).detach() / pose.numel())  # the covariance does not move it
    by_distance = proposal_loss(pose, factor, truth)
    assert float((by_distance - loss).detach()) == pytest.approx(0.1 * (0.12**0.5 * 16 + 0.01) / 17 - squared, rel=1e-2)
    assert factor.grad is not None and (factor.grad[:, 0] == 0).all() and (factor.grad[:, 1:] != 0).any()


def test_a_proposal_and_a_denoiser_that_corrects_it_are_trained_together() -> None:
    correction, made = DiffusionConfig(prediction="correction"), batch()
    proposed = replace(TrainConfig(), model=ModelConfig(proposal=True), diffusion=correction, loss="distance")
    truth, process = made.poses / 0.3, correction.process()
    noisy, _ = process.add_noise(truth, made.noise, made.t)
    described, factor = (
        torch.cat((torch.randn(4, 17, 3), torch.rand(4, 17, 3) - 2), -1),
        torch.eye(3).expand(4, 17, 3, 3),
    )
    signal, noise = (torch.from_numpy(of)[made.t][:, None, None] for of in (process.signal, process.noise))
    prior = prior_of(described, signal, noise)
    exact = (truth - prior.sample * noisy - prior.shift) / prior.correction

    def loss(off: float) -> float:
        def forward(x, features, start, t) -> tuple[torch.Tensor, ...]:
            assert start is described and features is made.features and t is made.t
            return exact + torch.tensor((off, 0.0, 0.0)), truth + 1, factor

        return float(loss_of(proposed, lambda features: described)(forward, made) - alone)

    alone = proposal_loss(truth + 1, factor, truth)
    left = noise * 0.25 / (signal**2 / 16 + noise**2).sqrt()
    assert loss(0.0) == pytest.approx(float((0.01 / left).mean()), rel=1e-2)  # what the smooth corner costs
    away = float((prior.correction[:, 1:, :1] / left).mean())
    assert loss(100.0) == pytest.approx(100 * away, rel=1e-2)
    regression = loss_of(replace(TrainConfig(), model=ModelConfig(kind="regressor")), unused)
    assert regression(lambda features: (truth + 1, factor), made) == proposal_loss(truth + 1, factor, truth, False)


def test_a_proposal_learns_where_a_joint_is_and_how_far_off_it_is_itself() -> None:
    torch.manual_seed(0)
    network = Proposal(ProposalConfig(width=32, blocks=1, condition_channels=2))
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    deviation = torch.tensor((0.1, 0.1, 0.5))
    losses = []
    for _ in range(120):
        condition = torch.randn(64, 17, 2)
        truth = torch.cat((condition, condition.sum(-1, keepdim=True)), -1)[:, :1] * torch.ones(17, 1)
        truth = (truth + torch.randn(64, 17, 3) * deviation).index_fill(1, torch.tensor([0]), 0.0)
        loss = proposal_loss(*network(condition), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:10])
    with torch.no_grad():
        precision = network.eval()(condition)[1][:, 1:]
    spread = torch.linalg.inv(precision.mT @ precision).diagonal(dim1=-2, dim2=-1).mean((0, 1)).sqrt()
    assert 2 < float(spread[2] / spread[:2].mean())  # depth is known least


# Optimiser.


def test_learning_rates_warm_up_and_fall_as_their_schedule_says() -> None:
    cosine = OptimiserConfig(learning_rate=2.0, warm_up=0.1)
    rates = [learning_rate(cosine, step, 1000, 10) for step in range(1000)]
    assert rates[0] < 0.01 and 80 < int(np.argmax(rates)) < 120 and rates[-1] < 1e-4
    assert rates[500] == pytest.approx(1.0)
    constant = OptimiserConfig(learning_rate=2.0, warm_up=0, schedule="constant")
    assert {learning_rate(constant, step, 1000, 10) for step in (0, 500, 999)} == {2.0}
    decaying = OptimiserConfig(learning_rate=2.0, warm_up=0, schedule="exponential", decay=0.5)
    assert [learning_rate(decaying, step, 1000, 10) for step in (0, 9, 10, 25)] == [2.0, 2.0, 1.0, 0.5]


@pytest.mark.parametrize(("name", "decays"), [("adam", False), ("adamw", True)])
def test_adamw_alone_decays_weights(name, decays: bool) -> None:
    network = torch.nn.Linear(2, 1)
    before = network.weight.detach().clone()
    optimiser = make_optimiser(OptimiserConfig(name=name, learning_rate=0.1, weight_decay=0.5), network)
    (network.weight.sum() * 0).backward()
    optimiser.step()
    expected = before * (0.95 if decays else 1)
    torch.testing.assert_close(network.weight.detach(), expected)


def test_the_average_follows_at_its_decay_and_faster_from_a_cold_start() -> None:
    mean, network = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    network.weight.data.fill_(2)
    network.running_mean.fill_(1)
    config = EmaConfig(decay=0.9, every=5)
    average(mean, network, config, step=3, warm=True)
    assert mean.weight.item() == 1  # not its turn
    average(mean, network, config, step=5, warm=True)
    assert mean.weight.item() == pytest.approx(1.1) and mean.running_mean.item() == pytest.approx(0.1)
    average(mean, network, config, step=0, warm=False)
    assert mean.weight.item() == pytest.approx(2 - 0.9 * 0.1)


# State.


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process can grow beyond ``size``, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_newest_state_is_read_and_the_one_before_is_kept(tmp_path: Path) -> None:
    assert load_state(tmp_path, print) is None
    for state in STATES:
        save_state(state, tmp_path)
    said: list[str] = []
    assert load_state(tmp_path, said.append)["step"] == 2 and not said
    (tmp_path / NEWEST).unlink()  # killed between the two renames
    assert load_state(tmp_path, said.append)["step"] == 1


@pytest.mark.parametrize("damage", ["cut", "zeros", "empty", "other"])
def test_a_damaged_state_falls_back_to_the_one_before_and_says_so(damage: str, tmp_path: Path) -> None:
    for state in STATES[:2]:
        save_state(state, tmp_path)
    whole = (tmp_path / NEWEST).read_bytes()
    half = len(whole) // 2
    broken = {"cut": whole[:half], "zeros": whole[:half] + bytes(4096) + whole[half + 4096 :], "empty": b""}
    (tmp_path / NEWEST).write_bytes(broken.get(damage, b"something else"))
    said: list[str] = []
    assert load_state(tmp_path, said.append)["step"] == 0
    assert len(said) == 1 and f"unreadable: {tmp_path / NEWEST}" in said[0] and "of step 0" in said[0]
    save_state(STATES[2], tmp_path)
    (tmp_path / NEWEST).write_bytes(b"")
    assert load_state(tmp_path, said.append)["step"] == 0  # the damaged one did not take its place
    (tmp_path / PREVIOUS).write_bytes(b"")
    (tmp_path / NEWEST).write_bytes(b"")
    with pytest.raises(ValueError, match=rf"cannot be read .*{NEWEST}.*{PREVIOUS}.*start anew"):
        load_state(tmp_path, said.append)


def test_a_write_that_fails_leaves_both_states_and_no_rest(tmp_path: Path) -> None:
    for state in STATES[:2]:
        save_state(state, tmp_path)
    with file_size_limit(50_000), pytest.raises(OSError, match=r"cannot write .*state\.pt: File too large"):
        save_state(STATES[2], tmp_path)
    assert sorted(os.listdir(tmp_path)) == [PREVIOUS, NEWEST]
    assert load_state(tmp_path, print)["step"] == 1
    assert math.isclose(float(load_state(tmp_path, print)["weights"][0]), 1)
