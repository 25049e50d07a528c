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

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffupose_ros.lifting.diffusion import DdimStep, Diffusion
from diffupose_ros.lifting.folded import FoldedDenoiser
from diffupose_ros.lifting.tape import Memory, Tape

_MIRRORED_X = (-1.0, 1.0, 1.0)


class Chain:
    """DDIM for so many people, hypotheses and steps, each evaluation averaged with that of the mirror image if asked.

    Joints come first, as in the network: rows are people times hypotheses, and the mirror images of all of them.

    Args:
        network: the denoiser.
        diffusion: its process.
        people: P.
        hypotheses: N.
        steps: evaluations of the network.
        condition_channels: C.
        mirror: (J,) the joints of the mirror image; None for no mirror images.
        memory: of the tape.
    """

    def __init__(
        self,
        network: FoldedDenoiser,
        diffusion: Diffusion,
        people: int,
        hypotheses: int,
        steps: int,
        condition_channels: int,
        mirror: Sequence[int] | None,
        memory: Memory,
    ) -> None:
        joints, self._rows = network.joints, people * hypotheses
        self._people, self._hypotheses, self._clamp = people, hypotheses, diffusion.clamp
        self._tape = tape = Tape(memory)
        rows = self._rows if mirror is None else 2 * self._rows
        self._inputs = tape.buffer("inputs", (joints, rows, 3 + condition_channels), torch.float32)
        self._x, self._x0, self._reversed = (
            tape.buffer(name, (joints, self._rows, 3), torch.float32) for name in ("x", "x0", "reversed")
        )
        self._swap = None if mirror is None else torch.eye(joints, device=memory.device)[list(mirror)]
        self._sign = torch.tensor(_MIRRORED_X, device=memory.device)
        for step in diffusion.ddim_steps(steps):
            self._record(network, step)
            tape.next_part()

    def run(self, images: Sequence[Tensor], noise: Tensor, interrupted: Callable[[], bool]) -> Tensor:
        """Draw poses (P, N, J, 3), in units of ``pose_scale``, valid until the next run.

        Args:
            images: conditions (P, J, C), and with mirror images theirs.
            noise: (N, J, 3), shared by all people.
            interrupted: asked before each evaluation of the network whether to give up.

        Raises:
            Interrupted: it said yes.
        """
        shape = (self._people, self._hypotheses)
        for image, part in zip(images, torch.split(self._inputs, self._rows, 1), strict=True):
            torch.unflatten(part[..., 3:], 1, shape).copy_(image.transpose(0, 1)[:, :, None])
        torch.unflatten(self._x, 1, shape).copy_(noise.transpose(0, 1)[:, None])
        self._tape.run(interrupted)
        return torch.unflatten(self._x0, 1, shape).permute(1, 2, 0, 3)

    def _record(self, network: FoldedDenoiser, step: DdimStep) -> None:
        tape, x, x0, rows = self._tape, self._x, self._x0, self._rows
        tape(self._inputs[:, :rows, :3].copy_, x)
        if self._swap is not None:
            self._mirror(x, self._inputs[:, rows:, :3])
        prediction = network.record(tape, self._inputs, step.t)
        tape(torch.mul, x, step.sample, out=x0)
        if self._swap is None:
            tape(x0.add_, prediction, alpha=step.prediction)
        else:
            tape(x0.add_, prediction[:, :rows], alpha=step.prediction / 2)
            self._mirror(prediction[:, rows:], self._reversed)
            tape(x0.add_, self._reversed, alpha=step.prediction / 2)
        if self._clamp is not None:
            tape(x0.clamp_, -self._clamp, self._clamp)
        tape(x.mul_, step.kept)
        tape(x.add_, x0, alpha=step.clean)

    def _mirror(self, poses: Tensor, out: Tensor) -> None:
        """Record the mirror images of poses (J, R, 3); the exchange of joints as a product, which needs no memory."""
        assert self._swap is not None
        swapped = self._tape.buffer("swapped", (len(poses), self._rows * 3), torch.float32)
        self._tape(torch.mm, self._swap, poses.flatten(1), out=swapped)
        self._tape(torch.mul, swapped.view(len(poses), -1, 3), self._sign, out=out)
