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

"""Where training pairs come from: motion capture seen by random cameras, or recorded observations."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.datasets import CREDITS, load_observations
from diffupose_ros.data.observations import Observations, Pairs, pairs
from diffupose_ros.data.postures import draw_postures
from diffupose_ros.data.synthesis import CLEAN, REAL, SEED, TRAINING, Conditions, cmu_observations, observe
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.skeleton import MIRROR

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DataConfig:
    """Where poses come from. Paths are relative to the working directory.

    Attributes:
        dataset: ``cmu`` (clips, seen by random cameras), ``h36m`` or ``humaneva`` (recorded 2D and 3D).
        train: .npz of clips; for the others the folder of the data set's files.
        validation: the same, of other people. Recorded data sets have a test split in the same folder.
        keypoints: of recorded data sets: ``gt``, or the 2D detector: ``hr``, ``cpn``, ...
        every: of the validation data every so many frames are used.
    """

    dataset: Literal["cmu", "h36m", "humaneva"] = "cmu"
    train: str = ""
    validation: str = ""
    keypoints: str = "gt"
    every: int = 15

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every: expected 1 or more, got {self.every}")


class PairSource(Protocol):
    """Endless training pairs.

    Attributes:
        description: what the data is, for the model's card.
        credit: the line that a model trained on it must carry.
        size: pairs in an epoch.
    """

    description: str
    credit: str
    size: int

    def draw(self, rng: np.random.Generator, batch: int) -> Pairs:
        """Return the ``batch`` pairs that ``rng`` decides."""
        ...


_POSTURES = 20_000
_LACKING = 0.12


class MocapSource:
    """Pairs made from clips, each frame equally likely, by random cameras, bodies and detectors.

    One in eight is of a posture that motion capture lacks (``postures``).
    """

    def __init__(
        self,
        clips: dict[str, FloatArray],
        conditions: Conditions = TRAINING,
        variant: Variant = "robust",
        credit: str = CREDITS["cmu"],
    ) -> None:
        self._poses = np.concatenate(list(clips.values()))
        self._postures = draw_postures(_POSTURES, np.random.default_rng(SEED))[0]
        self._conditions, self._variant = conditions, variant
        self.description = f"{len(clips)} clips, {len(self._poses)} frames"
        self.credit, self.size = credit, len(self._poses)

    def draw(self, rng: np.random.Generator, batch: int) -> Pairs:
        """Return a batch; people too near to their camera to be seen are drawn anew."""
        parts: list[Pairs] = []
        missing = batch
        while missing > 0:
            drawn = self._poses[rng.integers(0, len(self._poses), missing + missing // 4 + 2)]
            lacking = rng.random(len(drawn)) < _LACKING
            drawn[lacking] = self._postures[rng.integers(0, len(self._postures), lacking.sum())]
            made = pairs(observe(drawn, rng, self._conditions), self._variant)
            # Parts of a batch come ordered by layout.
            keep = rng.permutation(len(made.poses))[:missing]
            parts.append(Pairs(made.features[keep], made.poses[keep]))
            missing -= len(keep)
        return Pairs(np.concatenate([p.features for p in parts]), np.concatenate([p.poses for p in parts]))


class RecordedSource:
    """Pairs that were recorded, each as it is or mirrored.

    Raises:
        ValueError: nobody in it has joints enough.
    """

    def __init__(self, observations: Observations, description: str, credit: str, variant: Variant = "paper") -> None:
        self._pairs = pairs(observations, variant)
        if not len(self._pairs.poses):
            raise ValueError(f"{description}: no person in it has enough 2D joints")
        self.description, self.credit = f"{description}, {len(self._pairs.poses)} frames", credit
        self.size = 2 * len(self._pairs.poses)

    def draw(self, rng: np.random.Generator, batch: int) -> Pairs:
        """Return a batch, about half of it mirrored."""
        drawn = rng.integers(0, len(self._pairs.poses), batch)
        mirror = rng.random(batch) < 0.5
        features, poses = self._pairs.features[drawn], self._pairs.poses[drawn]
        for array in (features, poses):  # x comes first in both
            array[mirror] = array[mirror][:, MIRROR]
            array[mirror, :, 0] *= -1
        return Pairs(features, poses)


def load_sources(data: DataConfig, variant: Variant, joints: int) -> tuple[PairSource, Pairs]:
    """Load a data set: what to train on, and pairs to validate with, always the same ones.

    Args:
        data: where it is.
        variant: which view of the 2D skeleton the network gets.
        joints: that it knows, 16 or 17.

    Raises:
        FileNotFoundError: the data is not there.
        ValueError: it is not what was expected, or the configuration does not say where it is.
    """
    if not data.train:
        raise ValueError("data.train: expected where the training data is; give it in the file, or as --train")
    if data.dataset == "cmu":
        if not data.validation:
            raise ValueError(
                "data.validation: expected clips of other people; give them in the file, or as --validation"
            )
        clips = MocapSource(load_clips(data.train), variant=variant)
        return clips, validation_pairs(load_clips(data.validation), data.every, variant)
    name, keypoints = data.dataset, data.keypoints
    train = load_observations(name, data.train, split="train", keypoints=keypoints, joints=joints)
    folder = data.validation or data.train
    test = load_observations(name, folder, split="test", keypoints=keypoints, every=data.every, joints=joints)
    return RecordedSource(train, f"{name} with {keypoints} keypoints", CREDITS[name], variant), pairs(test, variant)


def validation_pairs(clips: dict[str, FloatArray], every: int, variant: Variant = "robust") -> Pairs:
    """Return pairs of every ``every``-th frame of clips, always from the same random cameras.

    For ``robust`` networks of other people, as real detectors see them: what they are trained for. For those of the
    ``paper`` with exact 2D.
    """
    return pairs(cmu_observations(clips, REAL if variant == "robust" else CLEAN, every), variant)
