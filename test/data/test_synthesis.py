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

"""Training pairs made from motion capture poses."""

import numpy as np
import pytest

from diffupose_ros.camera import solve_root
from diffupose_ros.data.bodies import vary_bodies
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.detectors import occlude
from diffupose_ros.data.synthesis import CLEAN, NOISY, OCCLUDED, TRAINING, Conditions, make_pairs
from diffupose_ros.data.views import random_views
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, HEAD, MIRROR, NECK, PARENTS, SPINE, THORAX, Status

LEGS = [j for j in range(1, 17) if "knee" in H36M17[j] or "ankle" in H36M17[j]]
TRUNK = [j for j in range(1, 17) if j not in LEGS and "elbow" not in H36M17[j] and "wrist" not in H36M17[j]]


@pytest.fixture(scope="module")
def poses() -> np.ndarray:
    """A few hundred poses, world frame, z up."""
    clips = load_clips(resource_path("resource/clips/people.npz"))
    return np.concatenate([clip[::5] for clip in clips.values()]).astype(np.float64)


def bones(poses: np.ndarray) -> np.ndarray:
    """Bone vectors (B, 17, 3) from each joint's parent; 0 for the pelvis."""
    return poses - poses[:, [max(p, 0) for p in PARENTS]]


def lengths(poses: np.ndarray) -> np.ndarray:
    return np.linalg.norm(bones(poses), axis=-1)


def kept(varied: np.ndarray, poses: np.ndarray, joints: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Whose bones point where they pointed, straight and mirrored, (B,) each."""

    def turned(original: np.ndarray) -> np.ndarray:
        """Largest angle between a bone and the original's, per person."""
        a, b = bones(varied)[:, joints], bones(original)[:, joints]
        cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        return np.arccos(cosine.clip(-1, 1)).max(1)

    return turned(poses) < 1e-3, turned(poses[:, MIRROR] * (-1, 1, 1)) < 1e-3


def test_varied_bodies_keep_the_trunk_and_most_the_legs(poses: np.ndarray) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))
    straight, flipped = kept(varied, poses, TRUNK)
    assert (straight | flipped).all()
    assert 0.35 < flipped.mean() < 0.65
    assert 0.65 < np.logical_or(*kept(varied, poses, LEGS)).mean() < 0.95


def test_varied_bodies_have_other_but_human_bones_alike_on_both_sides(poses: np.ndarray) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))
    own = np.logical_or(*kept(varied, poses, LEGS))
    varied, poses = varied[own], poses[own]
    ratio = lengths(varied)[:, LEGS] / lengths(poses)[:, LEGS]
    # Left and right scale alike; mirrored people have their legs exchanged.
    asymmetry = lengths(poses)[:, LEGS] / lengths(poses)[:, MIRROR[LEGS]]
    symmetric = ratio / (lengths(varied)[:, MIRROR[LEGS]] / lengths(poses)[:, MIRROR[LEGS]])
    exchanged = np.isclose(symmetric, asymmetry**-2, rtol=1e-4).all(1)
    assert (np.isclose(symmetric, 1, rtol=1e-4).all(1) | exchanged).all()
    assert 0.03 < np.log(ratio).std() < 0.15
    whole = lengths(varied)[:, 1:] / lengths(poses)[:, 1:].mean(0)
    assert whole.min() > 0.5 and whole.max() < 3


def test_varied_bodies_stand_on_the_same_ground_and_leave_the_original_alone(poses: np.ndarray) -> None:
    before = poses.copy()
    varied = vary_bodies(poses, np.random.default_rng(0))
    np.testing.assert_array_equal(poses, before)
    np.testing.assert_allclose(varied[..., 2].min(1), poses[..., 2].min(1), atol=1e-9)


def test_some_arms_are_taken_from_other_people_whole(poses: np.ndarray) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))

    def bend(p: np.ndarray, side: str) -> np.ndarray:
        """Angle of the elbow: the same before and after, unless the arm is another's."""
        shoulder, elbow, wrist = (p[:, H36M17.index(f"{side}_{part}")] for part in ("shoulder", "elbow", "wrist"))
        upper, lower = elbow - shoulder, wrist - elbow
        return (upper * lower).sum(-1) / np.linalg.norm(upper, axis=-1) / np.linalg.norm(lower, axis=-1)

    before = np.stack([bend(poses, "left"), bend(poses, "right")])
    after = np.stack([bend(varied, "left"), bend(varied, "right")])
    kept = np.isclose(after, before, atol=1e-6) | np.isclose(after, before[::-1], atol=1e-6)
    assert 0.5 < kept.mean() < 0.9
    for angle in after.ravel():
        assert np.abs(before - angle).min() < 1e-6  # everyone's elbow is somebody's


def test_views_are_rigid_with_the_person_in_front_of_a_robots_camera(poses: np.ndarray) -> None:
    many = np.tile(poses, (8, 1, 1))
    seen, half = random_views(many, np.random.default_rng(0))
    np.testing.assert_allclose(lengths(seen), lengths(many), atol=1e-6)
    triple = np.stack([bones(many)[:, 1], bones(many)[:, SPINE], bones(many)[:, 2]], 1)
    turned = np.stack([bones(seen)[:, 1], bones(seen)[:, SPINE], bones(seen)[:, 2]], 1)
    np.testing.assert_allclose(np.linalg.det(turned), np.linalg.det(triple), atol=1e-6)  # no mirror images
    distance = np.linalg.norm(seen[:, 0], axis=-1)
    assert distance.min() >= 0.7 - 1e-6 and distance.max() <= 10 + 1e-6 and (distance < 2).mean() > 0.2
    fov = np.degrees(2 * np.arctan(half[:, 0]))
    assert 35 <= fov.min() < 40 and 105 < fov.max() <= 110
    tangents = seen[:, 0, :2] / seen[:, 0, 2:]
    assert (seen[:, 0, 2] > 0).all() and (np.abs(tangents) < 1.5 * half).mean() > 0.99
    assert (np.abs(tangents[:, 0]) > 0.3 * half[:, 0]).mean() > 0.3  # anywhere in the image, not only ahead
    up = seen[:, HEAD] - seen[:, 0]
    # Upright people who are looked at about level are upright in the image: y is down.
    level = (np.abs((many[:, HEAD] - many[:, 0])[:, 2]) > 0.5) & (distance > 4)
    assert (up[level, 1] < 0).mean() > 0.95


