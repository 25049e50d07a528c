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

"""A recorded call finds what its parts find one by one, whatever was asked before and from whichever thread."""

import gc
import itertools
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from support.placing import place

from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.lifting import Camera, Interrupted, Lifted, Lifter
from diffupose_ros.lifting.checkpoint import PARENTS_16, Checkpoint, DiffusionConfig
from diffupose_ros.lifting.condition import image_centred, image_coordinates, person_centred
from diffupose_ros.lifting.engine.chain import Chain
from diffupose_ros.lifting.engine.sampling import CPU_BATCH, Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.lifting.uncertainty import calibrated_covariance
from diffupose_ros.profiles import load_profile

ROBUST, CORRECTING = DenoiserConfig("robust", 32), DiffusionConfig(prediction="correction")
MODELS = {
    "with a proposal": (ROBUST, CORRECTING, ProposalConfig(32, 1)),
    "without": (ROBUST, DiffusionConfig(), None),
    "paper": (DenoiserConfig.paper(32), DiffusionConfig.paper(), None),
    "paper, 16 joints": (DenoiserConfig.paper(32, PARENTS_16), DiffusionConfig.paper(), None),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Lifter:
    return lifter_of(request.param)


def lifter_of(name: str) -> Lifter:
    torch.manual_seed(0)
    config, diffusion, of = MODELS[name]
    if of is None:
        return Lifter(Checkpoint(config, diffusion, Denoiser(config).state_dict()), "cpu", "float32")
    config = DenoiserConfig("robust", 32, condition_channels=config.condition_channels + 6)
    weights = Denoiser(config).state_dict(), Proposal(of).state_dict()
    return Lifter(Checkpoint(config, diffusion, weights[0], proposal=of, proposal_weights=weights[1]), "cpu", "float32")


def lift(lifter: Lifter, people: int = 3, frame: int = 0, hypotheses: int = 4, steps: int = 2, **options) -> Lifted:
    pixels, scores, camera = seen(people, frame)
    return lifter.lift(pixels, scores, camera, LAYOUT, hypotheses, steps, seed=0, detector=DETECTOR, **options)


@pytest.mark.parametrize("flip", [True, False])
def test_it_finds_what_its_parts_find(model: Lifter, flip: bool) -> None:
    for people, hypotheses, steps in ((1, 1, 1), (3, 4, 2), (8, 20, 1), (3, 4, 2)):  # 160 rows are drawn in parts
        lifted = lift(model, people, 5, hypotheses, steps, flip=flip)
        pixels, scores, camera = seen(people, 5)
        skeletons = load_profile(DETECTOR).skeletons(pixels, scores, LAYOUT)
        rays = camera.rays(skeletons.keypoints)
        if model.checkpoint.denoiser.variant == "robust":
            condition = person_centred(rays, skeletons.deviations, skeletons.status)
        else:
            image = image_coordinates(skeletons.keypoints, camera.width, camera.height)
            condition = image_centred(image, skeletons.status)
        poses = model.sampler.draw(condition.features, Sampling(hypotheses, steps, flip, seed=0))
        placed = place(poses, condition, rays, skeletons.deviations)
        back = np.swapaxes(condition.rotation, 1, 2)
        own = np.einsum("pij,pnkj->pnki", back, poses)
        np.testing.assert_allclose(lifted.hypotheses - lifted.hypotheses[:, :, :1], own, atol=2e-5)
        roots = np.einsum("pij,pnj->pni", back, placed.roots)
        np.testing.assert_allclose(lifted.hypotheses[:, :, 0], roots, rtol=1e-4, atol=1e-4)
        expected = model.sampler.expected_covariance(condition.features)
        calibration, status = model.checkpoint.calibration, skeletons.status
        covariance = calibrated_covariance(poses, status, skeletons.deviations, calibration, expected, placed.novelty)
        variance = np.trace(covariance, axis1=-1, axis2=-2)
        np.testing.assert_allclose(np.trace(lifted.covariance, axis1=-1, axis2=-2), variance, rtol=1e-3)
    assert 8 * 20 > CPU_BATCH


def test_padded_as_for_cuda_graphs_it_finds_the_same(model: Lifter) -> None:
    padded = Lifter(model.checkpoint, "cpu", "float32")
    padded.sampler.pads = True
    for people in (5, 7, 5):
        ours, expected = (lift(lifter, people) for lifter in (padded, model))
        np.testing.assert_allclose(ours.hypotheses, expected.hypotheses, rtol=1e-4, atol=1e-5)
        assert len(ours.mean) == people


def test_interrupted_between_evaluations_and_usable_afterwards(model: Lifter) -> None:
    pixels, scores, camera = seen(3)
    skeletons = load_profile(DETECTOR).skeletons(pixels, scores, LAYOUT)
    expected = model.lift_h36m(skeletons, camera, 4, 5, seed=0)
    answers = iter([False, False, True])
    with pytest.raises(Interrupted):
        model.lift_h36m(skeletons, camera, 4, 5, seed=0, interrupted=lambda: next(answers))
    assert next(answers, None) is None
    np.testing.assert_array_equal(model.lift_h36m(skeletons, camera, 4, 5, seed=0).mean, expected.mean)


def test_threads_take_turns() -> None:
    lifter = lifter_of("with a proposal")
    asked = list(itertools.product((1, 2, 3), (0, 40)))
    alone = [lift(lifter, *of) for of in asked]
    features = np.random.default_rng(0).normal(size=(2, 17, 5)).astype(np.float32)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            drawn = pool.submit(lifter.sampler.draw, features, Sampling(4, 2, seed=0))
            for ours, expected in zip(pool.map(lambda of: lift(lifter, *of), asked), alone, strict=True):
                np.testing.assert_array_equal(ours.hypotheses, expected.hypotheses)
                np.testing.assert_array_equal(ours.covariance, expected.covariance)
            np.testing.assert_array_equal(drawn.result(), lifter.sampler.draw(features, Sampling(4, 2, seed=0)))


def test_what_was_found_earlier_stays_as_it_was(model: Lifter) -> None:
    first = lift(model)
    kept = {name: value.copy() for name, value in vars(first).items()}
    lift(model, frame=30)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, kept[name])


