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

"""Postures made by rule: human, on the ground, and what their names say."""

import numpy as np
import pytest

from diffupose_ros.data.postures import POSTURES, draw_postures
from diffupose_ros.skeleton import H36M17, MIRROR, PARENTS, pelvis_axes, unit

J = {name: index for index, name in enumerate(H36M17)}
LYING = [kind for kind in POSTURES if kind.startswith("lying")]
STANDING = ["bending over a bench", "carrying", "reaching overhead"]
WRISTS, KNEES, ANKLES = ([J[f"{side}_{joint}"] for side in ("left", "right")] for joint in ("wrist", "knee", "ankle"))


def drawn(kind: str, batch: int = 200) -> np.ndarray:
    return draw_postures(batch, np.random.default_rng(3), kind)[0]


def hinge(poses: np.ndarray, root: str, middle: str, end: str) -> np.ndarray:
    """Degrees by which a knee or an elbow is bent."""
    upper = unit(poses[:, J[middle]] - poses[:, J[root]])
    lower = unit(poses[:, J[end]] - poses[:, J[middle]])
    return np.degrees(np.arccos((upper * lower).sum(-1).clip(-1, 1)))


def test_kinds_are_drawn_alike_and_the_same_by_seed() -> None:
    poses, kinds = draw_postures(500, np.random.default_rng(0))
    again, kinds_again = draw_postures(500, np.random.default_rng(0))
    other, _ = draw_postures(500, np.random.default_rng(1))
    assert poses.shape == (500, 17, 3)
    assert np.isfinite(poses).all()
    assert (poses == again).all()
    assert (kinds == kinds_again).all()
    assert (poses != other).any()
    assert np.bincount(kinds, minlength=len(POSTURES)).min() > 25


def test_a_kind_by_name() -> None:
    assert (draw_postures(5, np.random.default_rng(0), "crawling")[1] == POSTURES.index("crawling")).all()
    assert draw_postures(0, np.random.default_rng(0))[0].shape == (0, 17, 3)
    with pytest.raises(ValueError, match=r"unknown posture 'flying': expected one of lying supine, .*kneeling"):
        draw_postures(1, np.random.default_rng(0), "flying")


