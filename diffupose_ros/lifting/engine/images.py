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

"""Which hypotheses are drawn for the mirror image, and how poses of either become poses of people.

Functions of tensors without a state or a branch on numbers: they can be recorded and exported.
"""

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.sampling import NO_NECK, mirror_image
from diffupose_ros.skeleton import HEAD, NECK, THORAX


class Images:
    """The images that N hypotheses are drawn for: every second the mirror image, or all as it is.

    Args:
        hypotheses: N.
        flip: draw for the mirror image at all.
        joints: J, 17, or 16 (all but the neck).
        channels: C of the condition, with what the denoiser is told of a proposal's estimate.
        horizontal: channels of the condition that the mirror image has negative.
        device: where the tensors are.
    """

    def __init__(
        self,
        hypotheses: int,
        flip: bool,
        joints: int,
        channels: int,
        horizontal: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.channels, self._hypotheses, self._joints = channels, hypotheses, joints
        exchanged = torch.tensor(mirror_image(joints))
        which = torch.arange(hypotheses) % 2 * flip
        order = torch.arange(hypotheses)[:, None] * joints + torch.stack((torch.arange(joints), exchanged))[which]
        signs, aside = torch.ones(channels), torch.ones(hypotheses, 1, 3, dtype=torch.float64)
        signs[list(horizontal)] = -1
        aside[which == 1, :, 0] = -1
        constants = (which, exchanged, signs, order.flatten(), aside)
        self._which, self._exchanged, self._signs, self._order, self._aside = (c.to(device) for c in constants)

    def conditions(self, condition: Tensor) -> Tensor:
        """Return the conditions (P, N, J, C) of each hypothesis' image from those of the people (P, J, C)."""
        mirrored = condition.index_select(1, self._exchanged) * self._signs
        return torch.stack((condition, mirrored), 1).index_select(1, self._which)

    def turned(self, poses: Tensor) -> Tensor:
        """Return poses (P, N, J, 3) in their images as poses of the people, or the reverse; float64."""
        joints = poses.flatten(1, 2).index_select(1, self._order).double()
        return torch.unflatten(joints, 1, (self._hypotheses, -1)) * self._aside

    def metres(self, drawn: Tensor, pose_scale: float) -> Tensor:
        """Return root-relative poses (P, N, 17, 3) in metres, float64, of what a network drew (P, N, J, 3)."""
        return root_relative(self.turned(drawn) * pose_scale, self._joints)


def root_relative(poses: Tensor, joints: int) -> Tensor:
    """Return poses (P, N, 17, 3) relative to their roots, of those (P, N, J, 3) of a network of J ``joints``."""
    if joints == 16:
        # The released 16-joint networks know no neck: halfway from thorax to head.
        thorax, head = poses[:, :, THORAX, None], poses[:, :, NO_NECK.index(HEAD), None]
        poses = torch.cat((poses[:, :, :NECK], (thorax + head) / 2, poses[:, :, NECK:]), 2)
    return poses - poses[:, :, :1]
