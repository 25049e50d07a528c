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

"""Where people stand, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import pytest

from diffupose_ros.data.scenes import Scene
from diffupose_ros.evaluation.placing import Placed, place
from diffupose_ros.lifting.condition import person_centred
from diffupose_ros.lifting.engine.outcome.placement import HEIGHT_SPREAD
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import MIRROR, Status, apparent_size

DEVIATION = 0.05
EVERYTHING = np.arange(17)


@dataclass
class Seen:
    """P people, their true poses as hypotheses, and 2D joints in the plane z = 1."""

    joints: np.ndarray
    xy: np.ndarray

    def place(
        self, xy: np.ndarray, used: np.ndarray = EVERYTHING, deviation: float = DEVIATION, **hypotheses
    ) -> Placed:
        """Place the people by the joints ``used`` of ``xy``, of which a detector says ``deviation``."""
        missing = ~np.isin(EVERYTHING, used)
        status = np.where(missing, Status.MISSING, Status.MEASURED) + np.zeros((len(xy), 1), np.int8)
        rays = np.concatenate([xy, np.ones((len(xy), 17, 1))], -1)
        deviations = np.where(missing, np.nan, np.full((len(xy), 17), deviation))
        condition = person_centred(rays, deviations, status)
        return place(self.poses(condition.rotation, **hypotheses), condition, rays, deviations)

    def poses(self, rotation: np.ndarray, count: int = 4, spread: float = 0.0) -> np.ndarray:
        """Hypotheses (P, N, 17, 3) in the virtual cameras."""
        relative = np.einsum("pij,pkj->pki", rotation, self.joints - self.joints[:, :1])
        noise = np.random.default_rng(3).normal(0, spread, (len(relative), count, 17, 3))
        noise[:, :, 0] = 0
        return relative[:, None] + noise

    def noisy(self, deviation: float, seed: int = 0) -> np.ndarray:
        """2D joints that err each on its own by ``deviation`` along each axis."""
        error = np.random.default_rng(seed).normal(0, 1, self.xy.shape) * apparent_size(self.xy)[..., None]
        return self.xy + deviation * error


@pytest.fixture(scope="module")
def seen() -> Seen:
    """A hundred people some metres ahead."""
    scene = Scene(resource_path("resource/clips/people.npz"), 5)
    joints = np.concatenate([scene.poses(frame) for frame in range(0, 400, 20)])
    return Seen(joints, joints[..., :2] / joints[..., 2:])


def test_true_poses_stand_where_the_people_stood(seen: Seen) -> None:
    placed = seen.place(seen.xy, deviation=0.0)
    np.testing.assert_allclose(
        np.linalg.norm(placed.root, axis=-1), np.linalg.norm(seen.joints[:, 0], axis=-1), rtol=1e-2
    )
    assert placed.covariance.shape == (len(seen.joints), 3, 3)
    assert (placed.novelty < 0.3).all()


@pytest.mark.parametrize("deviation", [0.03, 0.06, 0.12, 0.3])
def test_the_misfit_of_errors_that_the_detector_tells_of_is_about_one(seen: Seen, deviation: float) -> None:
    novelty = seen.place(seen.noisy(deviation), deviation=deviation).novelty
    assert np.median(novelty) == pytest.approx(1, abs=0.25) and (novelty < 2).mean() > 0.95


def test_the_misfit_of_exchanged_sides_and_of_wild_joints_is_large(seen: Seen) -> None:
    # Of people who show their front or back: in profile left and right are hardly apart.
    wide = np.abs(seen.xy[:, 11, 0] - seen.xy[:, 14, 0]) / apparent_size(seen.xy)[:, 0] > 0.6
    assert wide.sum() > 20
    exchanged = seen.place(seen.noisy(0.03)[:, MIRROR], deviation=0.03).novelty
    assert (exchanged[wide] > 2).all()
    wild = seen.xy.mean(1, keepdims=True) + np.random.default_rng(0).normal(0, 0.2, seen.xy.shape)
    assert (seen.place(wild).novelty > 2).all()


def test_one_wrong_joint_moves_nobody_far(seen: Seen) -> None:
    wrong = seen.xy.copy()
    wrong[:, 13] += 2 * apparent_size(seen.xy)
    moved = np.linalg.norm(seen.place(wrong).root, axis=-1) / np.linalg.norm(seen.joints[:, 0], axis=-1)
    np.testing.assert_allclose(moved, 1, atol=0.15)
    assert (seen.place(wrong).novelty > seen.place(seen.xy).novelty + 1).all()


def test_how_sure_a_place_is_sideways_does_not_grow_with_the_number_of_joints(seen: Seen) -> None:
    # Half of an error is that of the whole body.
    few, all_of_them = (seen.place(seen.noisy(DEVIATION), used) for used in (np.array([1, 4, 8, 11, 14]), EVERYTHING))
    for placed, used in ((few, [1, 4, 8, 11, 14]), (all_of_them, EVERYTHING)):
        size = apparent_size(seen.noisy(DEVIATION)[:, used])[:, 0]
        shared = 0.5 * (DEVIATION * size * placed.root[:, 2]) ** 2
        assert (placed.covariance[:, [0, 1], [0, 1]] > 0.6 * shared[:, None]).all()


def test_less_precise_2d_is_a_less_certain_place_sideways(seen: Seen) -> None:
    sharp, blurred = (seen.place(seen.noisy(d), deviation=d).covariance for d in (0.01, 0.1))
    assert (blurred[:, 0, 0] > 5 * sharp[:, 0, 0]).mean() > 0.95
    assert (blurred[:, 1, 1] > 5 * sharp[:, 1, 1]).mean() > 0.95


def test_the_distance_is_not_surer_than_the_heights_of_people(seen: Seen) -> None:
    placed = seen.place(seen.xy, deviation=0.0)
    ray = placed.root / np.linalg.norm(placed.root, axis=-1, keepdims=True)
    along = np.sqrt(np.einsum("pi,pij,pj->p", ray, placed.covariance, ray))
    assert (along > 0.99 * HEIGHT_SPREAD * np.linalg.norm(placed.root, axis=-1)).all()
    spread = seen.place(seen.xy, count=20, spread=0.1)
    assert (np.trace(spread.covariance, axis1=1, axis2=2) > np.trace(placed.covariance, axis1=1, axis2=2)).all()
    np.testing.assert_allclose(spread.covariance, np.swapaxes(spread.covariance, 1, 2), atol=1e-12)
    assert np.linalg.eigvalsh(spread.covariance).min() > 0


def test_who_has_too_few_joints_costs_no_other(seen: Seen) -> None:
    status = np.zeros((5, 17), np.int8)
    status[1, 2:], status[3] = Status.MISSING, Status.MISSING
    deviations = np.where(status == Status.MISSING, np.nan, DEVIATION)
    rays = np.concatenate([seen.xy[:5], np.ones((5, 17, 1))], -1)
    rays[status == Status.MISSING] = np.nan
    condition = person_centred(rays, deviations, status)
    everybody = Seen(seen.joints[:5], seen.xy[:5])
    placed = place(everybody.poses(condition.rotation), condition, rays, deviations)
    others = condition.valid
    np.testing.assert_allclose(placed.root[others], everybody.place(everybody.xy).root[others])
    np.testing.assert_allclose(placed.covariance[others], everybody.place(everybody.xy).covariance[others])
    for name, value in vars(placed).items():
        assert np.isfinite(value).all(), name
    nobody = place(
        np.zeros((0, 2, 17, 3)), person_centred(rays[:0], deviations[:0], status[:0]), rays[:0], deviations[:0]
    )
    assert nobody.root.shape == (0, 3) and nobody.novelty.shape == (0,)
