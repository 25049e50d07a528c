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

"""On a CUDA GPU: the numbers of the CPU, one graph for each batch size, no memory that grows. Skipped without one."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.nodes import Planner, connected, node_process

from diffupose_ros.data.detectors import detector_joints
from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting import Interrupted, Lifted, Lifter
from diffupose_ros.lifting.condition import person_centred
from diffupose_ros.lifting.engine.outcome.outcome import Tables, outcome
from diffupose_ros.lifting.engine.sampling import Precision, Sampling
from diffupose_ros.lifting.rows import SEEN
from diffupose_ros.lifting.sight import sight
from diffupose_ros.lifting.uncertainty import classes_of
from diffupose_ros.profiles import load_profile
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import Status

DEVICE = "cuda"
SCENE = Scene(resource_path("resource/clips/people.npz"), 5)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(scope="module")
def gpu() -> Iterator[Lifter]:
    made = Lifter.load("default", DEVICE)
    yield made
    made.close()


def see(lifter: Lifter, people: int, frame: int = 30, **options: Any) -> Lifted:
    """Lift what a perfect detector sees of some of the scene's people."""
    pixels = SCENE.camera.project(detector_joints(SCENE.poses(frame)[:people], "coco17"))
    scores = np.isfinite(pixels).all(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what cannot be captured as a graph is run operation by operation, and said
        return lifter.lift(pixels, scores, SCENE.camera, "coco17", **{"seed": 0, "detector": "exact"} | options)


@pytest.mark.parametrize(("precision", "most"), [("float32", 0.5e-3), ("bfloat16", 2e-3)], ids=["float32", "bfloat16"])
def test_a_gpu_gives_the_numbers_of_the_cpu(precision: Precision, most: float) -> None:
    plain, there = Lifter.load("default", "cpu", "float32"), Lifter.load("default", DEVICE, precision)
    for people, steps in ((1, 5), (2, 2), (5, 5)):
        expected, found = (see(lifter, people, steps=steps) for lifter in (plain, there))
        np.testing.assert_allclose(found.mean, expected.mean, atol=20 * most)  # where people are, too
        for of in ("mean", "hypotheses"):
            poses, truth = (getattr(lifted, of) - getattr(lifted, of)[..., :1, :] for lifted in (found, expected))
            np.testing.assert_allclose(poses, truth, atol=most if of == "mean" else 5 * most)
        np.testing.assert_allclose(found.covariance, expected.covariance, rtol=40 * most, atol=1e-5)
        np.testing.assert_allclose(found.root_covariance, expected.root_covariance, rtol=40 * most, atol=1e-4)
        np.testing.assert_allclose(found.orientation, expected.orientation, atol=50 * most)
        turning = found.orientation_covariance, expected.orientation_covariance
        np.testing.assert_allclose(*turning, rtol=80 * most, atol=1e-3)
        np.testing.assert_allclose(found.novelty, expected.novelty, rtol=80 * most)
        np.testing.assert_array_equal(found.freedom, expected.freedom)
    there.close()


def test_what_follows_the_poses_is_the_cpus_to_the_last_digits(gpu: Lifter) -> None:
    """Of the same poses; joints missing and nobody at all included."""
    random = np.random.default_rng(0)
    poses = random.normal(0, 0.3, (6, 10, 17, 3))
    poses -= poses[:, :, :1]
    rays = np.concatenate([random.normal(0, 0.1, (6, 17, 2)), np.ones((6, 17, 1))], -1)
    status = random.choice(len(Status), (6, 17), p=(0.7, 0.2, 0.1)).astype(np.int8)
    status[4] = Status.MISSING
    deviations = np.where(status == Status.MISSING, np.nan, 0.03)
    condition = person_centred(rays, deviations, status)
    fields = vars(sight(condition, rays, deviations)) | {"rotation": condition.rotation}
    rows = np.zeros((6, SEEN.width))
    SEEN.fill(rows, fields | {"classes": classes_of(condition.status, deviations)})
    calibration = gpu.checkpoint.calibration
    with torch.inference_mode():
        there, here = (
            outcome(torch.tensor(poses, device=d), None, torch.tensor(rows, device=d), Tables.of(calibration, 10, d))
            for d in (DEVICE, "cpu")
        )
    torch.testing.assert_close(there.cpu(), here, rtol=1e-9, atol=1e-9)


def test_missing_people_one_hypothesis_and_nobody(gpu: Lifter) -> None:
    plain = Lifter.load("default", "cpu")
    pixels = SCENE.camera.project(detector_joints(SCENE.poses(30), "coco17"))
    scores = np.isfinite(pixels).all(-1).astype(float)
    scores[1], scores[2, 9:], scores[3, 2:] = 0, 0, 0
    for hypotheses, people in ((10, 5), (1, 5), (3, 0)):
        expected, found = (
            lifter.lift(pixels[:people], scores[:people], SCENE.camera, "coco17", hypotheses, 2, seed=0)
            for lifter in (plain, gpu)
        )
        assert found.valid.tolist() == expected.valid.tolist()
        for name, value in vars(expected).items():
            assert getattr(found, name).shape == value.shape, name
            np.testing.assert_array_equal(np.isnan(getattr(found, name)), np.isnan(value), err_msg=name)
        np.testing.assert_allclose(found.mean, expected.mean, atol=0.05)


def test_drawing_and_lifting_share_one_memory(gpu: Lifter) -> None:
    features = np.random.default_rng(0).normal(size=(3, 17, 5)).astype(np.float32)
    first = see(gpu, 3), gpu.sampler.draw(features, Sampling(10, 5, seed=0))
    for _ in range(3):
        np.testing.assert_allclose(gpu.sampler.draw(features, Sampling(10, 5, seed=0)), first[1], atol=1e-5)
        np.testing.assert_allclose(see(gpu, 3).hypotheses, first[0].hypotheses, atol=1e-5)


def test_interrupted_before_the_graph_and_usable_afterwards(gpu: Lifter) -> None:
    pixels = SCENE.camera.project(SCENE.poses(30))
    skeletons = load_profile("exact").skeletons(pixels, np.ones(pixels.shape[:2]), "h36m17")
    expected = gpu.lift_h36m(skeletons, SCENE.camera, seed=0)
    with pytest.raises(Interrupted):
        gpu.lift_h36m(skeletons, SCENE.camera, seed=0, interrupted=lambda: True)
    np.testing.assert_allclose(gpu.lift_h36m(skeletons, SCENE.camera, seed=0).mean, expected.mean, atol=1e-5)


def test_a_replayed_graph_sees_each_input_anew(gpu: Lifter) -> None:
    inputs = ((1, 30), (3, 30), (1, 90), (3, 90))
    first, again = ([see(gpu, people, frame).hypotheses for people, frame in inputs] for _ in range(2))
    for once, twice in zip(first, again, strict=True):
        np.testing.assert_allclose(twice, once, atol=1e-5)
    assert np.abs(first[0] - first[2]).max() > 0.01
    np.testing.assert_allclose(first[1][:1], first[0], atol=5e-3)  # whoever else is there, but for rounding


def test_its_memory_is_flat_and_goes_when_it_is_closed() -> None:
    before = torch.cuda.memory_allocated()
    lifter = Lifter.load("default", DEVICE)
    for people in range(1, 6):
        see(lifter, people)
    warm = torch.cuda.memory_allocated()
    for frame in range(30, 90):
        see(lifter, 1 + frame % 5, frame)
    assert torch.cuda.memory_allocated() == warm
    lifter.close()
    del lifter
    torch._C._cuda_clearCublasWorkspaces()  # the library's own
    assert torch.cuda.memory_allocated() < before + (warm - before) / 10


def test_the_lift_node_answers_from_a_gpu() -> None:
    with node_process("lift_node", "-p", f"device:={DEVICE}"), connected(Planner) as planner:
        planner.see()
        assert planner.answer(planner.good()).skeletons
        assert planner.status().hardware_id.startswith(DEVICE)
