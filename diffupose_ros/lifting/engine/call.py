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

"""All of a call on one tape: proposal, chain, and what follows the poses; numpy only before and after."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from diffupose_ros.lifting.engine.outcome.outcome import Tables, outcome
from diffupose_ros.lifting.engine.port import Port
from diffupose_ros.lifting.engine.sampler import KEPT, Sampler, bucket, out_of_memory
from diffupose_ros.lifting.engine.sampling import Noise, Room, Sampling, of_network
from diffupose_ros.lifting.engine.tape import Memory, Tape
from diffupose_ros.lifting.networks.prior import CHANNELS
from diffupose_ros.lifting.rows import SEEN, found
from diffupose_ros.lifting.uncertainty import Calibration

FloatArray = npt.NDArray[np.float64]
_ALL = 1 << 31  # rows: a call splits what the network evaluates at once itself


class Calls:
    """Calls of a model, recorded once for each number of people and way of sampling; as many are kept as chains.

    Can be used from several threads, which then take turns, with those that draw from the sampler.

    Args:
        sampler: of a ``FoldedDenoiser``.
        calibration: of its covariances.
    """

    def __init__(self, sampler: Sampler, calibration: Calibration) -> None:
        self._sampler = sampler
        pinned = Memory(torch.device("cpu"), pinned=True) if sampler.device.type == "cuda" else None
        self._room = Room(_ALL, out_of_memory)
        self._call = lru_cache(KEPT)(partial(_Call, sampler, calibration, pinned))

    @torch.inference_mode()
    def run(
        self,
        features: npt.NDArray[np.float32],
        seen: FloatArray,
        sampling: Sampling,
        interrupted: Callable[[], bool] = bool,
    ) -> FloatArray:
        """Return what is found of P people, rows (P, width) of ``rows.found``, in the camera's frame.

        Args:
            features: (P, 17, C) of a ``Condition``.
            seen: (P, width) rows of ``rows.SEEN``.
            sampling: how poses are drawn, by DDIM.
            interrupted: asked before each evaluation of the network whether to give up.

        Raises:
            Interrupted: ``interrupted`` said yes.
            MemoryError: the device's memory is not enough for one person.
        """
        sampler, count = self._sampler, len(features)
        if count == 0:
            return np.zeros((0, found(sampling.hypotheses).width))
        noise = Noise(sampling, sampler.joints)()
        features = of_network(features, sampler.joints)
        steps = sampling.steps or sampler.usual_steps

        def rows_of(part: slice) -> FloatArray:
            number = part.stop - part.start
            people = bucket(number) if sampler.pads else number
            with sampler.turn:
                try:
                    call = self._call(people, features.shape[-1], sampling.hypotheses, steps, sampling.flip)
                    return call.run(features[part], seen[part], noise, interrupted)
                except torch.cuda.OutOfMemoryError:
                    self._call.cache_clear()
                    sampler.forget()
                    raise

        return self._room.draw(count, sampling.hypotheses, rows_of)


class _Call:
    """One call for so many people, on fixed memory."""

    def __init__(
        self,
        sampler: Sampler,
        calibration: Calibration,
        pinned: Memory | None,
        people: int,
        channels: int,
        hypotheses: int,
        steps: int,
        flip: bool,
    ) -> None:
        self._tape = tape = Tape(sampler.memory)

        def port(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Port:
            return Port(name, shape, dtype, sampler.memory, pinned)

        features = port("features", (people, sampler.joints, channels), torch.float32)
        seen = port("seen", (people, SEEN.width), torch.float64)
        noise = port("noise", (hypotheses, sampler.joints, 3), torch.float32)
        out = port("found", (people, found(hypotheses).width), torch.float64)
        self._inputs, self._found = (features, seen, noise), out
        tables = Tables.of(calibration, sampler.device)
        images = sampler.images(hypotheses, flip, channels + CHANNELS * sampler.proposes)
        shape = (people, hypotheses, sampler.joints)
        turned = tape.buffer("turned", (hypotheses, sampler.joints, 3), torch.float32)
        conditions = tape.buffer("conditions", (*shape, images.channels), torch.float32)
        drawn = tape.buffer("drawn", (*shape, 3), torch.float32)
        expected = tape.buffer("expected", (people, 17, 3, 3), torch.float32) if sampler.proposes else None

        # Neither of the two holds what holds the tape: a call that is forgotten gives its memory back at once.
        def begin() -> None:
            prepared = sampler.propose(features.device)
            turned.copy_(images.turned(noise.device[None])[0])
            conditions.copy_(images.conditions(prepared.condition))
            if expected is not None and prepared.covariance is not None:
                expected.copy_(prepared.covariance)

        def end() -> None:
            poses = images.metres(drawn, sampler.pose_scale)
            out.device.copy_(outcome(poses, expected, seen.device, tables))

        tape(begin)
        parts = sampler.parts(people, hypotheses)
        for condition, poses in zip(conditions.tensor_split(parts), drawn.tensor_split(parts), strict=True):
            chain = sampler.chain(len(condition) * hypotheses, steps, images.channels)
            tape(chain.load, condition.flatten(0, 1), turned)
            tape.include(chain.tape)
            tape(poses.copy_, torch.unflatten(chain.poses, 0, (-1, hypotheses)))
        tape(end)

    def run(
        self,
        features: npt.NDArray[np.float32],
        seen: FloatArray,
        noise: npt.NDArray[np.float32],
        interrupted: Callable[[], bool],
    ) -> FloatArray:
        given: tuple[npt.NDArray[Any], ...] = features, seen, noise
        for port, numbers in zip(self._inputs, given, strict=True):
            port.send(numbers)
        self._tape.run(interrupted)
        return self._found.receive(len(features))
