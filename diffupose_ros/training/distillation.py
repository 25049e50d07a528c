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

"""Distillation: a network that draws in one evaluation what several steps of a trained denoiser draw.

From the same noise, the one evaluation shall end where DDIM ends, which adds no noise on its way (Luhman and Luhman,
"Knowledge distillation in iterative generative models for improved sampling speed", 2021).
"""

import torch
from torch import Tensor, nn

from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.folded_proposal import FoldedProposal
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.networks.prior import CHANNELS
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig


class DistilledDenoiser(nn.Module):
    """A denoiser and its proposal network, which are left as they are, and one that learns to draw in one evaluation.

    Args:
        denoiser: of both denoisers; its condition ends with the description of the proposal's estimate.
        proposal: of the proposal network.
    """

    def __init__(self, denoiser: DenoiserConfig, proposal: ProposalConfig) -> None:
        super().__init__()
        self.denoiser, self.proposal = Denoiser(denoiser), Proposal(proposal)
        self.denoiser.requires_grad_(False)
        self.proposal.requires_grad_(False)
        self.one_step = Denoiser(denoiser)

    def train(self, mode: bool = True) -> "DistilledDenoiser":
        """Put the network that learns, and no other, into training mode."""
        super().train(mode)
        self.denoiser.eval()
        self.proposal.eval()
        return self

    def forward(self, noise: Tensor, condition: Tensor, described: Tensor, t: Tensor) -> Tensor:
        """Return what the network that learns says of noise (B, 17, 3), as ``Denoiser`` does.

        Args:
            noise: to draw from.
            condition: (B, 17, C) 2D condition.
            described: (B, 17, 6) estimate of the proposal network, see ``prior``.
            t: (1,) last time step.
        """
        return self.one_step(noise, torch.cat((condition, described), -1), t)  # type: ignore[no-any-return]


class Teacher:
    """The networks that are learnt from, as fast as the lifter runs them.

    Args:
        network: of which they are.
        diffusion: the process that they were trained for.
        steps: of DDIM.
        products: type of most of their products, float32 or bfloat16.
    """

    def __init__(
        self, network: DistilledDenoiser, diffusion: DiffusionConfig, steps: int, products: torch.dtype
    ) -> None:
        device = next(network.parameters()).device
        denoiser = FoldedDenoiser(network.denoiser, diffusion.steps, device, products)
        proposal = FoldedProposal(network.proposal, products)
        self._sampler, self._steps = Sampler(denoiser, diffusion, device=str(device), proposal=proposal), steps

    @torch.no_grad()
    def __call__(self, condition: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the described estimate (B, 17, 6) of people, and the poses (B, 17, 3) that DDIM draws from the noise.

        Args:
            condition: (B, 17, C) 2D condition.
            noise: (B, 17, 3).
        """
        seen = self._sampler.propose(condition).condition
        with torch.inference_mode():
            drawn = self._sampler.chain(len(noise), self._steps, seen.shape[-1]).run(seen, noise, bool)
        return seen[..., -CHANNELS:], drawn.clone()
