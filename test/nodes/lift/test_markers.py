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


"""Markers and messages of lifted people: made for all at once, with the values of each."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.lifting.uncertainty import NORMAL, ellipsoids
from diffupose_ros.nodes.common.conversions import hypotheses_message, novel_people, skeletons_3d_message
from diffupose_ros.nodes.lift.markers import MarkerBuilder
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import BONES

SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
HEADER = Header(frame_id="camera")
IDS = ["a", "nobody", "c"]
VALID = {"a": 0, "c": 2}
PROBABILITY = 0.8


@pytest.fixture(scope="module")
def lifted() -> Iterator[Lifted]:
    """Three people of whom the second has too few joints; the first one's wrist is hidden."""
    lifter = Lifter.load("default", "cpu")
    pixels, scores = SimulatedDetector("coco17", noise=2).observe(SCENE.poses(0), SCENE.camera, 0.0)
    scores[1], scores[0, 10] = 0, 0
    yield lifter.lift(pixels, scores, SCENE.camera, hypotheses=4, steps=2, seed=0, detector="simulated")
    lifter.close()


def xyz(message: Any) -> list[float]:
    return [message.x, message.y, message.z]


def named(markers: list[Marker], kind: str) -> list[Marker]:
    return [m for m in markers if m.ns == f"topic/{kind}"]


def test_markers_have_the_values_of_their_person(lifted: Lifted) -> None:
    markers = MarkerBuilder("topic").build(HEADER, IDS, lifted, range(3), PROBABILITY, 2, 1.5).markers
    assert len(markers) == 2 * (17 + 3)
    assert all(m.header == HEADER and m.action == Marker.ADD for m in markers)
    assert {(m.lifetime.sec, m.lifetime.nanosec) for m in markers} == {(1, 500_000_000)}
    for number, row in enumerate(VALID.values()):
        bones, joints, thin = (named(markers, kind)[number] for kind in ("bones", "joints", "hypotheses"))
        ends = np.array(BONES).ravel()
        np.testing.assert_allclose([xyz(p) for p in bones.points], lifted.mean[row, ends])
        np.testing.assert_allclose([xyz(p) for p in joints.points], lifted.mean[row])
        np.testing.assert_allclose([xyz(p) for p in thin.points], lifted.hypotheses[row, :2][:, ends].reshape(-1, 3))
        covariance, freedom = lifted.covariance[row].copy(), lifted.freedom[row].copy()
        covariance[0], freedom[0] = lifted.root_covariance[row], NORMAL
        radii, axes = ellipsoids(covariance, PROBABILITY, freedom)
        for joint, marker in enumerate(named(markers, "covariance")[17 * number : 17 * (number + 1)]):
            assert xyz(marker.pose.position) == pytest.approx(lifted.mean[row, joint])
            assert xyz(marker.scale) == pytest.approx(np.maximum(2 * radii[joint], 1e-3))
            turn = marker.pose.orientation
            drawn = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
            np.testing.assert_allclose(drawn, axes[joint], atol=1e-9)
    wrist, knee = named(markers, "covariance")[16], named(markers, "covariance")[2]
    assert wrist.color != knee.color
    assert named(markers, "covariance")[17 + 16].color == named(markers, "covariance")[17 + 2].color


def test_ellipsoids_of_novel_people_are_grey_but_for_unseen_joints(lifted: Lifted) -> None:
    novel = replace(lifted, novelty=np.array([2.5, 2.5, 1.0]))
    assert novel_people(IDS, replace(novel, novelty=np.array([2.5, np.nan, 1.0])), range(3)) == ["a"]
    before, after = (
        named(MarkerBuilder("topic").build(HEADER, IDS, of, range(3), PROBABILITY, 2, 0.0).markers, "covariance")
        for of in (lifted, novel)
    )
    grey = after[2].color
    assert grey.r == grey.g == grey.b and grey.a == before[2].color.a
    assert after[16].color == before[16].color  # the hidden wrist
    assert [m.color for m in after[17:]] == [m.color for m in before[17:]]


def test_a_person_drawn_again_is_drawn_as_at_first(lifted: Lifted) -> None:
    def build(builder: MarkerBuilder, rows: range) -> list[Marker]:
        return builder.build(HEADER, IDS[: len(rows)], lifted, rows, PROBABILITY, 2, 0.0).markers

    builder = MarkerBuilder("topic")
    first = copy.deepcopy(build(builder, range(3)))
    build(builder, range(2, 3))  # the values of another
    assert copy.deepcopy(build(builder, range(1))) == [m for m in first if m in first[:20]]
    taken_back = builder.clear().markers
    assert {m.action for m in taken_back} == {Marker.DELETE}
    assert not builder.clear().markers


def test_without_hypotheses_none_are_drawn(lifted: Lifted) -> None:
    markers = MarkerBuilder("topic").build(HEADER, IDS, lifted, range(3), PROBABILITY, 0, 0.0).markers
    assert not named(markers, "hypotheses")
    assert len(named(markers, "bones")) == 2


def test_messages_have_the_values_of_their_person(lifted: Lifted) -> None:
    message = skeletons_3d_message(HEADER, IDS, lifted, range(3))
    samples = hypotheses_message(HEADER, IDS, lifted, range(3))
    assert [s.id for s in message.skeletons] == [h.id for h in samples.people] == list(VALID)
    for skeleton, sample, row in zip(message.skeletons, samples.people, VALID.values(), strict=True):
        np.testing.assert_allclose([xyz(j.position) for j in skeleton.joints], lifted.mean[row])
        np.testing.assert_allclose([np.reshape(j.covariance, (3, 3)) for j in skeleton.joints], lifted.covariance[row])
        np.testing.assert_allclose([j.confidence for j in skeleton.joints], lifted.scores[row])
        assert [j.status for j in skeleton.joints] == lifted.status[row].tolist()
        root = np.reshape(skeleton.root.covariance, (6, 6))
        np.testing.assert_allclose(root[:3, :3], lifted.root_covariance[row])
        np.testing.assert_allclose(root[3:, 3:], lifted.orientation_covariance[row])
        assert not root[:3, 3:].any() and not root[3:, :3].any()
        assert xyz(skeleton.root.pose.position) == pytest.approx(lifted.root[row])
        turn = skeleton.root.pose.orientation
        body = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
        np.testing.assert_allclose(body, lifted.orientation[row], atol=1e-9)
        assert skeleton.novelty == pytest.approx(lifted.novelty[row]) and skeleton.novelty < skeleton.NOVEL
        assert skeleton.reprojection_error == pytest.approx(lifted.reprojection_error[row])
        np.testing.assert_allclose(np.reshape(sample.positions, (4, 17, 3)), lifted.hypotheses[row], rtol=1e-6)


def test_nobody_valid_gives_empty_messages(lifted: Lifted) -> None:
    alone = (HEADER, ["nobody"], lifted, range(1, 2))
    assert skeletons_3d_message(*alone).skeletons == []
    assert len(hypotheses_message(*alone).people) == 0
    assert MarkerBuilder("topic").build(*alone, PROBABILITY, 2, 0.0).markers == []
