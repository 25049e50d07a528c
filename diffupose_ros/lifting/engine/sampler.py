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

"""Draws 3D poses from the denoiser: people and hypotheses in one batch."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.chain import Chain
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.folded_proposal import FoldedProposal
from diffupose_ros.lifting.engine.sampling import (
    CPU_BATCH,
    MAX_BATCH,
    NO_NECK,
    Interrupted,
    Noise,
    OtherStepsError,
    Precision,
    Room,
    Sampling,
    mirror_image,
    root_relative,
)
from diffupose_ros.lifting.engine.tape import Memory
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.lifting.networks.prior import CHANNELS, describe, prior_of
from diffupose_ros.lifting.networks.proposal import Proposal, mirrored
from diffupose_ros.pytorch import product_type, select_device

FloatArray = npt.NDArray[np.float64]
DenoiseGiven = Callable[[Tensor, Tensor, int], Tensor]
"""(noisy poses (B, J, 3), condition (B, J, C), time step) -> prediction (B, J, 3 or more)."""
_PRODUCTS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_CHAINS = 64
"""Chains kept ready, one for each number of poses and of steps: 16 numbers of people by the 4 of a latency budget."""


@dataclass(frozen=True)
class Prepared:
    """P people as the network takes them.

    Attributes:
        condition: (P, J, C) on the sampler's device; it ends with the description of the proposal's estimate.
        covariance: (P, 17, 3, 3) m^2, there too, that the proposal expects; None without one.
    """

    condition: Tensor
    covariance: Tensor | None

    @property
    def expected(self) -> FloatArray | None:
        """The covariances; asked for after the poses are drawn, a GPU need not wait in between."""
        return None if self.covariance is None else self.covariance.double().cpu().numpy()


class Sampler:
    """A denoiser on its device, and the diffusion process that it was trained for.

    Can be used from several threads, which then take turns.

    Attributes:
        engine: what people call it.

    Args:
        network: the denoiser, on ``device`` and in evaluation mode. A ``FoldedDenoiser`` runs fastest.
        diffusion: the process.
        joints: J, 17, or 16 (all but the neck).
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        proposal: a network whose estimate the denoiser corrects, on ``device`` and in evaluation mode; None for none.
        variant: which view of the 2D skeleton the network takes.

    Raises:
        ValueError: a device that is not there.
    """

    engine = "torch"

    def __init__(
        self,
        network: DenoiseGiven,
        diffusion: DiffusionConfig,
        joints: int = 17,
        device: str = "auto",
        proposal: Proposal | FoldedProposal | None = None,
        variant: Variant = "robust",
    ) -> None:
        self.device, self.variant = select_device(device), variant
        self.channels = network.channels if isinstance(network, FoldedDenoiser) else 0
        self.joints, self.pose_scale, self.diffusion = joints, diffusion.pose_scale, diffusion.process()
        self._network = network
        self._proposal = proposal
        self._mirror = torch.tensor(mirror_image(joints), device=self.device)
        self._memory = Memory(self.device)
        self._chains: OrderedDict[tuple[int, ...], Chain] = OrderedDict()
        self._turn = threading.Lock()
        rows = CPU_BATCH if self.device.type == "cpu" else MAX_BATCH
        self._room = Room(rows, lambda error: isinstance(error, torch.cuda.OutOfMemoryError))
        self._pads = self.device.type == "cuda"  # a new CUDA graph takes as long as hundreds of runs of another

    @classmethod
    def of(cls, checkpoint: Checkpoint, device: str = "auto", precision: Precision = "auto") -> "Sampler":
        """Return the sampler of a checkpoint's denoiser, its constants folded.

        Args:
            checkpoint: the model.
            device: see above.
            precision: of most products over the channels; ``auto``: bfloat16 where the device computes in it.

        Raises:
            ValueError: a device that is not there, or an unknown precision.
        """
        where = select_device(device)
        if precision not in ("auto", *_PRODUCTS):
            raise ValueError(f"precision {precision!r}: the engine torch has auto, {' and '.join(_PRODUCTS)}")
        products = product_type(where) if precision == "auto" else _PRODUCTS[precision]
        network = FoldedDenoiser(checkpoint.build(), checkpoint.diffusion.steps, where, products)
        config, proposal = checkpoint.denoiser, checkpoint.build_proposal()
        folded = None if proposal is None else FoldedProposal(proposal.to(where), products)
        return cls(network, checkpoint.diffusion, config.joints, device, folded, config.variant)

    def close(self) -> None:
        """Free the model's memory, on a GPU too; the sampler cannot be used any more."""
        del self._network, self._proposal, self._memory
        self._chains.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def check_steps(self, steps: int) -> None:
        """Refuse numbers of DDIM steps that the process does not have.

        Raises:
            OtherStepsError: they are not 1 to T.
        """
        try:
            self.diffusion.timesteps(steps)
        except ValueError as error:
            raise OtherStepsError(str(error)) from None

    @torch.inference_mode()
    def draw(
        self,
        features: npt.NDArray[np.float32] | Prepared,
        sampling: Sampling,
        interrupted: Callable[[], bool] = bool,
    ) -> FloatArray:
        """Draw root-relative poses (P, N, 17, 3) in metres in the virtual cameras' frames.

        All people and hypotheses are one batch, up to ``MAX_BATCH`` or ``CPU_BATCH``. The noise of the hypotheses is
        drawn once, centred over them (their mean is then that of many more), and shared by all people.

        Args:
            features: (P, 17, C) of a ``Condition``, or these prepared.
            sampling: how.
            interrupted: asked before each evaluation of the network whether to give up.

        Raises:
            Interrupted: ``interrupted`` said yes.
            MemoryError: the device's memory is not enough for one person.
        """
        seen = (features if isinstance(features, Prepared) else self.prepare(features)).condition
        hypotheses, flip = sampling.hypotheses, sampling.flip
        if len(seen) == 0:
            return np.zeros((0, hypotheses, 17, 3))
        drawn_noise = Noise(sampling, self.joints)

        def draw() -> Tensor:
            """The noise of each hypothesis as the image that it is for sees it."""
            noise = torch.from_numpy(drawn_noise()).to(self.device)
            if flip:
                noise[1::2] = mirrored(noise[1::2], self._mirror)
            return noise

        noise = draw()

        def poses_of(people: slice) -> FloatArray:
            part = seen[people]
            images = (part, self._mirrored(part)) if flip else (part,)
            conditions = torch.stack([images[n % len(images)] for n in range(hypotheses)], 1)  # (P, N, J, C)
            if sampling.method == "ddim" and isinstance(self._network, FoldedDenoiser):
                drawn = self._run_chain(conditions, noise, sampling.steps, interrupted)
            else:
                drawn = self._evaluate(conditions, noise, sampling, interrupted, draw)
            if flip:
                drawn[:, 1::2] = mirrored(drawn[:, 1::2], self._mirror)
            return np.asarray(drawn.double().cpu().numpy())

        return root_relative(self._room.draw(len(seen), hypotheses, poses_of) * self.pose_scale)

    @torch.inference_mode()
    def prepare(self, features: npt.NDArray[np.float32]) -> Prepared:
        """Return people's features (P, 17, C) as the network takes them; runs the proposal network."""
        seen = torch.from_numpy(features if self.joints == 17 else features[:, NO_NECK]).to(self.device)
        if self._proposal is None:
            return Prepared(seen, None)
        pose, covariance = self._proposal.estimate(seen)
        return Prepared(torch.cat((seen, describe(pose, covariance)), -1), covariance * self.pose_scale**2)

    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray | None:
        """Return the covariances (P, 17, 3, 3) in m^2 that the model expects before any pose is drawn.

        In the virtual cameras' frames. None for a model without a proposal network.
        """
        return self.prepare(features).expected

    def _run_chain(self, conditions: Tensor, noise: Tensor, steps: int, interrupted: Callable[[], bool]) -> Tensor:
        """Poses (P, N, J, 3) by the recorded chain of this many; the oldest one makes room for a new one."""
        count, hypotheses, joints, channels = conditions.shape
        people = _bucket(count) if self._pads else count
        if people > count:
            conditions = torch.cat((conditions, conditions[-1:].expand(people - count, -1, -1, -1)))
        key = (people * hypotheses, steps)
        with self._turn:
            try:
                if key not in self._chains:
                    assert isinstance(self._network, FoldedDenoiser)
                    self._chains[key] = Chain(self._network, self.diffusion, *key, channels, self._memory)
                    if len(self._chains) > _CHAINS:
                        self._chains.popitem(last=False)
                self._chains.move_to_end(key)
                drawn = self._chains[key].run(conditions.flatten(0, 1), noise.repeat(people, 1, 1), interrupted)
            except torch.cuda.OutOfMemoryError:  # smaller ones will need what this and the others hold
                self._chains.clear()
                self._memory = Memory(self.device)
                raise
            return drawn.view(people, hypotheses, joints, 3)[:count].clone()

    def _evaluate(
        self,
        conditions: Tensor,
        noise: Tensor,
        sampling: Sampling,
        interrupted: Callable[[], bool],
        draw: Callable[[], Tensor],
    ) -> Tensor:
        """Poses (P, N, J, 3) by any network and either method."""
        people, y = len(conditions), conditions.flatten(0, 1)

        def denoise(x: Tensor, t: int) -> Tensor:
            if interrupted():
                raise Interrupted
            output = self._network(x, y, t)[..., :3]
            if self._proposal is None:
                return output
            prior = prior_of(y[..., -CHANNELS:], float(self.diffusion.signal[t]), float(self.diffusion.noise[t]))
            return prior.x0(x, output)

        start = noise.repeat(people, 1, 1)
        if sampling.method == "ddim":
            poses = self.diffusion.ddim(denoise, start, sampling.steps)
        else:
            poses = self.diffusion.ddpm(denoise, start, lambda t: draw().repeat(people, 1, 1))
        return torch.unflatten(poses, 0, conditions.shape[:2])

    def _mirrored(self, condition: Tensor) -> Tensor:
        """Condition (B, J, C) of the mirror images."""
        horizontal = (0,) if self._proposal is None else (0, condition.shape[-1] - CHANNELS)
        return mirrored(condition, self._mirror, horizontal)


def _bucket(people: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, ...: at most half as many again."""
    power = 1 << (people - 1).bit_length()
    return power * 3 // 4 if people <= power * 3 // 4 else power
