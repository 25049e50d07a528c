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

"""Links of ROS4HRI's human: along our limbs, and as the description's own chain turns them where that can."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.people import STANDING, limbs_anywhere

from diffupose_ros.data.clips import load_clips
from diffupose_ros.planning.human_links import LINKS, link_rotations
from diffupose_ros.planning.joint_angles import ANGLES, joint_angles
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, pelvis_axes, unit

WALK = load_clips(resource_path("resource/clips/people.npz"))["5_walk"][::10]
POSES = np.concatenate([WALK, limbs_anywhere()])
DRAWN = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}  # a limb's link, and its far end


def links(poses: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rotations (P, 3, 3) of each link."""
    return dict(zip(LINKS, np.moveaxis(link_rotations(poses), 1, 0), strict=True))


def bone(poses: np.ndarray, start: str, end: str) -> np.ndarray:
    return unit(poses[:, H36M17.index(end)] - poses[:, H36M17.index(start)])


@pytest.mark.parametrize("poses", [POSES, POSES @ Rotation.from_euler("zyx", [2, 0.3, -0.4]).as_matrix()])
def test_every_link_lies_along_what_it_draws(poses):
    turned = links(poses)
    for side, word in (("l", "left"), ("r", "right")):
        for start, end in DRAWN.items():
            along = bone(poses, f"{word}_{start}", f"{word}_{end}")
            np.testing.assert_allclose(turned[f"{side}_{start}"][..., 2], -along, atol=1e-6)
    np.testing.assert_allclose(turned["torso"][..., 2], bone(poses, "pelvis", "thorax"), atol=1e-9)


def test_links_are_rotations_and_those_that_are_fixed_turn_with_their_parents():
    turned = links(POSES)
    for turns in turned.values():
        np.testing.assert_allclose(
            turns @ np.swapaxes(turns, -1, -2), np.tile(np.eye(3), (len(POSES), 1, 1)), atol=1e-9
        )
        assert (np.linalg.det(turns) > 0).all()
    for fixed, parent in (("torso", "waist"), ("head", "p_head"), ("l_wrist", "l_elbow"), ("r_ankle", "r_knee")):
        np.testing.assert_array_equal(turned[fixed], turned[parent])


def test_who_is_told_by_angles_alone_is_turned_by_them():
    turned, angles = links(POSES), dict(zip(ANGLES, joint_angles(POSES).T, strict=True))
    body = Rotation.from_matrix(pelvis_axes(POSES))
    for side, out in (("l", 1), ("r", -1)):
        arm = np.stack([-out * angles[f"{side}_y_shoulder"], out * angles[f"{side}_p_shoulder"]], 1)
        leg = np.stack([-angles[f"{side}_y_hip"], out * angles[f"{side}_p_hip"]], 1)
        torso = body * Rotation.from_euler("y", angles["waist"][:, None])
        for link, expected in (
            ("shoulder", torso * Rotation.from_euler("ZX", arm)),
            ("hip", body * Rotation.from_euler("ZX", leg)),
        ):
            np.testing.assert_allclose(turned[f"{side}_p_{link}"], expected.as_matrix(), atol=1e-9)


def test_who_bends_sideways_does_not_look_as_if_upright():
    pose = STANDING.copy()
    pose[H36M17.index("thorax")] += (0, 0.2, 0)
    along = bone(pose[None], "pelvis", "thorax")
    assert along[0, 1] > 0.3
    np.testing.assert_allclose(links(pose[None])["torso"][..., 2], along, atol=1e-9)


def test_people_without_extent_have_links_all_the_same():
    turns = link_rotations(np.zeros((1, 17, 3)))
    np.testing.assert_allclose(np.linalg.det(turns), 1)


def test_nobody_has_no_links():
    assert link_rotations(np.zeros((0, 17, 3))).shape == (0, len(LINKS), 3, 3)
