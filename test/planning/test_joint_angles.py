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

"""Angles of ROS4HRI's human, against its own chain."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.people import STANDING, limbs_anywhere

from diffupose_ros.data.clips import load_clips
from diffupose_ros.planning.joint_angles import ANGLES, joint_angles
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, pelvis_axes, unit

WALK = load_clips(resource_path("resource/clips/people.npz"))["5_walk"][::10]


def about(axis: tuple[float, float, float], angles: np.ndarray) -> Rotation:
    """Return rotations as a revolute joint of the description makes them."""
    return Rotation.from_rotvec(np.array(axis) * angles[:, None])


def shown(angles: np.ndarray) -> dict[str, np.ndarray]:
    """Return the directions of bones by the description's own chain, in the frame of the pelvis."""
    told = dict(zip(ANGLES, angles.T, strict=True))
    torso = about((0, 1, 0), told["waist"])
    directions = {"torso": torso.apply([0, 0, 1])}
    for side, out in (("l", 1), ("r", -1)):
        shoulder = torso * about((0, 0, -out), told[f"{side}_y_shoulder"])
        shoulder = shoulder * about((out, 0, 0), told[f"{side}_p_shoulder"])
        shoulder = shoulder * about((0, 0, out), told[f"{side}_r_shoulder"])
        hip = about((0, 0, -1), told[f"{side}_y_hip"]) * about((out, 0, 0), told[f"{side}_p_hip"])
        hip = hip * about((0, -1, 0), told[f"{side}_r_hip"])
        elbow, knee = (about((0, -1, 0), told[f"{side}_{joint}"]) for joint in ("elbow", "knee"))
        directions |= {f"{side}_upper_arm": shoulder.apply([0, 0, -1]), f"{side}_thigh": hip.apply([0, 0, -1])}
        directions |= {
            f"{side}_forearm": (shoulder * elbow).apply([0, 0, -1]),
            f"{side}_shank": (hip * knee).apply([0, 0, -1]),
        }
    return directions


def true(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Return the directions of the same bones in the frame of the pelvis."""
    bones = {"upper_arm": ("shoulder", "elbow"), "forearm": ("elbow", "wrist")}
    bones |= {"thigh": ("hip", "knee"), "shank": ("knee", "ankle")}
    axes = pelvis_axes(positions)
    return {
        f"{side[0]}_{bone}": np.einsum(
            "pij,pi->pj",
            axes,
            unit(positions[:, H36M17.index(f"{side}_{end}")] - positions[:, H36M17.index(f"{side}_{start}")]),
        )
        for side in ("left", "right")
        for bone, (start, end) in bones.items()
    }


def test_the_descriptions_chain_shows_the_directions_of_all_limbs():
    positions = np.concatenate([WALK, limbs_anywhere()])
    drawn = shown(joint_angles(positions))
    for bone, direction in true(positions).items():
        apart = np.degrees(np.arccos((drawn[bone] * direction).sum(-1).clip(-1, 1)))
        # Nearly straight limbs have no roll of their own: they are shown as turned as the body.
        assert np.quantile(apart, 0.9) < 1e-5 and apart.max() < 18, bone


def test_who_stands_straight_has_no_angles_but_those_of_hanging_arms():
    told = dict(zip(ANGLES, joint_angles(STANDING[None])[0], strict=True))
    assert all(abs(angle) < 0.25 for name, angle in told.items() if "shoulder" not in name), told
    assert 0 <= told["l_p_shoulder"] < 0.3 and 0 <= told["r_p_shoulder"] < 0.3


@pytest.mark.parametrize(
    ("joint", "moved", "angle", "sign"),
    [
        ("left_wrist", (0.2, 0, 0), "l_elbow", 1),
        ("right_wrist", (0.2, 0, 0), "r_elbow", 1),
        ("left_ankle", (-0.3, 0, 0), "l_knee", -1),
        ("right_ankle", (-0.3, 0, 0), "r_knee", -1),
        ("left_elbow", (0, 0.2, 0.1), "l_p_shoulder", 1),
        ("right_elbow", (0, -0.2, 0.1), "r_p_shoulder", 1),
        ("left_knee", (0.3, 0, 0.1), "l_r_hip", 1),
        ("head", (-0.1, 0, 0), "p_head", 1),
        ("head", (0, -0.1, 0), "r_head", 1),
        ("thorax", (0.3, 0, 0), "waist", 1),
    ],
)
def test_signs_are_those_of_the_description(joint, moved, angle, sign):
    pose = STANDING.copy()
    pose[H36M17.index(joint)] += moved
    before, after = (joint_angles(of[None])[0, ANGLES.index(angle)] for of in (STANDING, pose))
    assert sign * (after - before) > 0.2


@pytest.mark.parametrize(("side", "out"), [("left", 1), ("right", -1)])
def test_a_leg_that_is_spread_is_a_hip_that_pitches(side, out):
    hip, knee, ankle = (H36M17.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
    pose = STANDING.copy()
    spread = Rotation.from_euler("x", out * 0.5)
    for joint in (knee, ankle):
        pose[joint] = pose[hip] + spread.apply(pose[joint] - pose[hip])
    before, after = (joint_angles(of[None])[0, ANGLES.index(f"{side[0]}_p_hip")] for of in (STANDING, pose))
    assert after - before == pytest.approx(0.5, abs=0.01)


def test_angles_do_not_depend_on_where_somebody_is_and_faces():
    turned = Rotation.from_euler("zyx", [2, 0.3, -0.4]).apply(WALK.reshape(-1, 3)).reshape(WALK.shape) + (3, 4, 5)
    np.testing.assert_allclose(joint_angles(turned), joint_angles(WALK), atol=1e-6)


def test_nobody_has_no_angles():
    assert joint_angles(np.zeros((0, 17, 3))).shape == (0, len(ANGLES))


@pytest.mark.parametrize("aside", [0.0, 1e-9])
def test_limbs_without_a_direction_of_their_own_break_nothing(aside):
    level = STANDING.copy()
    for joint, reach in (("left_knee", 0.4), ("left_ankle", 0.8)):
        level[H36M17.index(joint)] = level[H36M17.index("left_hip")] + (0, reach, aside)
    assert np.isfinite(joint_angles(np.stack([level, np.zeros((17, 3)), np.ones((17, 3))]))).all()