@pytest.mark.parametrize("kind", POSTURES)
def test_every_kind_is_human_and_on_the_ground(kind: str) -> None:
    poses = drawn(kind)
    bones = np.linalg.norm(poses[:, 1:] - poses[:, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(bones, bones[:1].repeat(len(bones), 0), atol=1e-6)
    np.testing.assert_allclose(bones[0], bones[0][MIRROR[1:] - 1], atol=1e-6)
    assert 0.38 < bones[0][J["left_knee"] - 1] < 0.44
    lowest = poses[..., 2].min(1)
    assert (lowest >= 0.03 - 1e-9).all()
    assert (lowest <= 0.1 + 1e-9).all()
    np.testing.assert_allclose(poses[:, 0, :2], 0, atol=1e-9)
    for side in ("left", "right"):
        assert hinge(poses, f"{side}_hip", f"{side}_knee", f"{side}_ankle").max() < 151
        assert hinge(poses, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist").max() < 146
        # Hips: the thigh neither far behind the pelvis' plane, nor into the belly.
        axes = pelvis_axes(poses)
        thigh = np.einsum("bji,bj->bi", axes, unit(poses[:, J[f"{side}_knee"]] - poses[:, J[f"{side}_hip"]]))
        sagittal = np.degrees(np.arctan2(thigh[:, 0], -thigh[:, 2]))[np.abs(thigh[:, 1]) < 0.3]
        assert sagittal.min() > -35
        assert sagittal.max() < 135  # 122 of the hip, the rest of the spine that the pelvis' axes are measured by


@pytest.mark.parametrize("kind", POSTURES)
def test_knees_bend_backwards_only(kind: str) -> None:
    poses = drawn(kind)
    axes = pelvis_axes(poses)
    for side in ("left", "right"):
        hip, knee, ankle = (poses[:, J[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle"))
        thigh, shin = np.einsum("kbj,bji->kbi", np.stack([knee - hip, ankle - knee]), axes)
        bend = np.cross(unit(thigh), unit(shin))  # of a knee: to the left, before the hip turns it
        # The thigh swung to where it is from a middle position turns the pelvis' left axis into the knee's.
        middle = np.array([np.sin(0.9), 0, -np.cos(0.9)])
        between, left = middle + unit(thigh), np.array([0.0, 1, 0])
        axis = left - (unit(thigh) @ left / (1 + unit(thigh) @ middle))[:, None] * between
        bent = np.linalg.norm(bend, axis=-1) > 0.3
        assert ((unit(bend) * axis).sum(-1)[bent] > -0.3).all()


@pytest.mark.parametrize("kind", POSTURES)
def test_elbows_of_hanging_arms_do_not_bend_backwards(kind: str) -> None:
    poses = drawn(kind, 400)
    up = unit(poses[:, J["neck"]] - poses[:, J["thorax"]])
    forward = np.cross(unit(poses[:, J["left_shoulder"]] - poses[:, J["right_shoulder"]]), up)
    for side in ("left", "right"):
        shoulder, elbow, wrist = (poses[:, J[f"{side}_{joint}"]] for joint in ("shoulder", "elbow", "wrist"))
        upper, lower = unit(elbow - shoulder), unit(wrist - elbow)
        bent = lower - (lower * upper).sum(-1, keepdims=True) * upper
        checked = ((upper * up).sum(-1) < -0.85) & (np.linalg.norm(bent, axis=-1) > 0.3)
        assert ((unit(bent) * forward).sum(-1)[checked] > -0.75).all()


@pytest.mark.parametrize("kind", LYING)
def test_lying(kind: str) -> None:
    poses = drawn(kind)
    assert poses[:, J["head"], 2].max() < 0.45
    trunk = unit(poses[:, J["thorax"]] - poses[:, 0])
    assert np.degrees(np.arcsin(np.abs(trunk[:, 2]))).max() < 30
    front = pelvis_axes(poses)[:, 2, 0]
    expected = {"lying supine": front > 0.8, "lying prone": front < -0.8, "lying on the side": np.abs(front) < 0.7}
    assert expected[kind].all()


@pytest.mark.parametrize("kind", ["kneeling", "crawling"])
def test_knees_on_the_floor(kind: str) -> None:
    poses = drawn(kind)
    down = poses[:, KNEES, 2] < 0.14
    assert down.any(1).all()
    if kind == "crawling":
        assert down.all()
        assert poses[:, WRISTS, 2].max() < 0.14
        assert (poses[:, J["thorax"], 2] < 0.8).all()
    else:
        assert 0.2 < down.all(1).mean() < 0.8  # on both knees, or on one
        assert (poses[:, J["head"], 2] > poses[:, 0, 2]).all()


def test_sitting_on_the_floor() -> None:
    poses = drawn("sitting on the floor")
    assert poses[:, 0, 2].max() < 0.25
    assert (poses[:, J["head"], 2] > 0.45).all()
    assert poses[:, ANKLES, 2].max() < 0.4
    legs = np.linalg.norm(poses[:, ANKLES] - poses[:, [J["left_hip"], J["right_hip"]]], axis=-1)
    assert (legs > 0.7).mean() > 0.15  # stretched
    assert (legs < 0.5).mean() > 0.15  # bent or crossed


@pytest.mark.parametrize("kind", STANDING)
def test_standing_on_both_feet(kind: str) -> None:
    poses = drawn(kind)
    assert poses[:, ANKLES, 2].max() < 0.13
    assert poses[:, 0, 2].min() > 0.6


def test_bending_over_a_bench() -> None:
    poses = drawn("bending over a bench")
    trunk = unit(poses[:, J["thorax"]] - poses[:, 0])
    lean = np.degrees(np.arccos(trunk[:, 2]))
    assert lean.min() > 25
    assert lean.max() < 105
    wrists = poses[:, WRISTS, 2]
    assert ((wrists > 0.5) & (wrists < 1.1)).any(1).all()


def test_carrying() -> None:
    poses = drawn("carrying")
    before = np.einsum("bkj,bj->bk", poses[:, WRISTS] - poses[:, [J["thorax"]]], pelvis_axes(poses)[..., 0])
    assert (before.max(1) > 0).all()
    width = np.linalg.norm(poses[:, WRISTS[0]] - poses[:, WRISTS[1]], axis=-1)
    assert ((width > 0.12) & (width < 0.75)).mean() > 0.7


def test_reaching() -> None:
    poses = drawn("reaching overhead")
    assert (poses[:, WRISTS, 2].max(1) > poses[:, J["head"], 2]).all()
    poses = drawn("reaching into a machine")
    arms = np.linalg.norm(poses[:, WRISTS] - poses[:, [J["left_shoulder"], J["right_shoulder"]]], axis=-1)
    assert (arms.max(1) > 0.45).all()
    assert poses[:, WRISTS, 2].std() > 0.2


@pytest.mark.parametrize("kind", POSTURES)
def test_both_sides_and_all_headings_alike(kind: str) -> None:
    poses = drawn(kind, 1000)
    axes = pelvis_axes(poses)
    local = np.einsum("bkj,bji->bki", poses - poses[:, :1], axes)
    mirrored = local[:, MIRROR] * (1, -1, 1)
    spread = local.std(0) + mirrored.std(0) + 1e-3
    assert (np.abs(local.mean(0) - mirrored.mean(0)) < 0.12 * spread).all()
    forward = poses[:, J["head"], :2] + poses[:, J["left_knee"], :2] + poses[:, J["right_knee"], :2]
    assert (np.abs(unit(np.pad(forward, ((0, 0), (0, 1)))).mean(0)) < 0.1).all()
