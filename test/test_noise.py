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

"""The noise that hypotheses start from is chosen, kept with the model, and what its seed 0 then means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.clips import load_clips
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import load_checkpoint, save_checkpoint
from diffupose_ros.lifting.sampler import Sampler
from diffupose_ros.resources import resource_path
from diffupose_ros.training import noise
from diffupose_ros.training.synthesis import CLEAN, OCCLUDED, SEED, make_pairs


@pytest.fixture
def clips() -> dict[str, np.ndarray]:
    return load_clips(resource_path("resource/clips/people.npz"))


def test_the_seed_whose_best_hypothesis_comes_nearest_is_chosen(lifter: Lifter, clips, monkeypatch) -> None:
    monkeypatch.setattr(noise, "PEOPLE", 24)
    chosen = noise.choose_seed(lifter.checkpoint, clips, {"clean": CLEAN, "occluded": OCCLUDED}, candidates=4)
    frames = np.concatenate(list(clips.values()))
    poses = frames[np.random.default_rng(SEED).permutation(len(frames))[:24]]
    worst = []
    for seed in range(4):
        gains = []
        for condition in (CLEAN, OCCLUDED):
            pairs = make_pairs(poses, np.random.default_rng(SEED), condition)
            drawn = Sampler.of(replace(lifter.checkpoint, first_seed=0), "cpu").draw(pairs.features, 10, 5, seed=seed)
            each = np.linalg.norm(drawn - pairs.poses[:, None], axis=-1).mean(-1).min(1).mean()
            gains.append(1 - each / np.linalg.norm(drawn.mean(1) - pairs.poses, axis=-1).mean())
        worst.append(min(gains))
    assert chosen == np.argmax(worst)


def test_seeds_count_from_the_one_that_a_checkpoint_keeps(lifter: Lifter, tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(2, 17, 5)).astype(np.float32)
    from_zero = Sampler.of(replace(lifter.checkpoint, first_seed=0), "cpu")
    save_checkpoint(replace(lifter.checkpoint, first_seed=7), tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert loaded.first_seed == 7
    ours = Sampler.of(loaded, "cpu").draw(features, 3, 2, seed=1)
    np.testing.assert_allclose(ours, from_zero.draw(features, 3, 2, seed=8), atol=1e-5)
    assert np.abs(ours - from_zero.draw(features, 3, 2, seed=1)).max() > 1e-3
