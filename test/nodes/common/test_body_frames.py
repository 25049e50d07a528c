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

"""People as REP-155's frames: where they are, how they are turned, what they are called."""

import numpy as np
import pytest
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer

from diffupose_ros.data.scenes import Scene
from diffupose_ros.nodes.common.body_frames import body_frames
from diffupose_ros.planning.human_links import LINKS, link_rotations
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, pelvis_axes

SCENE = Scene(resource_path("resource/clips/people.npz"), 4)
# The links of REP-155's kinematic model, which are those of human_description's URDF.
REP_155 = {"waist", "torso", "head", *(f"{turn}_head" for turn in "ryp")} | {
    f"{side}_{limb}"
    for side in "lr"
    for limb in ("y_shoulder", "p_shoulder", "shoulder", "elbow", "wrist", "y_hip", "p_hip", "hip", "knee", "ankle")
}


def header() -> Header:
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = 12, 34
    return header


def frames_of(ids: list[str], poses: np.ndarray) -> TFMessage:
    return body_frames(header(), ids, poses, pelvis_axes(poses))


def placed(message: TFMessage) -> dict[str, tuple[np.ndarray, Rotation]]:
    """Each frame's origin and orientation in the camera's frame, made of the tree of transforms."""
    found = {"camera": (np.zeros(3), Rotation.identity())}
    for stamped in message.transforms:
        assert (stamped.header.stamp.sec, stamped.header.stamp.nanosec) == (12, 34)
        origin, turn = found[stamped.header.frame_id]  # parents come before their children
        v, q = stamped.transform.translation, stamped.transform.rotation
        assert stamped.child_frame_id not in found
        found[stamped.child_frame_id] = (
            origin + turn.apply([v.x, v.y, v.z]),
            turn * Rotation.from_quat([q.x, q.y, q.z, q.w]),
        )
    return found


def test_every_link_stands_at_its_joint_turned_as_the_limb() -> None:
    poses = SCENE.poses(50)
    message = frames_of(["a", "b", "c", "d"], poses)
    frames = placed(message)
    assert set(LINKS) == REP_155
    assert set(frames) == {"camera"} | {f"{link}_{name}" for link in {"body"} | REP_155 for name in "abcd"}
    parents = {t.child_frame_id: t.header.frame_id for t in message.transforms}
    for name, pose, axes, turns in zip("abcd", poses, pelvis_axes(poses), link_rotations(poses), strict=True):
        assert parents.pop(f"body_{name}") == "camera"
        np.testing.assert_allclose(frames[f"body_{name}"][1].as_matrix(), axes, atol=1e-9)
        for (link, joint), expected in zip(LINKS.items(), turns, strict=True):
            assert parents.pop(f"{link}_{name}") == f"body_{name}"
            origin, turn = frames[f"{link}_{name}"]
            np.testing.assert_allclose(origin, pose[H36M17.index(joint)], atol=1e-9)
            np.testing.assert_allclose(turn.as_matrix(), expected, atol=1e-9)


def test_the_body_looks_along_x_and_stands_along_z_as_rep_155_wants() -> None:
    pose = np.zeros((17, 3))  # in the optical frame (x right, y down, z forward): upright, 3 m off, facing the camera
    heights = {"spine": 0.25, "thorax": 0.5, "neck": 0.6, "head": 0.7, "knee": -0.45, "ankle": -0.9, "shoulder": 0.5}
    for index, joint in enumerate(H36M17):
        aside = 0.2 if joint.startswith("left") else -0.2 if joint.startswith("right") else 0.0
        pose[index] = (aside, -heights.get(joint.split("_")[-1], 0.0), 3.0)
    pose[H36M17.index("right_wrist")] = (-0.2, -0.3, 2.6)  # reaching for the camera
    message = frames_of(["7"], pose[None])
    turn = placed(message)["body_7"][1].as_matrix()
    np.testing.assert_allclose(turn[:, 0], (0, 0, -1), atol=1e-9)  # out of the body, to the camera
    np.testing.assert_allclose(turn[:, 2], (0, -1, 0), atol=1e-9)  # up
    places = {t.child_frame_id: t.transform.translation for t in message.transforms[1:]}
    assert places["head_7"].z == pytest.approx(0.7)
    assert places["l_hip_7"].y == pytest.approx(0.2)
    assert places["r_hip_7"].y == pytest.approx(-0.2)
    wrist = places["r_wrist_7"]
    assert (wrist.x, wrist.y, wrist.z) == pytest.approx((0.4, -0.2, 0.3))


def test_there_may_be_nobody() -> None:
    assert frames_of([], np.zeros((0, 17, 3))).transforms == []


def test_tf2_takes_every_frame_whatever_the_id() -> None:
    ids = ["", "/x", "a b", "größe", "67dd1", "person_0_2"]
    poses = np.concatenate([SCENE.poses(0), SCENE.poses(100)])[: len(ids)]
    buffer = Buffer()
    for stamped in frames_of(ids, poses).transforms:
        buffer.set_transform(stamped, "test")
    for i, name in enumerate(ids):
        v = buffer.lookup_transform("camera", f"r_wrist_{name}", Time()).transform.translation
        assert (v.x, v.y, v.z) == pytest.approx(poses[i, H36M17.index("right_wrist")].tolist())
