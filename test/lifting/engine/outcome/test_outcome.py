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

"""What follows the poses, as tensors, gives what numpy says of the same formulas, for any numbers."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.placing import place

from diffupose_ros.lifting.condition import person_centred
from diffupose_ros.lifting.engine.onnx.graph import Graph
from diffupose_ros.lifting.engine.onnx.outcome_graph import add_outcome
from diffupose_ros.lifting.engine.outcome.outcome import Tables, outcome
from diffupose_ros.lifting.rows import SEEN, found
from diffupose_ros.lifting.sight import sight
from diffupose_ros.lifting.uncertainty import (
    NOVELTIES,
    Calibration,
    calibrated_covariance,
    classes_of,
    orientation_covariance,
)
from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE, Status, pelvis_axes, unit


def some_calibration(random: np.random.Generator) -> Calibration:
    factors = random.normal(0, 0.3, (3, 3, 17, 3, 3))
    prior = 0.01 * factors @ np.swapaxes(factors, -1, -2)
    strength, scale = random.uniform(1, 20, (2, 3, 3, 17))
    freedom, root = random.uniform(3, 30, (3, 3)), random.uniform(0.5, 2, (3, 2))
    return Calibration(prior, strength, scale, freedom, root, np.exp(np.arange(len(NOVELTIES)) / 3))


class Some:
    """P people of any numbers, N hypotheses of each."""

    def __init__(self, seed: int, people: int, hypotheses: int, spread: float = 0.1, expects: bool = True) -> None:
        random = np.random.default_rng(seed)
        centre = unit(np.concatenate([random.uniform(-0.6, 0.6, (people, 1, 2)), np.ones((people, 1, 1))], -1))
        self.rays = unit(centre + random.normal(0, random.choice([0.01, 0.1, 0.3]), (people, 17, 3)))
        status = random.choice(len(Status), (people, 17), p=(0.7, 0.2, 0.1)).astype(np.int8)
        status[random.uniform(size=people) < 0.1] = Status.MISSING
        self.deviations = np.where(status == Status.MISSING, np.nan, random.choice([0.001, 0.03, 0.2], (people, 17)))
        self.condition = person_centred(self.rays, self.deviations, status)
        self.deviations[self.condition.status == Status.MISSING] = np.nan
        self.poses = random.normal(0, 0.4, (people, 1, 17, 3)) + random.normal(0, spread, (people, hypotheses, 17, 3))
        self.poses -= self.poses[:, :, :1]
        self.calibration = some_calibration(random)
        factors = random.normal(0, 0.1, (people, 17, 3, 3))
        self.expected = factors @ np.swapaxes(factors, -1, -2) if expects else None

    @property
    def numbers(self) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """What ``outcome`` takes but for the tables."""
        rows = np.zeros((len(self.poses), SEEN.width))
        fields = vars(sight(self.condition, self.rays, self.deviations))
        classes = classes_of(self.condition.status, self.deviations)
        SEEN.fill(rows, {**fields, "rotation": self.condition.rotation, "classes": classes})
        expected = None if self.expected is None else torch.from_numpy(self.expected)
        return torch.from_numpy(self.poses), expected, torch.from_numpy(rows)

    @property
    def tables(self) -> Tables:
        return Tables.of(self.calibration)

    def found(self) -> dict[str, np.ndarray]:
        return found(self.poses.shape[1]).split(outcome(*self.numbers, self.tables).numpy())

    def by_numpy(self) -> dict[str, np.ndarray]:
        condition, calibration, deviations = self.condition, self.calibration, self.deviations
        placed = place(self.poses, condition, self.rays, deviations)
        back = np.swapaxes(condition.rotation, 1, 2)
        mean = np.einsum("pij,pkj->pki", back, self.poses.mean(1) + placed.root[:, None])
        covariance = calibrated_covariance(
            self.poses, condition.status, deviations, calibration, self.expected, placed.novelty
        )
        covariance, axes = rotated(back[:, None], covariance), pelvis_axes(mean)
        return {
            "hypotheses": np.einsum("pij,pnkj->pnki", back, self.poses + placed.roots[:, :, None]),
            "mean": mean,
            "covariance": covariance,
            "freedom": calibration.freedom_of(condition.status, deviations),
            "root_covariance": rotated(back, calibration.root_covariance(placed.covariance, placed.root, deviations)),
            "orientation": axes,
            "orientation_covariance": orientation_covariance(mean, axes, covariance),
            "novelty": placed.novelty,
        }


def rotated(rotation: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return rotation @ covariance @ np.swapaxes(rotation, -1, -2)


def assert_same(some: Some) -> None:
    ours, expected = some.found(), some.by_numpy()
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        size = np.abs(value).max(tuple(range(1, value.ndim)), keepdims=True, initial=1e-12)
        np.testing.assert_allclose(ours[name] / size, value / size, atol=1e-9, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(1, 12), st.sampled_from([0.0, 0.05, 1.0]), st.booleans()
)
def test_it_is_what_numpy_says(seed: int, people: int, hypotheses: int, spread: float, expects: bool) -> None:
    assert_same(Some(seed, people, hypotheses, spread, expects))


@pytest.mark.parametrize(
    ("joints", "onto"), [([LEFT_HIP], RIGHT_HIP), ([SPINE], PELVIS), (range(17), PELVIS)], ids=["hips", "spine", "all"]
)
def test_degenerate_bodies_face_somewhere(joints: Sequence[int], onto: int) -> None:
    some = Some(0, 4, 3, 0.0)
    some.poses[:, :, list(joints)] = some.poses[:, :, [onto]]
    assert_same(some)


CALIBRATION = some_calibration(np.random.default_rng(7))


@pytest.fixture(scope="module")
def exported() -> onnxruntime.InferenceSession:
    graph, names = Graph(), ("poses", "seen", "expected")
    graph.name(add_outcome(graph, *names, 17, Tables.of(CALIBRATION)), "found")
    shapes = ["P", "N", 17, 3], ["P", SEEN.width], ["P", 17, 3, 3]
    inputs = zip(names, (np.float32, np.float64, np.float32), shapes, strict=True)
    return onnxruntime.InferenceSession(graph.model(inputs, [("found", np.float64, ["P", None])], {}))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 12), st.sampled_from([0.0, 0.05, 1.0]))
def test_exported_it_is_the_same(
    exported: onnxruntime.InferenceSession, seed: int, people: int, hypotheses: int, spread: float
) -> None:
    some = Some(seed, people, hypotheses, spread)
    some.calibration = CALIBRATION
    some.poses, some.expected = (of.astype(np.float32).astype(float) for of in (some.poses, some.expected))
    poses, expected, seen = (of.numpy() for of in some.numbers)
    given = {"poses": poses.astype(np.float32), "seen": seen, "expected": expected.astype(np.float32)}
    ours = found(hypotheses).split(exported.run(None, given)[0])
    for name, value in some.found().items():
        size = np.abs(value).max(tuple(range(1, value.ndim)), keepdims=True, initial=1e-12)
        np.testing.assert_allclose(ours[name] / size, value / size, atol=1e-6, err_msg=name)
