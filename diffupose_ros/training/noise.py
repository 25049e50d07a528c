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

"""Which noise a model's hypotheses start from.

A node draws the hypotheses of all people and frames from the same noise, so that poses do not flicker. Ten poses
cover what is possible more or less well, depending on their noise, and for people in all poses alike: so it is worth
choosing.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from rich.progress import track

from diffupose_ros.lifting.checkpoint import Checkpoint
from diffupose_ros.lifting.sampler import Sampler
from diffupose_ros.training import metrics
from diffupose_ros.training.predictors import draw_in_batches
from diffupose_ros.training.synthesis import SEED, Conditions, make_pairs

FloatArray = npt.NDArray[np.float64]

CANDIDATES, PEOPLE = 64, 256
_HYPOTHESES, _STEPS = 10, 5


def choose_seed(
    checkpoint: Checkpoint,
    clips: Mapping[str, FloatArray],
    conditions: Mapping[str, Conditions],
    candidates: int = CANDIDATES,
) -> int:
    """Return the seed, 0 to ``candidates`` - 1, of whose hypotheses the best is furthest below their mean in error.

    In the condition where that is least, of ``PEOPLE`` frames drawn from the clips; always the same.

    Args:
        checkpoint: the model.
        clips: poses (T, 17, 3) by name.
        conditions: in which they are seen.
        candidates: how many seeds to try.
    """
    frames = np.concatenate(list(clips.values()))
    rng = np.random.default_rng(SEED)
    poses = frames[rng.permutation(len(frames))[:PEOPLE]]
    seen = [make_pairs(poses, np.random.default_rng(SEED), condition) for condition in conditions.values()]

    sampler = Sampler.of(replace(checkpoint, first_seed=0))

    def gain(seed: int) -> float:
        gains = []
        for pairs in seen:
            drawn = draw_in_batches(sampler, pairs.features, _HYPOTHESES, _STEPS, seed)
            truth = pairs.poses.astype(np.float64)
            mean = metrics.joint_errors(drawn.mean(1), truth).mean()
            gains.append(1 - float(metrics.best_of_n(drawn, truth).mean() / mean))
        return min(gains)

    return max(track(range(candidates), "choosing the noise"), key=gain)
