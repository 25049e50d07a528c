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

"""The networks that the training loop can train: how each is built, and what trained weights are kept as."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffupose_ros.files import one_line, user_path
from diffupose_ros.lifting.checkpoint import PARENTS_16, Checkpoint, DiffusionConfig, load_checkpoint
from diffupose_ros.lifting.networks import prior
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig, both_images
from diffupose_ros.pytorch import load_pickled
from diffupose_ros.skeleton import PARENTS
from diffupose_ros.training.config import TrainConfig
from diffupose_ros.training.distillation import DistilledDenoiser
from diffupose_ros.training.regressor import is_regressor, load_regressor, load_weights, regressor_config
from diffupose_ros.training.unet import UNet, UNetConfig


@dataclass(frozen=True)
class ProposedDenoiserConfig:
    """What a ``ProposedDenoiser`` is built from.

    Attributes:
        denoiser: whose condition ends with the description of the estimate, see ``prior``.
        proposal: whose condition is the rest.
        distilled: whether it is a ``DistilledDenoiser`` instead.
    """

    denoiser: DenoiserConfig
    proposal: ProposalConfig
    distilled: bool = False


class ProposedDenoiser(nn.Module):
    """A denoiser and the proposal network whose estimate it corrects, trained together.

    Neither teaches the other: the estimate comes from outside, from the moving average of the proposal network.
    """

    def __init__(self, config: ProposedDenoiserConfig) -> None:
        super().__init__()
        self.denoiser = Denoiser(config.denoiser)
        self.proposal = Proposal(config.proposal)

    def forward(self, x: Tensor, condition: Tensor, described: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run both networks.

        Args:
            x: (B, 17, 3) noisy pose.
            condition: (B, 17, C) 2D condition.
            described: (B, 17, 6) estimate that the denoiser corrects.
            t: (B,) time step.

        Returns:
            The denoiser's correction (B, 17, 3), and the proposal's ``both_images``: it learns as it is used, as the
            mean over both, which errs less than the mean of two networks that each learnt alone.
        """
        prediction = self.denoiser(x, torch.cat((condition, described), -1), t)
        return prediction, *both_images(self.proposal, condition)


NetworkConfig = DenoiserConfig | ProposedDenoiserConfig | ProposalConfig | UNetConfig


@dataclass(frozen=True)
class Trained:
    """A trained network, as in best.pt of a run.

    Attributes:
        kind: as in ``ModelConfig``.
        config: of the network.
        diffusion: the process that it was trained for.
        weights: its state dict, float32.
        card: what is known of it: ``training``, how it was trained, and ``credit``, the line that it must carry.
    """

    kind: str
    config: NetworkConfig
    diffusion: DiffusionConfig
    weights: dict[str, Tensor]
    card: dict[str, Any]

    def build(self) -> nn.Module:
        """Return the network with these weights.

        Raises:
            ValueError: they do not fit, or are not finite.
        """
        network = build(self.config)
        load_weights(network, self.weights)
        return network.eval().requires_grad_(False)

    def state(self) -> dict[str, Any]:
        """Return what ``read_trained`` reads."""
        return {
            "kind": self.kind,
            "config": asdict(self.config),
            "diffusion": asdict(self.diffusion),
            "model": self.weights,
            **self.card,
        }


def network_config(config: TrainConfig) -> NetworkConfig:
    """Return the configuration of the network that a training configuration asks for."""
    model = config.model
    if model.kind == "regressor":
        return regressor_config(model.variant, model.channels)
    if model.kind == "unet":
        return UNetConfig(model.joints)
    parents = PARENTS if model.joints == 17 else PARENTS_16
    if model.variant == "paper":
        return DenoiserConfig.paper(model.channels, parents)
    denoiser = DenoiserConfig("robust", model.channels, parents)
    if not model.proposal:
        return denoiser
    proposal = ProposalConfig(model.proposal_width, model.proposal_blocks, denoiser.condition_channels)
    wider = replace(denoiser, condition_channels=denoiser.condition_channels + prior.CHANNELS)
    return ProposedDenoiserConfig(wider, proposal, config.distilled_steps > 0)


def build(config: NetworkConfig) -> nn.Module:
    """Return a network with random weights."""
    if isinstance(config, ProposalConfig):
        return Proposal(config)
    if isinstance(config, UNetConfig):
        return UNet(config)
    if isinstance(config, DenoiserConfig):
        return Denoiser(config)
    return DistilledDenoiser(config.denoiser, config.proposal) if config.distilled else ProposedDenoiser(config)


