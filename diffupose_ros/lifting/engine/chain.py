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

"""The whole DDIM chain of a batch on one tape, from noise to poses."""

from collections.abc import Callable

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.tape import Memory, Tape
from diffupose_ros.lifting.networks.diffusion import DdimStep, Diffusion
from diffupose_ros.lifting.networks.prior import CHANNELS, Prior, prior_of


class Chain:
    """DDIM for so many poses and steps. Joints come first, as in the network.

    Attributes:
        tape: what ``run`` runs; to be included in a longer one.
        poses: (R, J, 3) in units of ``pose_scale``, valid until the next run.

    Args:
        network: the denoiser.
        diffusion: its process.
        memory: of the tape.
        rows: R, number of poses.
        steps: evaluations of the network.
        condition_channels: C.
    """

    def __init__(
        self,
        network: FoldedDenoiser,
        diffusion: Diffusion,
        memory: Memory,
        rows: int,
        steps: int,
        condition_channels: int,
    ) -> None:
        self._clamp = diffusion.clamp
        self.tape = tape = Tape(memory)
        shape = (network.joints, rows)
        self._inputs = tape.buffer("inputs", (*shape, 3 + condition_channels), torch.float32)
        self._x, self._x0 = (tape.buffer(name, (*shape, 3), torch.float32) for name in ("x", "x0"))
        self.poses = self._x0.transpose(0, 1)
        taken = diffusion.ddim_steps(steps)
        for step, prior in zip(taken, self._record_priors(diffusion, [step.t for step in taken]), strict=True):
            self._record(network, step, prior)
            tape.next_part()

    def load(self, conditions: Tensor, noise: Tensor) -> None:
        """Take what poses are drawn from.

        Args:
            conditions: (R, J, C), person by person.
            noise: (N, J, 3), the same for each person.
        """
        self._inputs[..., 3:].copy_(conditions.transpose(0, 1))
        torch.unflatten(self._x, 1, (-1, len(noise))).copy_(noise.transpose(0, 1)[:, None])

    def run(self, conditions: Tensor, noise: Tensor, interrupted: Callable[[], bool]) -> Tensor:
        """Return ``poses``.

        Args:
            conditions, noise: see ``load``.
            interrupted: asked before each evaluation of the network whether to give up.

        Raises:
            Interrupted: it said yes.
        """
        self.load(conditions, noise)
        self.tape.run(interrupted)
        return self.poses

    def _record_priors(self, diffusion: Diffusion, times: list[int]) -> list[Prior] | list[None]:
        """Record what the outputs correct at these time steps, (J, R, 3) each; None where they correct nothing."""
        if diffusion.prediction != "correction":
            return [None] * len(times)
        shape, described = (len(times), *self._x.shape), self._inputs[..., -CHANNELS:]
        found = Prior(*(self.tape.buffer(name, shape, torch.float32) for name in Prior._fields))
        levels = [torch.from_numpy(of[times]).to(described.device) for of in (diffusion.signal, diffusion.noise)]
        signal, noise = (level[:, None, None, None] for level in levels)

        def find() -> (
            None
        ):  # holds nothing that holds the tape: a chain that is forgotten gives its memory back at once
            for out, part in zip(found, prior_of(described, signal, noise), strict=True):
                out.copy_(part)

        self.tape(find)
        return [Prior(*parts) for parts in zip(*found, strict=True)]

    def _record(self, network: FoldedDenoiser, step: DdimStep, prior: Prior | None) -> None:
        tape, x, x0 = self.tape, self._x, self._x0
        tape(self._inputs[..., :3].copy_, x)
        output = network.record(tape, self._inputs, step.t)
        if prior is None:
            tape(torch.mul, x, step.sample, out=x0)
            tape(x0.add_, output, alpha=step.prediction)
        else:
            tape(torch.addcmul, prior.shift, x, prior.sample, out=x0)
            tape(x0.addcmul_, output, prior.correction)
        if self._clamp is not None:
            tape(x0.clamp_, -self._clamp, self._clamp)
        tape(x.mul_, step.kept)
        tape(x.add_, x0, alpha=step.clean)
