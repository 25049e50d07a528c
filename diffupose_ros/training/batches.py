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

"""Batches of training pairs with all that is random in a step, made ahead of time by other processes.

A batch is decided by the seed, the process and the step alone: not by what was drawn before it, who made
it, or when. So a resumed run goes on exactly as it would have, and no timing changes a result.
"""

import os
import signal
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from diffupose_ros.data.sources import PairSource
from diffupose_ros.lifting.engine.sampling import NO_NECK
from diffupose_ros.training.config import TrainConfig

_AHEAD = 4  # batches that each process may have ready
_MOST_WORKERS = 15


class Batch(NamedTuple):
    """What one optimiser step sees.

    Attributes:
        features: (B, J, C) network input.
        poses: (B, J, 3) metres, root-relative, in the virtual camera's frame.
        t: (B,) time steps of the diffusion.
        noise: (B, J, 3) standard normal.
    """

    features: Tensor
    poses: Tensor
    t: Tensor
    noise: Tensor


class Batches(Dataset[Batch]):
    """The batch of each step, for the process ``rank`` of ``world``."""

    def __init__(self, source: PairSource, config: TrainConfig, rank: int = 0, world: int = 1) -> None:
        if config.batch % world or config.batch // world < 2:
            raise ValueError(f"batch: expected a multiple of the {world} processes, 2 or more each, got {config.batch}")
        self._source, self._config, self._rank, self._size = source, config, rank, config.batch // world

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        rng = np.random.default_rng((self._config.seed, self._rank, step))
        drawn = self._source.draw(rng, self._size)
        features, poses = drawn.features, drawn.poses
        if self._config.model.joints == 16:
            features, poses = features[:, NO_NECK], poses[:, NO_NECK]
        t = rng.integers(0, self._config.diffusion.steps, self._size)
        if self._config.taken_steps:
            taken = self._config.diffusion.process().timesteps(self._config.taken_steps)
            t[: self._size // 2] = rng.choice(taken, self._size // 2)
        noise = rng.standard_normal(poses.shape, dtype=np.float32)
        return Batch(*(torch.from_numpy(array) for array in (features, poses, t, noise)))

    def iterate(self, first: int, device: torch.device) -> Iterator[Batch]:
        """Return the batches from step ``first`` to the end of the run, on ``device``."""
        workers = self._config.workers
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(first, self._config.steps),
            num_workers=_workers(device) if workers == "auto" else workers,
            prefetch_factor=None if workers == 0 or (workers == "auto" and not _workers(device)) else _AHEAD,
            pin_memory=device.type == "cuda",
            worker_init_fn=_ignore_signals,
        )
        batches = iter(loader)  # here, not at the first batch: forks before threads are started
        return (Batch(*(part.to(device, non_blocking=True) for part in batch)) for batch in batches)


def _workers(device: torch.device) -> int:
    """As many as the cores beside those that train; on a CPU, one."""
    cores = len(os.sched_getaffinity(0))
    if device.type == "cuda":
        return max(1, min(_MOST_WORKERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1))
    return min(1, cores - 1)


def _ignore_signals(_: int) -> None:
    """Ctrl-C reaches the whole process group; the trainer alone decides when its workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