def test_old_calls_make_room_and_share_memory() -> None:
    lifter = lifter_of("with a proposal")

    def memory() -> int:
        return sum(block.numel() for block in lifter.sampler.memory._blocks.values())

    for people, steps in itertools.product(range(1, 9), range(1, 10)):
        lift(lifter, people, steps=steps)
    first = memory()
    assert lifter._calls._call.cache_info().currsize == 64
    for people in range(1, 9):
        lift(lifter, people)
    assert memory() == first


@pytest.fixture
def no_collections() -> Iterator[None]:
    """Nothing is freed but what nobody holds: a GPU's memory is full long before Python looks for cycles."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_forgotten_is_free_at_once(kind: str, no_collections: None) -> None:
    lifter = lifter_of(kind)
    lift(lifter)
    first = weakref.ref(next(iter(lifter.sampler.memory._blocks.values())))
    lifter._calls._call.cache_clear()
    lifter.sampler.forget()
    assert first() is None
    lift(lifter)
    memory = weakref.ref(lifter.sampler.memory)
    lifter.close()
    assert memory() is None
    dropped = lifter_of(kind)
    lift(dropped)
    memory = weakref.ref(dropped.sampler.memory)
    del dropped
    assert memory() is None


def test_out_of_gpu_memory_the_next_smaller_call_is_made(lifter: Lifter, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = 300 + 50 * np.random.default_rng(0).normal(size=(5, 17, 2))
    camera, own = Camera.from_fov(1.0, 640, 480), Lifter(lifter.checkpoint, "cpu", "float32")
    expected = own.lift(pixels, np.ones((5, 17)), camera, seed=0)
    load = Chain.load

    def small(chain: Chain, conditions: torch.Tensor, noise: torch.Tensor) -> None:
        if len(conditions) > 20:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        load(chain, conditions, noise)

    monkeypatch.setattr(Chain, "load", small)
    with pytest.warns(UserWarning, match="not enough memory for 5 people at once, now 2: CUDA out of memory"):
        lifted = Lifter(lifter.checkpoint, "cpu", "float32").lift(pixels, np.ones((5, 17)), camera, seed=0)
    np.testing.assert_allclose(lifted.mean, expected.mean, atol=1e-4)
