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

from dataclasses import replace

import numpy as np
import pytest
from support.placing import solve_root

from diffupose_ros.data import bodies
from diffupose_ros.data.bodies import draw_bones, draw_stature, vary_bodies
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.detectors import occlude
from diffupose_ros.data.synthesis import (
    CLEAN,
    NOISY,
    OCCLUDED,
    REAL,
    TRAINING,
    Conditions,
    make_pairs,
    observe,
    posture_observations,
)
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

    # The pelvis is put midway between the hips, where recorded ones are to a millimetre or two.
    return turned(poses) < 0.03, turned(poses[:, MIRROR] * (-1, 1, 1)) < 0.03


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joints are where the recording has them in the body, limbs point where they pointed, nobody leans."""
    for name in ("_OFFSET", "_MOVED", "_LEANING"):
        monkeypatch.setattr(bodies, name, 0.0)


@pytest.mark.usefixtures("plain")
def test_varied_bodies_keep_the_trunk_and_most_the_legs(poses: np.ndarray) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))
    straight, flipped = kept(varied, poses, TRUNK)
    assert (straight | flipped).all()
    assert 0.35 < flipped.mean() < 0.65
    assert 0.35 < np.logical_or(*kept(varied, poses, LEGS)).mean() < 0.7


def test_some_people_lean_and_some_limbs_point_elsewhere(poses: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_OFFSET", 0.0)
    monkeypatch.setattr(bodies, "_MOVED", 0.0)
    upright = np.logical_or(*kept(vary_bodies(poses, np.random.default_rng(0)), poses, TRUNK))
    assert 0.6 < upright.mean() < 0.8
    monkeypatch.undo()
    monkeypatch.setattr(bodies, "_OFFSET", 0.0)
    monkeypatch.setattr(bodies, "_LEANING", 0.0)
    varied = vary_bodies(poses, np.random.default_rng(0))
    assert np.logical_or(*kept(varied, poses, TRUNK)).all()
    assert 0.15 < np.logical_or(*kept(varied, poses, LEGS)).mean() < 0.45


@pytest.mark.usefixtures("plain")
def test_varied_bodies_have_other_but_human_bones_alike_on_both_sides(poses: np.ndarray) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))
    own = np.logical_or(*kept(varied, poses, LEGS))
    varied, poses = varied[own], poses[own]
    ratio = lengths(varied)[:, LEGS] / lengths(poses)[:, LEGS]
    # Bones are drawn for both sides, or the recorded ones scale alike; mirrored people have theirs exchanged.
    drawn = np.isclose(lengths(varied), lengths(varied)[:, MIRROR]).all(1)
    assert 0.5 < drawn.mean() < 0.8
    asymmetry = lengths(poses)[:, LEGS] / lengths(poses)[:, MIRROR[LEGS]]
    symmetric = ratio / (lengths(varied)[:, MIRROR[LEGS]] / lengths(poses)[:, MIRROR[LEGS]])
    exchanged = np.isclose(symmetric, asymmetry**-2, rtol=1e-4).all(1)
    assert (np.isclose(symmetric, 1, rtol=1e-4).all(1) | exchanged | drawn).all()
    assert 0.03 < np.log(ratio[~drawn]).std() < 0.12 < np.log(ratio[drawn]).std() < 0.3
    whole = lengths(varied)[:, 1:] / lengths(poses)[:, 1:].mean(0)
    assert whole.min() > 0.3 and whole.max() < 3


def test_joints_are_elsewhere_in_other_bodies_alike_on_both_sides(
    poses: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    varied = vary_bodies(poses, np.random.default_rng(0))
    np.testing.assert_allclose(varied[:, 0], (varied[:, 1] + varied[:, 4]) / 2, atol=1e-9)
    monkeypatch.setattr(bodies, "_OFFSET", 0.0)
    plain = vary_bodies(poses, np.random.default_rng(0))
    moved = np.linalg.norm(bones(varied) - bones(plain), axis=-1)[:, 1:]
    assert 0.005 < np.median(moved) < 0.03 and moved.max() < 0.4
    np.testing.assert_allclose(moved[:, [3]], moved[:, [0]], atol=1e-6)  # hips, outwards, forwards and up


def test_bones_are_those_of_people_of_all_statures_alike_on_both_sides() -> None:
    drawn = draw_bones(20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, 17) and (drawn[:, 0] == 0).all() and (drawn[:, 1:] > 0).all()
    np.testing.assert_array_equal(drawn, drawn[:, MIRROR])
    stature = draw_stature(20_000, np.random.default_rng(0))
    assert stature.min() >= 1.0 and stature.max() <= 2.05
    assert 0.09 < (stature < 1.4).mean() < 0.13 and np.median(stature[stature > 1.5]) == pytest.approx(1.69, abs=0.02)
    at = {name: H36M17.index(name) for name in ("left_hip", "left_knee", "left_ankle", "spine", "left_wrist")}
    given = draw_bones(20_000, np.random.default_rng(1), np.full(20_000, 1.8))
    for name, joint in at.items():
        bone = bodies.BONES[name.removeprefix("left_")]
        ratio = given[:, joint] / 1.8
        assert np.median(ratio) == pytest.approx(bone.ratio, rel=0.02)
        assert bone.spread < np.log(ratio).std() * 1.02 and np.log(ratio).std() < bone.spread + 0.05
    # Who has long thighs has long shanks, and not wider hips.
    thigh, shank, hip = (np.log(given[:, at[f"left_{part}"]]) for part in ("knee", "ankle", "hip"))
    assert 0.25 < np.corrcoef(thigh, shank)[0, 1] < 0.55 and abs(np.corrcoef(thigh, hip)[0, 1]) < 0.05


def test_children_have_shorter_limbs_and_larger_heads_for_their_stature() -> None:
    child, youth, adult = (
        np.median(draw_bones(20_000, np.random.default_rng(0), np.full(20_000, stature)) / stature, 0)
        for stature in (1.2, 1.45, 1.8)
    )
    for name in ("left_knee", "left_ankle", "left_shoulder", "neck", "head"):
        joint, factor = H36M17.index(name), bodies.BONES[name.removeprefix("left_")].child
        assert child[joint] / adult[joint] == pytest.approx(factor, rel=1e-6)
        assert youth[joint] / adult[joint] == pytest.approx(factor**0.5, rel=1e-6)  # half a child
    assert bodies.BONES["knee"].child < 1 < bodies.BONES["head"].child
    assert child[SPINE] == pytest.approx(adult[SPINE])


def test_varied_bodies_stand_on_the_same_ground_and_leave_the_original_alone(poses: np.ndarray) -> None:
    before = poses.copy()
    varied = vary_bodies(poses, np.random.default_rng(0))
    np.testing.assert_array_equal(poses, before)
    np.testing.assert_allclose(varied[..., 2].min(1), poses[..., 2].min(1), atol=1e-9)


@pytest.mark.usefixtures("plain")
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
    assert 0.45 < kept.mean() < 0.75
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
    "conditions", [CLEAN, NOISY, OCCLUDED, REAL, TRAINING], ids=["clean", "noisy", "occluded", "real", "training"]
)
def test_pairs_are_finite_and_missing_joints_are_zero(poses: np.ndarray, conditions: Conditions) -> None:
    pairs = make_pairs(np.tile(poses, (4, 1, 1)), np.random.default_rng(0), replace(conditions, bodies="varied"))
    assert np.isfinite(pairs.features).all() and np.isfinite(pairs.poses).all()
    missing = pairs.status == Status.MISSING
    assert (pairs.features[missing][:, :4] == 0).all()
    assert ((~missing).sum(1) >= 3).all()
    if conditions in (OCCLUDED, REAL, TRAINING):
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


def test_noise_moves_features_and_lowers_their_quality_but_not_poses(poses: np.ndarray) -> None:
    clean = make_pairs(poses, np.random.default_rng(0), Conditions())
    noisy = make_pairs(poses, np.random.default_rng(0), Conditions(noise=1))
    assert (clean.features[..., 2] == 1).mean() > 0.995 and 0.5 < noisy.features[..., 2].mean() < 0.97
    difference = np.linalg.norm(noisy.features[..., :2] - clean.features[..., :2], axis=-1)
    assert 0.01 < np.median(difference) < 0.3
    np.testing.assert_allclose(lengths(noisy.poses), lengths(clean.poses), atol=1e-5)


def test_what_is_told_of_2d_is_its_deviation(poses: np.ndarray) -> None:
    many = np.tile(poses, (4, 1, 1))
    exact, noisy, real = (
        observe(many, np.random.default_rng(0), conditions) for conditions in (CLEAN, NOISY, replace(REAL, occlusion=0))
    )
    for seen in (exact, noisy, real):
        assert (np.isnan(seen.deviations) == (seen.status == Status.MISSING)).all()
    assert (exact.deviations == 0).all()
    assert 0.02 < np.nanmedian(noisy.deviations) < 0.06 and 0.02 < np.nanmedian(real.deviations) < 0.06
    # Derived joints are those of layouts that real detectors have.
    assert (real.status[:, SPINE] != Status.MEASURED).all()


def test_real_detectors_guess_a_part_of_what_is_hidden(poses: np.ndarray) -> None:
    many = np.tile(poses, (4, 1, 1))
    hide = Conditions(noise=1, occlusion=1, layouts=("coco17",))
    hidden, guessed = (
        (observe(many, np.random.default_rng(0), conditions).status == Status.MISSING).mean()
        for conditions in (hide, replace(hide, real=1))
    )
    assert guessed == pytest.approx(0.4 * hidden, rel=0.25)


def test_people_in_a_posture_are_the_same_each_time() -> None:
    first, again, other = (posture_observations(kind, 40) for kind in ("lying prone", "lying prone", "kneeling"))
    assert 20 < len(first) <= 40
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert first.joints.shape != other.joints.shape or not np.allclose(first.joints, other.joints)


def test_occlusion_hides_single_joints_and_whole_limbs() -> None:
    hidden = occlude(4000, np.random.default_rng(0))
    assert 0.1 < hidden.mean() < 0.45 and (hidden.mean(0) > 0.05).all()
    wrist, elbow = hidden[:, 13], hidden[:, 12]
    assert wrist[elbow].mean() > wrist[~elbow].mean() + 0.1


def test_pairs_follow_their_seed(poses: np.ndarray) -> None:
    first, again, other = (make_pairs(poses, np.random.default_rng(s), TRAINING) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.poses, again.poses)
    assert first.features.shape != other.features.shape or not np.allclose(first.features, other.features)


def test_a_single_pose_and_fewer_poses_than_layouts_are_no_error(poses: np.ndarray) -> None:
    for count in (1, 2, 3):
        pairs = make_pairs(poses[:count], np.random.default_rng(0), TRAINING)
        assert len(pairs.features) == len(pairs.poses) <= count
