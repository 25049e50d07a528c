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

"""What the people node reads, skeletons and depth images, and writes, messages and markers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from support.walkers import SCENE, seen
from visualization_msgs.msg import Marker

from diffupose_ros.camera import Camera
from diffupose_ros.estimation import Estimator, People
from diffupose_ros.estimation.orientation import orientation_of
from diffupose_ros.nodes.common.conversions import camera_to_info
from diffupose_ros.nodes.common.people_messages import people_message
from diffupose_ros.nodes.people.depth import DepthImages, read_depth
from diffupose_ros.nodes.people.intake import read_people
from diffupose_ros.nodes.people.markers import MarkerBuilder
from diffupose_ros.skeleton import Status

HEADER = Header(frame_id="camera")
HEADER.stamp.sec = 7


def two_people(frames: int = 20) -> People:
    """Return two people who walk."""
    estimator = Estimator()
    for i in range(frames):
        frame = read_people(seen(HEADER, i, people=2))
        people = estimator.update(i / 30, frame.ids, frame.lifted)
    return people


def test_a_message_is_turned_back_into_what_was_lifted() -> None:
    message = seen(HEADER, 3, people=2)
    message.skeletons[1].joints[5].status = Status.MISSING.value
    frame = read_people(message)
    lifted = frame.lifted
    assert frame.ids == ["person_0", "person_1"] and not frame.problems
    np.testing.assert_allclose(lifted.mean, SCENE.poses(3)[:2])
    np.testing.assert_allclose(lifted.root, lifted.mean[:, 0])
    np.testing.assert_allclose(lifted.covariance[1, 16], 0.03**2 * np.eye(3))
    np.testing.assert_allclose(lifted.root_covariance[0], np.diag([0.03, 0.03, 0.2]) ** 2)
    np.testing.assert_allclose(lifted.orientation_covariance[0], 0.01 * np.eye(3))
    assert lifted.orientation.shape == (2, 3, 3) and lifted.hypotheses.shape == (2, 1, 17, 3)
    assert lifted.status[1, 5] == Status.MISSING and lifted.scores[0] == pytest.approx(0.9)
    assert lifted.novelty.tolist() == [1, 1] and lifted.reprojection_error.tolist() == [2, 2]
    assert lifted.valid.all()
    assert len(read_people(seen(HEADER, 3, people=0)).lifted.mean) == 0


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: setattr(s.joints[2].position, "x", float("nan")), "positions that are no numbers"),
        (lambda s: setattr(s.root.pose.position, "z", float("inf")), "positions that are no numbers"),
        (lambda s: setattr(s.joints[2], "covariance", np.zeros(9)), "joints that are not positive definite"),
        (lambda s: setattr(s.joints[2], "covariance", np.diag([1.0, 1, -1]).ravel()), "not positive definite"),
        (lambda s: setattr(s.joints[2], "covariance", np.full(9, np.nan)), "joints that are no numbers"),
        (lambda s: setattr(s.joints[2], "covariance", np.array([1.0, 0.5, 0, 0, 1, 0, 0, 0, 1])), "not positive"),
        (lambda s: setattr(s.root, "covariance", np.zeros(36)), "root that are not positive definite"),
        (lambda s: setattr(s.root.pose.orientation, "w", float("nan")), "no rotation"),
        (lambda s: setattr(s, "id", "person_0"), "a second one of that id"),
    ],
)
def test_one_bad_person_costs_no_other(spoil: Any, reason: str) -> None:
    message = seen(HEADER, 0, people=3)
    spoil(message.skeletons[1])
    frame = read_people(message)
    assert frame.ids == ["person_0", "person_2"]
    ((kind, detail),) = frame.problems
    assert kind == "bad person" and reason in detail


def depth_message(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    height, width = pixels.shape
    data = np.pad(np.ascontiguousarray(pixels).view(np.uint8), ((0, 0), (0, padding)))
    message = Image(header=HEADER, height=height, width=width, encoding=encoding, step=data.shape[1])
    message.is_bigendian = int(pixels.dtype.byteorder == ">")
    message.data.frombytes(data.tobytes())
    return message


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("16UC1", "<u2"), ("16UC1", ">u2"), ("mono16", "<u2"), ("32FC1", "<f4"), ("32FC1", ">f4")],
)
def test_depth_images_are_read_with_padding_and_of_either_byte_order(encoding: str, kind: str) -> None:
    pixels = np.arange(12).reshape(3, 4).astype(kind)
    found = read_depth(depth_message(pixels, encoding, padding=6))
    np.testing.assert_array_equal(found, pixels)
    assert found.dtype in (np.uint16, np.float32)


def test_depth_images_that_cannot_be_used_are_refused() -> None:
    message = depth_message(np.zeros((3, 4), "<u2"), "16UC1")
    for name, value, reason in (
        ("encoding", "rgb8", "one of 16UC1, mono16, 32FC1"),
        ("width", 9, "at least 18"),
        ("height", 4, "got 24"),
    ):
        broken = copy.deepcopy(message)
        setattr(broken, name, value)
        with pytest.raises(ValueError, match=reason):
            read_depth(broken)


def test_the_nearest_depth_image_counts_if_it_is_near_and_of_the_same_camera() -> None:
    images = DepthImages()
    assert images.at(HEADER, False) is None
    for nanosec, value in ((0, 1000), (60_000_000, 2000)):
        message = depth_message(np.full((3, 4), value, "<u2"), "16UC1")
        message.header = Header(frame_id="camera")
        message.header.stamp.sec, message.header.stamp.nanosec = 7, nanosec
        images.add(message)
    with pytest.raises(ValueError, match="camera_info"):
        images.at(HEADER, False)
    images.set_info(camera_to_info(Camera.from_fov(1.0, 4, 3), HEADER))
    later = Header(frame_id="camera")
    later.stamp.sec, later.stamp.nanosec = 7, 40_000_000
    assert [images.at(header, False).image[0, 0] for header in (HEADER, later)] == [1000, 2000]
    later.stamp.nanosec = 200_000_000
    assert images.at(later, False) is None
    with pytest.raises(ValueError, match="'depth_camera'"):
        images.at(Header(frame_id="depth_camera", stamp=HEADER.stamp), False)
    images.set_info(CameraInfo(width=4, height=3))
    with pytest.raises(ValueError, match="K"):
        images.at(HEADER, False)


def test_messages_have_the_values_of_their_person() -> None:
    people = two_people()
    turned, message = orientation_of(people), people_message(HEADER, people)
    assert message.header == HEADER and [p.id for p in message.people] == list(people.ids)
    for row, person in enumerate(message.people):
        for joint, found in enumerate(person.joints):
            p, v = found.position, found.velocity
            assert (p.x, p.y, p.z) == pytest.approx(people.positions[row, joint])
            assert (v.x, v.y, v.z) == pytest.approx(people.velocities[row, joint])
            np.testing.assert_allclose(found.position_covariance, people.covariance[row, joint].ravel())
            np.testing.assert_allclose(found.velocity_covariance, people.velocity_covariance[row, joint].ravel())
        assert person.root.pose.position == person.joints[0].position
        q = person.root.pose.orientation
        np.testing.assert_allclose(Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix(), turned.axes[row], atol=1e-9)
        place, twist = (np.reshape(m.covariance, (6, 6)) for m in (person.root, person.root_velocity))
        np.testing.assert_allclose(place[:3, :3], people.root_covariance[row])
        np.testing.assert_allclose(place[3:, 3:], turned.covariance[row])
        np.testing.assert_allclose(twist[:3, :3], people.root_velocity_covariance[row])
        np.testing.assert_allclose(twist[3:, 3:], turned.angular_velocity_covariance[row])
        assert person.root_velocity.twist.linear == person.joints[0].velocity
        angular = person.root_velocity.twist.angular
        assert (angular.x, angular.y, angular.z) == pytest.approx(turned.angular_velocity[row])
        assert (person.stature, person.stature_deviation) == pytest.approx(people.stature[row])
        assert person.age == pytest.approx(people.age[row]) and not person.coasting
        assert (people.freedom[row] == person.FREEDOM).all()
    assert people_message(HEADER, Estimator().people(0.0)).people == []


def test_markers_of_people_who_coast_are_pale_and_of_novel_ones_grey() -> None:
    people = two_people()
    people.flags.coasting[0], people.flags.novel[1] = True, True
    builder = MarkerBuilder()
    markers = builder.build(HEADER, people, people.predict(0.5), 0.9, 0.5).markers
    assert len({(m.ns, m.id) for m in markers}) == len(markers) == 2 * (2 + 6 + 5)
    pale, solid = (m for m in markers if m.ns == "people/bones")
    assert pale.color.a < solid.color.a == 1 and len(pale.points) == 32
    ellipsoids = [m for m in markers if m.ns == "people/covariance"]
    grey = ellipsoids[-1].color
    assert grey.r == grey.g == grey.b and ellipsoids[0].color != grey
    wrist = next(m for m in ellipsoids if m.id == 2)
    assert wrist.pose.position.x == pytest.approx(people.positions[0, 13, 0])
    arrow = next(m for m in markers if m.ns == "people/velocity" and m.action == Marker.ADD)
    assert len(arrow.points) == 2

    alone = Estimator().people(0.0)
    gone = builder.build(HEADER, alone, None, 0.9, 0.5).markers
    assert {m.action for m in gone} == {Marker.DELETE} and len(gone) == len(markers)
    assert not builder.clear().markers


def test_without_a_prediction_its_bones_are_taken_back() -> None:
    markers = MarkerBuilder().build(HEADER, two_people(), None, 0.9, 0.5).markers
    assert {m.action for m in markers if m.ns == "people/predicted"} == {Marker.DELETE}
