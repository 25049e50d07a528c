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

"""The recorded chains draw what the plain loop draws, whatever was asked before and from whichever thread."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting import Interrupted, Lifter
from diffupose_ros.lifting.checkpoint import PARENTS_16, Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.chain import Chain
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import CPU_BATCH, Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.resources import resource_path
from diffupose_ros.training.unet import AtStep

MODELS = {
    "robust": (DenoiserConfig("robust", 64), DiffusionConfig()),
    "paper, clamped": (DenoiserConfig.paper(64), DiffusionConfig.paper()),
    "paper, 16 joints": (DenoiserConfig.paper(64, PARENTS_16), DiffusionConfig.paper()),
}


def random_checkpoint(name: str) -> Checkpoint:
    torch.manual_seed(0)
    config, diffusion = MODELS[name]
    return Checkpoint(config, diffusion, Denoiser(config).state_dict())


def plain(checkpoint: Checkpoint) -> Sampler:
    """The same model as the textbook has it: no constant folded, nothing recorded."""
    network = AtStep(checkpoint.build())
    joints, proposal = checkpoint.denoiser.joints, checkpoint.build_proposal()
    return Sampler(network, checkpoint.diffusion, joints, "cpu", proposal)


def some_features(checkpoint: Checkpoint, people: int) -> np.ndarray:
    channels = 2 if checkpoint.denoiser.variant == "paper" else 5
    return np.random.default_rng(0).normal(size=(people, 17, channels)).astype(np.float32)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_recorded_chain_draws_what_the_plain_loop_draws(name: str, flip: bool) -> None:
    checkpoint = random_checkpoint(name)
    recorded = Sampler.of(checkpoint, "cpu", "float32")
    for people, hypotheses, steps in ((1, 1, 1), (3, 4, 5), (2, 5, 2), (3, 4, 5)):
        features = some_features(checkpoint, people)
        ours = recorded.draw(features, Sampling(hypotheses, steps, flip, seed=1))
        expected = plain(checkpoint).draw(features, Sampling(hypotheses, steps, flip, seed=1))
        np.testing.assert_allclose(ours, expected, atol=2e-4)
        assert ours.std() > 0.01


def test_shipped_model_lifts_the_same_within_half_a_millimetre(lifter: Lifter) -> None:
    features = some_features(lifter.checkpoint, 4)
    expected = plain(lifter.checkpoint).draw(features, Sampling(10, 5, seed=0))
    folded = Sampler.of(lifter.checkpoint, "cpu", "float32").draw(features, Sampling(10, 5, seed=0))
    assert np.abs(folded - expected).max() < 0.5e-3


def test_bfloat16_moves_the_mean_of_the_hypotheses_by_a_few_tenths_of_a_millimetre(lifter: Lifter) -> None:
    scene = Scene(resource_path("resource/clips/people.npz"), 3)
    pixels, scores = SimulatedDetector("coco17").observe(scene.poses(0), scene.camera, 0.0)
    means = [
        Lifter(lifter.checkpoint, "cpu", precision).lift(pixels, scores, scene.camera, seed=0).hypotheses.mean(1)
        for precision in ("float32", "bfloat16")
    ]
    relative = [mean - mean[:, :1] for mean in means]
    moved = np.linalg.norm(relative[0] - relative[1], axis=-1)
    assert 0 < moved.mean() < 5e-4 and moved.max() < 2e-3


def test_people_beyond_the_largest_batch_are_drawn_in_parts() -> None:
    sampler = Sampler.of(random_checkpoint("robust"), "cpu", "float32")
    at_once = CPU_BATCH // 10
    features = some_features(random_checkpoint("robust"), 2 * at_once + 2)
    together = sampler.draw(features, Sampling(10, 1, seed=0))
    assert sampler.chain.cache_info()[:2] == (1, 2)  # three parts of two sizes
    for person in (0, at_once, len(features) - 1):
        alone = sampler.draw(features[person : person + 1], Sampling(10, 1, seed=0))
        np.testing.assert_allclose(together[person : person + 1], alone, atol=1e-5)


def test_padded_to_few_sizes_as_for_cuda_graphs_people_are_drawn_the_same() -> None:
    checkpoint = random_checkpoint("robust")
    plainly, padded = (Sampler.of(checkpoint, "cpu", "float32") for _ in range(2))
    padded.pads = True
    for people in (1, 5, 9, 11, 7, 20):
        features = some_features(checkpoint, people)
        np.testing.assert_allclose(
            padded.draw(features, Sampling(2, 2, seed=0)), plainly.draw(features, Sampling(2, 2, seed=0)), atol=1e-5
        )
    assert padded.chain.cache_info().misses == len({1, 6, 8, 12, 24})


def test_chains_share_memory_and_old_ones_make_room() -> None:
    sampler = Sampler.of(random_checkpoint("robust"), "cpu")
    for steps, people in itertools.product((1, 2), range(1, 40)):
        sampler.draw(some_features(random_checkpoint("robust"), people), Sampling(2, steps, seed=0))
    assert sampler.chain.cache_info().currsize == 64
    first = sum(block.numel() for block in sampler.memory._blocks.values())
    for people in range(1, 40):
        sampler.draw(some_features(random_checkpoint("robust"), people), Sampling(2, 1, seed=0))
    assert sum(block.numel() for block in sampler.memory._blocks.values()) == first


def test_interrupted_between_evaluations_and_usable_afterwards() -> None:
    checkpoint = random_checkpoint("robust")
    sampler, features = Sampler.of(checkpoint, "cpu", "float32"), some_features(checkpoint, 2)
    expected = sampler.draw(features, Sampling(3, 5, seed=0))
    answers = iter([False, False, True])
    with pytest.raises(Interrupted):
        sampler.draw(features, Sampling(3, 5, seed=0), interrupted=lambda: next(answers))
    assert next(answers, None) is None
    np.testing.assert_array_equal(sampler.draw(features, Sampling(3, 5, seed=0)), expected)


def test_threads_take_turns() -> None:
    checkpoint = random_checkpoint("robust")
    sampler = Sampler.of(checkpoint, "cpu")
    people = [some_features(checkpoint, count) + count for count in (1, 2, 3, 1, 2, 3)]
    alone = [sampler.draw(features, Sampling(4, 3, seed=0)) for features in people]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            together = list(pool.map(lambda features: sampler.draw(features, Sampling(4, 3, seed=0)), people))
            for ours, expected in zip(together, alone, strict=True):
                np.testing.assert_array_equal(ours, expected)


def test_poses_drawn_earlier_stay_as_they_were() -> None:
    checkpoint = random_checkpoint("robust")
    sampler = Sampler.of(checkpoint, "cpu")
    first = sampler.draw(some_features(checkpoint, 2), Sampling(3, 2, seed=0))
    kept = first.copy()
    sampler.draw(some_features(checkpoint, 2) + 1, Sampling(3, 2, seed=0))
    np.testing.assert_array_equal(first, kept)


def test_out_of_gpu_memory_the_next_smaller_batch_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = random_checkpoint("robust")
    sampler, features = Sampler.of(checkpoint, "cpu", "float32"), some_features(checkpoint, 8)
    expected = sampler.draw(features, Sampling(4, 2, seed=0))
    run = Chain.run

    def small(chain: Chain, conditions: torch.Tensor, *others: object) -> torch.Tensor:
        if len(conditions) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return run(chain, conditions, *others)

    monkeypatch.setattr(Chain, "run", small)
    most = 8
    with pytest.warns(UserWarning, match="not enough memory for 8 people at once, now 4: CUDA out of memory"):
        np.testing.assert_allclose(sampler.draw(features, Sampling(4, 2, seed=0)), expected, atol=1e-5)
    most = 3
    with pytest.raises(MemoryError, match="not enough memory for the 4 hypotheses of one person"):
        sampler.draw(features, Sampling(4, 2, seed=0))
