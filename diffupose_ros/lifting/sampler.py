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

"""Draws 3D poses from the denoiser: people, hypotheses and mirror images in one batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.denoiser import Variant
from diffupose_ros.lifting.diffusion import Denoise
from diffupose_ros.lifting.folded import FoldedDenoiser
from diffupose_ros.lifting.proposal import Proposal, mirrored
from diffupose_ros.pytorch import select_device
from diffupose_ros.skeleton import HEAD, MIRROR, NECK, THORAX

FloatArray = npt.NDArray[np.float64]
Method = Literal["ddim", "ddpm"]
NO_NECK = [j for j in range(17) if j != NECK]
"""The joints of a 16-joint network."""
MAX_BATCH = 2048
"""Rows of one evaluation of the network: bounds the memory, and how long an interruption takes."""


class Interrupted(Exception):
    """The caller asked to give up."""


@dataclass(frozen=True)
class Prepared:
    """P people as the network takes them.

    Attributes:
        condition: (P, J, C) on the sampler's device, the proposal's estimate in it.
        expected: (P, 17, 3, 3) m^2, the covariances that the proposal expects; None without one.
    """

    condition: Tensor
    expected: FloatArray | None


class Sampler:
    """A denoiser on its device, and the diffusion process that it was trained for.

    Args:
        network: (noisy poses (B, J, 3), condition (B, J, C), time step) -> (B, J, 3 or more), in evaluation mode.
        diffusion: the process.
        joints: J, 17, or 16 (all but the neck).
        proposal: a network whose estimate is part of the condition, in evaluation mode; None for none.
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        variant: which view of the 2D skeleton the network takes.

    Raises:
        ValueError: a device that is not there.
    """

    def __init__(
        self,
        network: nn.Module,
        diffusion: DiffusionConfig,
        joints: int = 17,
        device: str = "auto",
        proposal: Proposal | None = None,
        variant: Variant = "robust",
    ) -> None:
        self.device, self.variant = select_device(device), variant
        self.joints, self.pose_scale, self.diffusion = joints, diffusion.pose_scale, diffusion.process()
        self._network = network.to(self.device)
        self._proposal = proposal.to(self.device) if proposal is not None else None
        mirror = list(MIRROR) if joints == 17 else [NO_NECK.index(MIRROR[j]) for j in NO_NECK]
        self._mirror = torch.tensor(mirror, device=self.device)

    @classmethod
    def of(cls, checkpoint: Checkpoint, device: str = "auto") -> "Sampler":
        """Return the sampler of a checkpoint's denoiser, its constants folded."""
        network = FoldedDenoiser(checkpoint.build(), checkpoint.diffusion.steps)
        config, proposal = checkpoint.denoiser, checkpoint.build_proposal()
        return cls(network, checkpoint.diffusion, config.joints, device, proposal, config.variant)

    def close(self) -> None:
        """Free the model's memory, on a GPU too; the sampler cannot be used any more."""
        del self._network, self._proposal
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def draw(
        self,
        features: npt.NDArray[np.float32] | Prepared,
        hypotheses: int,
        steps: int,
        flip: bool = True,
        seed: int | None = None,
        interrupted: Callable[[], bool] = bool,
        method: Method = "ddim",
    ) -> FloatArray:
        """Draw root-relative poses (P, N, 17, 3) in metres in the virtual cameras' frames.

        All people, hypotheses and mirror images are one batch, up to ``MAX_BATCH``. The noise of the
        hypotheses is drawn once, centred over them (their mean is then that of many more), and shared by
        all people.

        Args:
            features: (P, 17, C) of a ``Condition``, or these prepared.
            hypotheses: N.
            steps: DDIM steps; DDPM always takes all.
            flip: average each denoiser evaluation with that of the mirror image.
            seed: of the noise; None for a fresh one.
            interrupted: asked before each evaluation of the network whether to give up.
            method: ``ddim`` or ``ddpm``.

        Raises:
            Interrupted: ``interrupted`` said yes.
        """
        seen = (features if isinstance(features, Prepared) else self.prepare(features)).condition
        joints, people = self.joints, len(seen)
        if people == 0:
            return np.zeros((0, hypotheses, 17, 3))
        generator = torch.Generator()
        generator.manual_seed(seed) if seed is not None else generator.seed()
        at_once = max(1, MAX_BATCH // (hypotheses * (1 + flip)))
        noise = self._noise(hypotheses, generator)
        parts = []
        for part in torch.split(seen, at_once):
            y = part.repeat_interleave(hypotheses, 0)
            denoise = self._symmetric(y, interrupted) if flip else self._plain(y, interrupted)
            start = noise.repeat(len(part), 1, 1)
            if method == "ddim":
                parts.append(self.diffusion.ddim(denoise, start, steps))
            else:
                rows = len(part)
                draw = lambda t: self._noise(hypotheses, generator).repeat(rows, 1, 1)  # noqa: E731, B023
                parts.append(self.diffusion.ddpm(denoise, start, draw))
        poses = torch.cat(parts).view(people, hypotheses, joints, 3).double().cpu().numpy() * self.pose_scale
        if joints == 16:
            # The released 16-joint networks know no neck: halfway from thorax to head.
            head = NO_NECK.index(HEAD)
            poses = np.insert(poses, NECK, (poses[:, :, THORAX] + poses[:, :, head]) / 2, axis=2)
        return np.asarray(poses - poses[:, :, :1])

    @torch.inference_mode()
    def prepare(self, features: npt.NDArray[np.float32]) -> Prepared:
        """Return people's features (P, 17, C) as the network takes them; runs the proposal network."""
        seen = torch.from_numpy(features if self.joints == 17 else features[:, NO_NECK]).to(self.device)
        if self._proposal is None:
            return Prepared(seen, None)
        pose, covariance = self._proposal.estimate(seen)
        expected = covariance.double().cpu().numpy() * self.pose_scale**2
        return Prepared(torch.cat((seen, pose), -1), expected)

    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray | None:
        """Return the covariances (P, 17, 3, 3) in m^2 that the model expects before any pose is drawn.

        In the virtual cameras' frames. None for a model without a proposal network.
        """
        return self.prepare(features).expected

    def _noise(self, hypotheses: int, generator: torch.Generator) -> Tensor:
        """Standard normal noise (N, J, 3), centred over the hypotheses."""
        noise = torch.randn(hypotheses, self.joints, 3, generator=generator)
        if hypotheses > 1:
            noise = (noise - noise.mean(0)) * (hypotheses / (hypotheses - 1)) ** 0.5
        return noise.to(self.device)

    def _plain(self, y: Tensor, interrupted: Callable[[], bool]) -> Denoise:
        def denoise(x: Tensor, t: int) -> Tensor:
            if interrupted():
                raise Interrupted
            output: Tensor = self._network(x, y, t)
            return output[..., :3]

        return denoise

    def _symmetric(self, y: Tensor, interrupted: Callable[[], bool]) -> Denoise:
        """The denoiser made equivariant to mirroring: the average over the pose and its mirror image."""
        estimated = (0,) if self._proposal is None else (0, y.shape[-1] - 3)
        both = torch.cat((y, mirrored(y, self._mirror, estimated)))
        plain = self._plain(both, interrupted)

        def denoise(x: Tensor, t: int) -> Tensor:
            straight, reversed_ = plain(torch.cat((x, mirrored(x, self._mirror))), t).chunk(2)
            return (straight + mirrored(reversed_, self._mirror)) / 2

        return denoise
