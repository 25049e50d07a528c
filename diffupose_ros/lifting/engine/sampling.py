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

"""What every engine samples by, so that one seed gives the same poses in each; of numpy alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import HEAD, MIRROR, NECK, THORAX

Method = Literal["ddim", "ddpm"]
Precision = Literal["auto", "float32", "bfloat16"]
NO_NECK = [j for j in range(17) if j != NECK]
"""The joints of a 16-joint network."""


class Interrupted(Exception):
    """The caller asked to give up."""


@dataclass(frozen=True)
class Sampling:
    """How the poses of a batch of people are drawn.

    Attributes:
        hypotheses: N, poses of each person.
        steps: DDIM steps; DDPM always takes all.
        flip: draw every second hypothesis for the mirror image, and mirror it back; of a single one, nothing. (The
            released code averages each with one for the mirror image, at twice the cost.)
        seed: of the noise, from 0 on; None for a fresh one.
        method: ``ddim`` or ``ddpm``.
    """

    hypotheses: int
    steps: int
    flip: bool = True
    seed: int | None = None
    method: Method = "ddim"


class Noise:
    """Standard normal noise of the hypotheses, drawn once for all people; further noise, for DDPM, at each call.

    Args:
        sampling: how poses are drawn.
        joints: J, of the network.

    Raises:
        ValueError: a negative seed.
    """

    def __init__(self, sampling: Sampling, joints: int) -> None:
        if sampling.seed is not None and sampling.seed < 0:
            raise ValueError(f"seed: expected a whole number from 0 on, or None, got {sampling.seed}")
        self._generator = np.random.default_rng(sampling.seed)
        self._shape, self._flip, self._mirror = (sampling.hypotheses, joints, 3), sampling.flip, mirror_image(joints)

    def __call__(self) -> npt.NDArray[np.float32]:
        """Return noise (N, J, 3), centred over the hypotheses, each as the image that it is for sees it."""
        noise = self._generator.standard_normal(self._shape, np.float32)
        if (hypotheses := len(noise)) > 1:
            noise = (noise - noise.mean(0)) * np.float32((hypotheses / (hypotheses - 1)) ** 0.5)
        if self._flip:
            noise[1::2] = noise[1::2, self._mirror] * np.array([-1, 1, 1], np.float32)
        return noise


def mirror_image(joints: int) -> list[int]:
    """Return which of a network's 17 or 16 joints each one is in the mirror image."""
    return list(MIRROR) if joints == 17 else [NO_NECK.index(MIRROR[j]) for j in NO_NECK]


def root_relative(poses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return poses (P, N, 17, 3) relative to their roots, of those (P, N, J, 3) of a network."""
    if poses.shape[2] == len(NO_NECK):
        # The released 16-joint networks know no neck: halfway from thorax to head.
        neck = (poses[:, :, THORAX] + poses[:, :, NO_NECK.index(HEAD)]) / 2
        poses = np.insert(poses, NECK, neck, axis=2)
    return np.asarray(poses - poses[:, :, :1])
