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

"""A first estimate of pose and covariance in one pass, which the denoiser then corrects.

A residual network over all joints at once (Martinez et al., "A simple yet effective baseline for 3D human
pose estimation", ICCV 2017) that also says how far off it is: per joint a normal distribution, as in Kendall
and Gal, "What uncertainties do we need ...", NeurIPS 2017. It runs once a person; the denoiser, which sees the
estimate too, runs once for each hypothesis and step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from diffupose_ros.lifting.networks.denoiser import MOST, check_whole
from diffupose_ros.skeleton import MIRROR

LOG_BOUND = 8.0
"""Of the logarithms of the precision's factor: e^-8 to e^8 per unit of pose_scale."""


@dataclass(frozen=True)
class ProposalConfig:
    """What a proposal network is built from.

    Attributes:
        width: of the hidden layers.
        blocks: number of residual blocks.
        condition_channels: channels of the 2D condition of each joint.

    Raises:
        ValueError: numbers that no network has.
    """

    width: int = 1024
    blocks: int = 2
    condition_channels: int = 5

    def __post_init__(self) -> None:
        for name in ("width", "blocks", "condition_channels"):
            check_whole(name, getattr(self, name), MOST[name])


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()) for _ in range(2)]
        self.layers = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


class Proposal(nn.Module):
    """Estimates root-relative poses and their uncertainty from conditions (B, 17, C)."""

    def __init__(self, config: ProposalConfig) -> None:
        super().__init__()
        self.config = config
        joints, width = len(MIRROR), config.width
        self.trunk = nn.Sequential(
            nn.Linear(joints * config.condition_channels, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            *(_ResidualBlock(width) for _ in range(config.blocks)),
        )
        self.pose = nn.Linear(width, joints * 3)
        inputs = width + joints * config.condition_channels
        self.precision = nn.Sequential(
            nn.Linear(inputs, width // 2),
            nn.ReLU(),
            nn.Linear(width // 2, width // 4),
            nn.ReLU(),
            nn.Linear(width // 4, joints * 6),
        )

    def forward(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return poses (B, 17, 3) and factors (B, 17, 3, 3), in units of ``pose_scale``.

        A factor U is upper triangular with U^T U the inverse of the joint's covariance. It learns from the trunk
        but does not teach it: the pose is that of the squared error alone.
        """
        flat = condition.flatten(1)
        hidden = self.trunk(flat)
        numbers = self.precision(torch.cat((hidden.detach(), flat), 1))
        return self.pose(hidden).unflatten(1, (-1, 3)), triangular(numbers.unflatten(1, (-1, 6)))

    @torch.no_grad()
    def estimate(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return root-relative poses (B, 17, 3) and covariances (B, 17, 3, 3), averaged with the mirror image's.

        In units of ``pose_scale``, and its square.
        """
        return symmetric(self, condition)


Propose = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Conditions (B, 17, C) -> poses and factors, as ``Proposal`` returns them."""


def symmetric(propose: Propose, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``Proposal.estimate`` of any ``Propose``."""
    pose, factors = both_images(propose, condition)
    return pose, _covariance(factors).mean(0)


def both_images(propose: Propose, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is proposed for people and of their mirror images, mirrored back.

    Returns:
        The root-relative mean (B, 17, 3) of both poses, and the factors (2, B, 17, 3, 3) of each.
    """
    joints, signs = _mirror(condition.device)
    # One pass for both: reading the weights costs most.
    poses, factors = propose(torch.cat((condition, mirrored(condition, joints))))
    straight, reversed_ = poses.chunk(2)
    pose = (straight + mirrored(reversed_, joints)) / 2
    factor, reversed_factor = factors.chunk(2)
    return pose - pose[:, :1], torch.stack((factor, reversed_factor[:, joints] * signs))


def mirrored(x: Tensor, joints: Tensor, horizontal: tuple[int, ...] = (0,)) -> Tensor:
    """Return (..., J, C) with left and right ``joints`` exchanged and the ``horizontal`` channels negated."""
    mirror = x[..., joints, :]
    for channel in horizontal:
        mirror[..., channel].neg_()
    return mirror


@cache
def _mirror(device: torch.device) -> tuple[Tensor, Tensor]:
    """Joints in the order of the mirror image, and signs (3, 3) of its matrices; kept, as a copy makes a GPU wait."""
    with torch.inference_mode(False):  # training uses them too
        aside = torch.tensor([-1.0, 1, 1])
        return torch.from_numpy(MIRROR).to(device), (aside[:, None] * aside).to(device)


def triangular(numbers: Tensor) -> Tensor:
    """Upper triangular matrices (..., 3, 3) of positive diagonal from any numbers (..., 6)."""
    diagonal = numbers[..., :3].float().clamp(-LOG_BOUND, LOG_BOUND).exp()
    return _upper(*diagonal.unbind(-1), *numbers[..., 3:].float().unbind(-1))


def _covariance(factor: Tensor) -> Tensor:
    """Covariances (..., 3, 3) = (U^T U)^-1."""
    xx, yy, zz = factor.diagonal(dim1=-2, dim2=-1).reciprocal().unbind(-1)
    xy, xz, yz = factor[..., 0, 1], factor[..., 0, 2], factor[..., 1, 2]
    root = _upper(xx, yy, zz, -xx * xy * yy, xx * (xy * yy * yz - xz) * zz, -yy * yz * zz)
    return root @ root.mT


def _upper(xx: Tensor, yy: Tensor, zz: Tensor, xy: Tensor, xz: Tensor, yz: Tensor) -> Tensor:
    """Upper triangular matrices (..., 3, 3) of these elements (...)."""
    zero = torch.zeros_like(xx)
    return torch.stack((xx, xy, xz, zero, yy, yz, zero, zero, zz), -1).view(*xx.shape, 3, 3)
