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
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffupose_ros.defaults import STEPS
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.chain import Chain
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.folded_proposal import FoldedProposal
from diffupose_ros.lifting.engine.images import Images
from diffupose_ros.lifting.engine.products import reads_halves
from diffupose_ros.lifting.engine.sampling import (
    CPU_BATCH,
    MAX_BATCH,
    Interrupted,
    Noise,
    OtherStepsError,
    Precision,
    Room,
    Sampling,
    of_network,
    parts,
)
from diffupose_ros.lifting.engine.tape import Memory
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.lifting.networks.diffusion import Diffusion
from diffupose_ros.lifting.networks.prior import CHANNELS, describe, prior_of
from diffupose_ros.lifting.networks.proposal import Proposal
from diffupose_ros.pytorch import product_type, select_device

FloatArray = npt.NDArray[np.float64]
DenoiseGiven = Callable[[Tensor, Tensor, int], Tensor]
"""(noisy poses (B, J, 3), condition (B, J, C), time step) -> prediction (B, J, 3 or more)."""
_PRODUCTS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
KEPT = 64
"""Chains kept ready, one for each number of poses and of steps; as many calls, and kinds of images."""


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

    Args:
        network: the denoiser, on ``device`` and in evaluation mode. A ``FoldedDenoiser`` runs fastest.
        diffusion: the process.
        joints: J, 17, or 16 (all but the neck).
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        proposal: a network whose estimate the denoiser corrects, on ``device`` and in evaluation mode; None for none.
        one_step: what draws where one step is asked for, a denoiser distilled for that; None: the denoiser does.
        variant: which view of the 2D skeleton the network takes.

    Attributes:
        engine: what people call it.
        chain: the recorded chain of (rows, steps, channels of the condition); of a ``FoldedDenoiser`` only, and only
            while ``turn`` is held.
        memory: of all that is recorded.
        turn: held by whoever runs what is recorded.
        pads: whether numbers of people are rounded up (``bucket``).

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
        one_step: DenoiseGiven | None = None,
        variant: Variant = "robust",
    ) -> None:
        self.device, self.variant = select_device(device), variant
        self.channels = network.channels if isinstance(network, FoldedDenoiser) else 0
        self.joints, self.pose_scale, self.diffusion = joints, diffusion.pose_scale, diffusion.process()
        self._network, self._one_step = network, one_step
        self._proposal = proposal
        self.memory, self.turn = Memory(self.device), threading.Lock()
        self._batch = CPU_BATCH if self.device.type == "cpu" else MAX_BATCH
        self._room = Room(self._batch, out_of_memory)
        self._images = lru_cache(KEPT)(partial(Images, device=self.device))
        # Of functions, not methods: who drops a sampler gives its memory back at once.
        self.chain = lru_cache(KEPT)(partial(_chain, network, one_step, self.diffusion, self.memory))
        self.pads = self.device.type == "cuda"  # a new CUDA graph takes as long as hundreds of runs of another

    @classmethod
    def of(cls, checkpoint: Checkpoint, device: str = "auto", precision: Precision = "auto") -> "Sampler":
        """Return the sampler of a checkpoint's denoiser, its constants folded.

        Args:
            checkpoint: the model.
            device: see above.
            precision: of most products over the channels; ``auto``: bfloat16 where the device computes in it, elsewhere
                float32, with the proposal's weights in float16 where that is faster.

        Raises:
            ValueError: a device that is not there, or an unknown precision.
        """
        where = select_device(device)
        if precision not in ("auto", *_PRODUCTS):
            raise ValueError(f"precision {precision!r}: the engine torch has auto, {' and '.join(_PRODUCTS)}")
        products = product_type(where) if precision == "auto" else _PRODUCTS[precision]
        fold = partial(FoldedDenoiser, steps=checkpoint.diffusion.steps, device=where, products=products)
        config, proposal, distilled = checkpoint.denoiser, checkpoint.build_proposal(), checkpoint.build_one_step()
        halves = precision == "auto" and products == torch.float32 and reads_halves(where)
        hidden = torch.float16 if halves else products
        folded = None if proposal is None else FoldedProposal(proposal.to(where), hidden)
        one_step = None if distilled is None else fold(distilled)
        return cls(
            fold(checkpoint.build()), checkpoint.diffusion, config.joints, device, folded, one_step, config.variant
        )

    @property
    def usual_steps(self) -> int:
        """DDIM steps that suit the model: 1 if it has a network for that."""
        return STEPS if self._one_step is None else 1

    @property
    def proposes(self) -> bool:
        """Whether there is a proposal network."""
        return self._proposal is not None

    def close(self) -> None:
        """Free the model's memory, on a GPU too; the sampler cannot be used any more."""
        del self._network, self._one_step, self._proposal, self._images, self.memory, self.chain
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
        hypotheses = sampling.hypotheses
        if len(seen) == 0:
            return np.zeros((0, hypotheses, 17, 3))
        images = self.images(hypotheses, sampling.flip, seen.shape[-1])
        recorded = sampling.method == "ddim" and isinstance(self._network, FoldedDenoiser)
        steps, of_people = sampling.steps or self.usual_steps, Noise(sampling, self.joints)

        def draw() -> Tensor:
            """The noise of each hypothesis as the image that it is for sees it."""
            return images.turned(torch.from_numpy(of_people()).to(self.device)[None])[0].float()

        noise = draw()

        def poses_of(people: slice) -> FloatArray:
            conditions = images.conditions(seen[people])
            if recorded:
                drawn = self._run_chain(conditions, noise, steps, interrupted)
            else:
                taken = None if sampling.method == "ddpm" else steps
                drawn = self._evaluate(conditions, noise, taken, interrupted, draw)
            return np.asarray(images.metres(drawn, self.pose_scale).cpu().numpy())

        return self._room.draw(len(seen), hypotheses, poses_of)

    @torch.inference_mode()
    def prepare(self, features: npt.NDArray[np.float32]) -> Prepared:
        """Return people's features (P, 17, C) as the network takes them; runs the proposal network."""
        return self.propose(torch.from_numpy(of_network(features, self.joints)).to(self.device))

    def propose(self, features: Tensor) -> Prepared:
        """Return ``prepare`` of features (P, J, C) that are on the device."""
        if self._proposal is None:
            return Prepared(features, None)
        pose, covariance = self._proposal.estimate(features)
        return Prepared(torch.cat((features, describe(pose, covariance)), -1), covariance * self.pose_scale**2)

    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray | None:
        """Return the covariances (P, 17, 3, 3) in m^2 that the model expects before any pose is drawn.

        In the virtual cameras' frames. None for a model without a proposal network.
        """
        return self.prepare(features).expected

    def images(self, hypotheses: int, flip: bool, channels: int) -> Images:
        """Return the images that so many hypotheses are drawn for, of conditions of so many channels."""
        return self._images(
            hypotheses, flip, self.joints, channels, (0, channels - CHANNELS) if self.proposes else (0,)
        )

    def parts(self, people: int, hypotheses: int) -> int:
        """Return in how many evaluations of the network so many people are drawn."""
        return parts(people, hypotheses, self._batch)

    def forget(self) -> None:
        """Give back the memory of all that is recorded, while ``turn`` is held; it is recorded anew when needed."""
        self.chain.cache_clear()
        self.memory.clear()

    def _run_chain(self, conditions: Tensor, noise: Tensor, steps: int, interrupted: Callable[[], bool]) -> Tensor:
        """Poses (P, N, J, 3) by the recorded chain of this many."""
        count, hypotheses, _, channels = conditions.shape
        people = bucket(count) if self.pads else count
        if people > count:
            conditions = torch.cat((conditions, conditions[-1:].expand(people - count, -1, -1, -1)))
        with self.turn:
            try:
                chain = self.chain(people * hypotheses, steps, channels)
                drawn = chain.run(conditions.flatten(0, 1), noise, interrupted)
            except torch.cuda.OutOfMemoryError:  # fewer people will need what this and the others hold
                self.forget()
                raise
            return torch.unflatten(drawn, 0, (people, hypotheses))[:count].clone()

    def _evaluate(
        self,
        conditions: Tensor,
        noise: Tensor,
        steps: int | None,
        interrupted: Callable[[], bool],
        draw: Callable[[], Tensor],
    ) -> Tensor:
        """Poses (P, N, J, 3) by any network, by DDIM with so many steps or by DDPM."""
        people, y = len(conditions), conditions.flatten(0, 1)
        network = _for_steps(steps, self._network, self._one_step)

        def denoise(x: Tensor, t: int) -> Tensor:
            if interrupted():
                raise Interrupted
            output = network(x, y, t)[..., :3]
            if self._proposal is None:
                return output
            prior = prior_of(y[..., -CHANNELS:], float(self.diffusion.signal[t]), float(self.diffusion.noise[t]))
            return prior.x0(x, output)

        start = noise.repeat(people, 1, 1)
        if steps is not None:
            poses = self.diffusion.ddim(denoise, start, steps)
        else:
            poses = self.diffusion.ddpm(denoise, start, lambda t: draw().repeat(people, 1, 1))
        return torch.unflatten(poses, 0, conditions.shape[:2])


def _for_steps(steps: int | None, network: DenoiseGiven, one_step: DenoiseGiven | None) -> DenoiseGiven:
    """What draws with so many steps of DDIM; None: by DDPM."""
    return one_step if steps == 1 and one_step is not None else network


def _chain(
    network: DenoiseGiven,
    one_step: DenoiseGiven | None,
    diffusion: Diffusion,
    memory: Memory,
    rows: int,
    steps: int,
    channels: int,
) -> Chain:
    taken = _for_steps(steps, network, one_step)
    assert isinstance(taken, FoldedDenoiser)
    return Chain(taken, diffusion, memory, rows, steps, channels)


def out_of_memory(error: Exception) -> bool:
    """Return whether an error means that a GPU's memory is not enough."""
    return isinstance(error, torch.cuda.OutOfMemoryError)


def bucket(people: int) -> int:
    """Return the next of 1, 2, 3, 4, 6, 8, 12, 16, ...: at most half as many again."""
    power = 1 << (people - 1).bit_length()
    return power * 3 // 4 if people <= power * 3 // 4 else power