def parts(network: nn.Module) -> list[nn.Module]:
    """Return the networks that are trained in one, which teach each other nothing."""
    if isinstance(network, DistilledDenoiser):
        return [network.one_step]
    return [network.denoiser, network.proposal] if isinstance(network, ProposedDenoiser) else [network]


def checkpoint_of(network: nn.Module, diffusion: DiffusionConfig, card: dict[str, Any] | None = None) -> Checkpoint:
    """Return the checkpoint, not calibrated, that a denoiser is in its present state."""
    if isinstance(network, ProposedDenoiser | DistilledDenoiser):
        denoiser, proposal = network.denoiser, network.proposal
        return Checkpoint(
            denoiser.config,
            diffusion,
            denoiser.state_dict(),
            card=card or {},
            proposal=proposal.config,
            proposal_weights=proposal.state_dict(),
            one_step_weights=network.one_step.state_dict() if isinstance(network, DistilledDenoiser) else {},
        )
    if not isinstance(network, Denoiser):
        raise TypeError(f"no checkpoint is made of a {type(network).__name__}")
    return Checkpoint(network.config, diffusion, network.state_dict(), card=card or {})


def read_trained(path: str | Path) -> Trained:
    """Read best.pt of a training run.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no trained model at {path}: expected best.pt of a `diffupose train` run")
    try:
        state = load_pickled(path)
        kind = state.get("kind", "denoiser")
        return Trained(
            kind,
            _read_config(kind, state["config"]),
            DiffusionConfig(**state.get("diffusion", {})),
            state["model"],
            {"training": state["training"]} | ({"credit": state["credit"]} if "credit" in state else {}),
        )
    except Exception as error:  # noqa: BLE001 - torch raises a dozen kinds for a broken file
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ValueError(f"{path}: not the best.pt of a `diffupose train` run ({reason})") from None


def _read_config(kind: str, content: dict[str, Any]) -> NetworkConfig:
    if kind == "regressor":
        return ProposalConfig(**content)
    if kind == "unet":
        return UNetConfig(**content)
    if "proposal" in content:
        parts = DenoiserConfig(**content["denoiser"]), ProposalConfig(**content["proposal"])
        return ProposedDenoiserConfig(*parts, content.get("distilled", False))
    return DenoiserConfig(**content)


def read_any(name_or_path: str | Path) -> Trained | Checkpoint:
    """Read weights, whatever they are kept as: best.pt of a run, a regressor's or a denoiser's file.

    A denoiser's file may also be a shipped checkpoint, by name, or the authors' .pt or .pth.

    Raises:
        FileNotFoundError: no such file.
        ValueError: none of those.
    """
    path = user_path(name_or_path)
    if path.suffix == ".pt" and path.is_file():
        try:
            return read_trained(path)
        except ValueError as error:
            try:
                return load_checkpoint(path)  # the authors'
            except ValueError as other:
                raise ValueError(f"{error}; {other}") from None
    if path.is_file() and is_regressor(path):
        file = load_regressor(path)
        diffusion = DiffusionConfig(pose_scale=file.pose_scale)
        return Trained("regressor", file.network.config, diffusion, file.network.state_dict(), file.card)
    return load_checkpoint(name_or_path)


def warm_start(network: nn.Module, diffusion: DiffusionConfig, name_or_path: str) -> None:
    """Put the weights of a checkpoint into a network of the same architecture, for the same prediction.

    Of one that is distilled, they are what it learns from.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: its architecture, its prediction or the scale of its poses is another.
    """
    found = read_any(name_or_path)
    for name in ("prediction", "pose_scale"):
        theirs, ours = getattr(found.diffusion, name), getattr(diffusion, name)
        if theirs != ours:
            raise ValueError(f"init: {name_or_path} was trained with diffusion.{name} {theirs}, here it is {ours}")
    weights = _together(found) if isinstance(found, Checkpoint) else found.weights
    if isinstance(network, DistilledDenoiser):  # what learns begins as what it learns from
        denoiser = {name: value for name, value in weights.items() if name.startswith("denoiser.")}
        weights = {name.replace("denoiser.", "one_step.", 1): value for name, value in denoiser.items()} | weights
    else:
        weights = {name: value for name, value in weights.items() if not name.startswith("one_step.")}
    try:
        load_weights(network, weights)
    except ValueError as error:
        raise ValueError(f"init: {name_or_path} does not fit this model: {error}") from None


def _together(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The state dict of the network that was trained into a checkpoint."""
    if checkpoint.proposal is None:
        return checkpoint.weights
    together = {
        "denoiser": checkpoint.weights,
        "proposal": checkpoint.proposal_weights,
        "one_step": checkpoint.one_step_weights,
    }
    return {f"{part}.{name}": value for part, weights in together.items() for name, value in weights.items()}