def test_clean_pairs_are_consistent_features_are_the_projected_pose(poses: np.ndarray) -> None:
    pairs = make_pairs(poses, np.random.default_rng(0), CLEAN)
    assert pairs.features.shape == (len(pairs.poses), 17, 5) and pairs.poses.shape[1:] == (17, 3)
    assert pairs.features.dtype == pairs.poses.dtype == np.float32 and len(pairs.poses) > 0.6 * len(poses)
    assert (pairs.poses[:, 0] == 0).all()
    seen = pairs.status == Status.MEASURED  # all but a near person's hand beside the camera
    assert seen.mean() > 0.995
    size = 0.15 * np.exp(pairs.features[:, :, 4:].astype(float))
    xy = pairs.features[..., :2] * size
    rays = np.concatenate([xy, np.ones((*xy.shape[:2], 1))], -1)
    root = solve_root(pairs.poses.astype(float), rays, seen.astype(float)).root
    placed = pairs.poses + root[:, None]
    np.testing.assert_allclose((placed[..., :2] / placed[..., 2:])[seen], xy[seen], atol=1e-3)
    assert (root[:, 2] > 0.3).all()


def test_poses_of_pairs_are_those_given_but_turned(poses: np.ndarray) -> None:
    pairs = make_pairs(poses, np.random.default_rng(0), CLEAN)
    made = np.sort(lengths(pairs.poses)[:, 1:].sum(1))
    given = np.sort(lengths(poses)[:, 1:].sum(1))
    assert np.abs(made[:, None] - given).min(1).max() < 1e-4


@pytest.mark.parametrize(
    "conditions", [CLEAN, NOISY, OCCLUDED, TRAINING], ids=["clean", "noisy", "occluded", "training"]
)
def test_pairs_are_finite_and_missing_joints_are_zero(poses: np.ndarray, conditions: Conditions) -> None:
    pairs = make_pairs(np.tile(poses, (4, 1, 1)), np.random.default_rng(0), conditions, vary=True)
    assert np.isfinite(pairs.features).all() and np.isfinite(pairs.poses).all()
    missing = pairs.status == Status.MISSING
    assert (pairs.features[missing][:, :4] == 0).all()
    assert ((~missing).sum(1) >= 3).all()
    if conditions in (OCCLUDED, TRAINING):
        assert 0.05 < missing.mean() < 0.4
    else:
        assert missing.mean() < 0.005  # a near person's hand beside the camera
    assert np.linalg.norm(pairs.poses, axis=-1).max() < 3


def test_layouts_tell_which_joints_are_derived(poses: np.ndarray) -> None:
    for layout, derived in (
        ("coco17", [0, SPINE, THORAX, NECK, HEAD]),
        ("openpose18", [0, SPINE, NECK, HEAD]),
    ):
        pairs = make_pairs(poses, np.random.default_rng(0), Conditions(layouts=(layout,)))
        expected = np.where(np.isin(np.arange(17), derived), Status.DERIVED, Status.MEASURED)
        assert ((pairs.status == expected) | (pairs.status == Status.MISSING)).all()
        assert (pairs.status == Status.MISSING).mean() < 0.01
    mixed = make_pairs(poses, np.random.default_rng(0), Conditions(layouts=("h36m17", "coco17")))
    share = (mixed.status[:, SPINE] == Status.DERIVED).mean()
    assert 0.4 < share < 0.6


def test_noise_moves_features_and_lowers_scores_but_not_poses(poses: np.ndarray) -> None:
    clean = make_pairs(poses, np.random.default_rng(0), Conditions())
    noisy = make_pairs(poses, np.random.default_rng(0), Conditions(noise=1))
    assert (clean.features[..., 2] == 1).mean() > 0.995 and 0.5 < noisy.features[..., 2].mean() < 0.97
    difference = np.linalg.norm(noisy.features[..., :2] - clean.features[..., :2], axis=-1)
    assert 0.01 < np.median(difference) < 0.3
    np.testing.assert_allclose(lengths(noisy.poses), lengths(clean.poses), atol=1e-5)


def test_occlusion_hides_single_joints_and_whole_limbs() -> None:
    hidden = occlude(4000, np.random.default_rng(0))
    assert 0.1 < hidden.mean() < 0.45 and (hidden.mean(0) > 0.05).all()
    wrist, elbow = hidden[:, 13], hidden[:, 12]
    assert wrist[elbow].mean() > wrist[~elbow].mean() + 0.1


def test_pairs_follow_their_seed(poses: np.ndarray) -> None:
    first, again, other = (make_pairs(poses, np.random.default_rng(s), TRAINING, vary=True) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.poses, again.poses)
    assert first.features.shape != other.features.shape or not np.allclose(first.features, other.features)


def test_a_single_pose_and_fewer_poses_than_layouts_are_no_error(poses: np.ndarray) -> None:
    for count in (1, 2, 3):
        pairs = make_pairs(poses[:count], np.random.default_rng(0), TRAINING, vary=True)
        assert len(pairs.features) == len(pairs.poses) <= count
