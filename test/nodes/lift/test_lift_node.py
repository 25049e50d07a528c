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

"""The lift node in its own process, over real topics: what it answers, and what bad input does to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import Joint3D, Keypoint2D, Skeleton2DArray, Skeleton3D, Skeleton3DArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from support.nodes import PATIENCE, SCENE, TRUTH, Planner, connected, mpjpe, node_process, positions
from visualization_msgs.msg import Marker

from diffupose_ros.nodes.common.conversions import camera_to_info


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    """Return a planner that a lift node with two input topics answers."""
    options = ("-p", "input_topics:=[skeletons_2d, other_skeletons]", "-p", "device:=cpu")
    outputs = ("skeletons_3d", "hypotheses", "markers")
    with node_process("lift_node", *options), connected(lambda: Planner(outputs)) as planner:
        planner.spin_until(lambda: planner.node.count_subscribers("other_skeletons"))
        planner.spin_until(lambda: planner.node.count_subscribers("camera_info"))
        yield planner


@pytest.fixture
def seeing(planner: Planner) -> Planner:
    """Return the planner once the node knows the camera."""
    planner.see()
    return planner


def problem_then_good(planner: Planner, kind: str, message: Any) -> None:
    """Send a bad message until its problem is counted, then a good one, which must be answered."""
    before = planner.count(kind)
    planner.spin_until(lambda: planner.count(kind) > before or planner.publish(message))
    assert len(planner.answer(planner.good()).skeletons) == 1


def test_without_camera_info_nothing_is_lifted_and_diagnostics_say_why(planner: Planner) -> None:
    planner.spin_until(lambda: planner.count("no camera") or planner.publish(planner.good()))
    assert "no camera_info" in planner.status().message
    assert not planner.skeletons
    planner.publish_camera()
    assert len(planner.answer(planner.good()).skeletons) == 1


def test_people_come_back_in_the_camera_frame_with_their_ids_stamp_and_frame(seeing: Planner) -> None:
    message = seeing.good(people=3)
    answer = seeing.answer(message)
    assert answer.header == message.header
    assert [s.id for s in answer.skeletons] == ["person_0", "person_1", "person_2"]
    for skeleton, truth in zip(answer.skeletons, TRUTH, strict=True):
        assert mpjpe(skeleton, truth) < 0.12
        assert np.linalg.norm(positions(skeleton)[0] - truth[0]) < 0.25 * np.linalg.norm(truth[0])
        assert 0 < skeleton.reprojection_error < 15
        root = skeleton.root.pose
        assert (root.position.x, root.position.y, root.position.z) == pytest.approx(positions(skeleton)[0])
        assert np.linalg.eigvalsh(np.reshape(skeleton.root.covariance, (6, 6))).min() > 0
        for joint in skeleton.joints:
            assert np.linalg.eigvalsh(np.reshape(joint.covariance, (3, 3))).min() > 0


def test_a_hidden_wrist_is_inferred_and_has_a_larger_covariance(seeing: Planner) -> None:
    seen = seeing.answer(seeing.good(people=3))
    message = seeing.good(people=3)
    for skeleton in message.skeletons:
        skeleton.keypoints[10] = Keypoint2D()  # COCO's right wrist
    hidden = seeing.answer(message)
    wrist = 16
    ratio = [
        np.trace(np.reshape(h.joints[wrist].covariance, (3, 3)))
        / np.trace(np.reshape(s.joints[wrist].covariance, (3, 3)))
        for h, s in zip(hidden.skeletons, seen.skeletons, strict=True)
    ]
    assert min(ratio) > 1 and np.median(ratio) > 2
    assert all(s.joints[wrist].status == Joint3D.INFERRED for s in hidden.skeletons)
    assert all(s.joints[wrist].status == Joint3D.MEASURED for s in seen.skeletons)
    assert seen.skeletons[0].joints[0].status == Joint3D.DERIVED  # COCO has no pelvis


@pytest.mark.parametrize("layout", ["h36m17", "openpose18", "body25", "mediapipe33"])
def test_every_layout_is_answered(seeing: Planner, layout: str) -> None:
    answer = seeing.answer(seeing.good(layout=layout))
    assert mpjpe(answer.skeletons[0], TRUTH[0]) < 0.12


def test_two_topics_are_answered_each_with_its_own_header(seeing: Planner) -> None:
    first, second = seeing.good(people=2), seeing.good(people=1)
    assert len(seeing.answer(first).skeletons) == 2
    assert len(seeing.answer(second, "other_skeletons").skeletons) == 1


def test_hypotheses_scatter_about_the_mean(seeing: Planner) -> None:
    message = seeing.good()
    answer = seeing.answer(message)
    hypotheses = seeing.received["hypotheses"]
    seeing.spin_until(lambda: [m for m in hypotheses if m.header == message.header])
    person = next(m for m in hypotheses if m.header == message.header).people[0]
    poses = np.reshape(person.positions, (person.count, 17, 3))
    assert person.count == 10
    assert np.abs(poses.mean(0) - positions(answer.skeletons[0])).max() < 0.1
    assert poses.std(0)[1:].min() > 1e-4


def test_markers_keep_their_ids_and_people_who_leave_are_deleted(seeing: Planner) -> None:
    def markers(message: Any) -> list[Any]:
        seeing.answer(message)
        received = seeing.received["markers"]
        seeing.spin_until(lambda: any(m.markers and m.markers[-1].header == message.header for m in received))
        return next(m.markers for m in received if m.markers and m.markers[-1].header == message.header)

    def added(markers: list[Any]) -> set[tuple[str, int]]:
        return {(m.ns, m.id) for m in markers if m.action == Marker.ADD}

    both = markers(seeing.good(people=2))
    again = markers(seeing.good(people=2))
    assert added(both) == added(again)
    assert len(added(both)) == len([m for m in both if m.action == Marker.ADD])
    one = markers(seeing.good(people=1))
    gone = {(m.ns, m.id) for m in one if m.action == Marker.DELETE}
    assert gone == added(both) - added(one)
    assert not any(m.action == Marker.DELETEALL for m in one)
    assert {m.ns.split("/")[1] for m in both} == {"bones", "joints", "covariance", "hypotheses"}


# Bad input: said, counted, and the next good message answered.


def test_no_people_is_answered_with_no_people(seeing: Planner) -> None:
    assert seeing.answer(seeing.good(people=0)).skeletons == []
    assert len(seeing.answer(seeing.good()).skeletons) == 1


def test_a_person_without_valid_joints_costs_no_other(seeing: Planner) -> None:
    message = seeing.good(people=2)
    for keypoint in message.skeletons[0].keypoints:
        keypoint.score = 0.0
    assert [s.id for s in seeing.answer(message).skeletons] == ["person_1"]
    problem_then_good(seeing, "too few joints", message)


def test_a_person_like_no_other_is_answered_and_told(seeing: Planner) -> None:
    message = seeing.good(people=2)
    arm, leg = (5, 7, 9), (11, 13, 15)  # COCO's, left: exchanged
    joints = message.skeletons[1].keypoints
    for one, other in zip(arm, leg, strict=True):
        joints[one], joints[other] = joints[other], joints[one]
    usual, novel = seeing.answer(message).skeletons
    assert 0 < usual.novelty < Skeleton3D.NOVEL < novel.novelty
    problem_then_good(seeing, "novel people", message)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -5000.0, 99999.0])
def test_wild_keypoints_count_as_missing(seeing: Planner, bad: float) -> None:
    message = seeing.good(people=2)
    for x_y in ("x", "y"):
        setattr(message.skeletons[0].keypoints[9], x_y, bad)
    answer = seeing.answer(message)
    assert answer.skeletons[0].joints[13].status == Joint3D.INFERRED
    assert mpjpe(answer.skeletons[1], TRUTH[1]) < 0.12
    assert np.isfinite(positions(answer.skeletons[0])).all()


def test_a_wrong_number_of_keypoints_costs_no_other(seeing: Planner) -> None:
    message = seeing.good(people=2)
    message.skeletons[0].keypoints = message.skeletons[0].keypoints[:12]
    assert [s.id for s in seeing.answer(message).skeletons] == ["person_1"]
    problem_then_good(seeing, "bad skeleton", message)


def test_an_unknown_layout_costs_no_other(seeing: Planner) -> None:
    message = seeing.good(people=2)
    message.skeletons[1].layout = "octopus8"
    assert [s.id for s in seeing.answer(message).skeletons] == ["person_0"]
    problem_then_good(seeing, "bad skeleton", message)


def test_duplicate_ids_are_both_published_under_different_names(seeing: Planner) -> None:
    message = seeing.good(people=2)
    message.skeletons[1].id = "person_0"
    assert [s.id for s in seeing.answer(message).skeletons] == ["person_0", "person_0_2"]
    problem_then_good(seeing, "duplicate id", message)


@pytest.mark.parametrize(("score", "status"), [(-1.0, Joint3D.INFERRED), (7.0, Joint3D.MEASURED), (np.nan, 2)])
def test_scores_outside_0_to_1(seeing: Planner, score: float, status: int) -> None:
    message = seeing.good()
    message.skeletons[0].keypoints[9].score = score
    joint = seeing.answer(message).skeletons[0].joints[13]
    assert joint.status == status
    assert 0 <= joint.confidence <= 1
    problem_then_good(seeing, "bad score", message)


def test_an_uncalibrated_camera_is_refused_until_a_calibrated_one_comes(seeing: Planner) -> None:
    message = seeing.good()
    bad = CameraInfo(width=1280, height=720)
    seeing.spin_until(lambda: "not calibrated" in seeing.values().get("camera", "") or seeing.publish_camera(bad))
    before = seeing.count("no camera")
    seeing.spin_until(lambda: seeing.count("no camera") > before or seeing.publish(message))
    assert not [m for m in seeing.skeletons if m.header == message.header]
    seeing.see()
    assert len(seeing.answer(seeing.good()).skeletons) == 1


def test_camera_info_of_another_image_size_is_refused(seeing: Planner) -> None:
    message = seeing.good()
    message.image_width, message.image_height = 640, 360
    problem_then_good(seeing, "image size", message)
    assert all(not m.skeletons for m in seeing.skeletons if m.header == message.header)


def test_stamps_zero_repeated_and_going_backwards_are_answered(seeing: Planner) -> None:
    zero = seeing.good()
    zero.header.stamp.sec = 0
    assert len(seeing.answer(zero).skeletons) == 1
    problem_then_good(seeing, "zero stamp", zero)
    later, earlier = seeing.good(), seeing.good()
    earlier.header.stamp.sec = 7
    assert len(seeing.answer(later).skeletons) == 1
    assert len(seeing.answer(earlier).skeletons) == 1
    count = len([m for m in seeing.skeletons if m.header == later.header])
    seeing.publish(later)
    seeing.spin_until(lambda: len([m for m in seeing.skeletons if m.header == later.header]) > count)


def test_200_people_in_one_message_are_all_answered(seeing: Planner) -> None:
    one = seeing.good().skeletons[0]
    crowd = seeing.good(people=0)
    for i in range(200):
        crowd.skeletons.append(type(one)(id=str(i), layout=one.layout, keypoints=one.keypoints))
    seeing.publish(crowd)
    seeing.spin_until(lambda: [m for m in seeing.skeletons if len(m.skeletons) == 200], 2 * PATIENCE)
    assert len(seeing.answer(seeing.good()).skeletons) == 1


def test_joints_scored_below_min_score_are_inferred(seeing: Planner) -> None:
    message = seeing.good()
    message.skeletons[0].keypoints[9].score = 0.05
    assert seeing.answer(message).skeletons[0].joints[13].status == Joint3D.INFERRED


def test_people_without_an_id_are_numbered(seeing: Planner) -> None:
    message = seeing.good(people=2)
    for skeleton in message.skeletons:
        skeleton.id = ""
    assert [s.id for s in seeing.answer(message).skeletons] == ["p0", "p1"]
    problem_then_good(seeing, "no id", message)


def test_skeletons_of_another_frame_than_the_camera_are_lifted_and_said(seeing: Planner) -> None:
    message = seeing.good()
    message.header.frame_id = "another_camera"
    assert seeing.answer(message).header.frame_id == "another_camera"
    problem_then_good(seeing, "frame", message)


@pytest.mark.parametrize("field", ["binning_x", "roi"])
def test_a_camera_info_that_is_not_of_the_whole_image_is_refused(seeing: Planner, field: str) -> None:
    info = camera_to_info(SCENE.camera, Header(frame_id="camera"))
    if field == "roi":
        info.roi.width, info.roi.height, info.roi.x_offset = 640, 360, 10
    else:
        info.binning_x = 2
    seeing.spin_until(lambda: "binning" in seeing.values().get("camera", "") or seeing.publish_camera(info))
    seeing.see()
    assert len(seeing.answer(seeing.good()).skeletons) == 1


def test_under_overload_the_newest_wins_and_drops_are_counted(seeing: Planner) -> None:
    before = int(seeing.values().get("dropped (newest wins)", 0))
    crowd = seeing.good(people=0)
    one = seeing.good().skeletons[0]
    crowd.skeletons = [type(one)(id=str(i), layout=one.layout, keypoints=one.keypoints) for i in range(40)]
    messages = [crowd, *(seeing.good() for _ in range(20))]
    for message in messages:
        seeing.publish(message)
        rclpy.spin_once(seeing.node, timeout_sec=0.01)
    seeing.spin_until(lambda: [m for m in seeing.skeletons if m.header == messages[-1].header])
    seeing.spin_until(lambda: int(seeing.values()["dropped (newest wins)"]) > before)


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
@pytest.mark.parametrize("durability", [DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE])
def test_every_publisher_is_heard(
    seeing: Planner, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> None:
    qos = QoSProfile(depth=1, reliability=reliability, durability=durability)
    publisher = seeing.node.create_publisher(Skeleton2DArray, "skeletons_2d", qos)
    message = seeing.good()
    seeing.spin_until(lambda: [m for m in seeing.skeletons if m.header == message.header] or publisher.publish(message))
    seeing.node.destroy_publisher(publisher)


def test_a_subscription_that_gets_nothing_is_counted_and_says_why(seeing: Planner) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    before = seeing.count("incompatible QoS")
    subscription = seeing.node.create_subscription(Skeleton3DArray, "skeletons_3d", lambda _: None, latched)
    seeing.spin_until(lambda: seeing.count("incompatible QoS") > before)
    seeing.node.destroy_subscription(subscription)
    assert seeing.answer(seeing.good()).skeletons


def test_silence_names_the_topics_that_nobody_publishes(planner: Planner) -> None:
    with node_process("lift_node", "-r", "skeletons_2d:=/robot/people", "-r", "__node:=lonely"):
        planner.publish_camera()

        def said() -> bool:
            status = [m.status[0] for m in planner.diagnostics if m.status[0].name == "lonely"]
            return bool(status) and "nobody publishes /robot/people" in status[-1].message

        planner.spin_until(lambda: said() or planner.publish_camera())
