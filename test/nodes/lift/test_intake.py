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


"""What a message of people becomes: all of them at once, as if they had come one by one."""

from __future__ import annotations

import numpy as np
import pytest
from diffupose_ros.msg import Skeleton2DArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message
from diffupose_ros.nodes.lift.intake import NO_VIEW, read_camera, read_people
from diffupose_ros.profiles import Profile, load_profile
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import Status, apparent_size, to_h36m

SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
VIEW = read_camera(camera_to_info(SCENE.camera, Header(frame_id="camera")), False, NO_VIEW)
LAYOUTS = ("coco17", "body25", "coco17", "h36m17", "mediapipe33", "body25")
MIN_SCORE = 0.3


def mixed() -> tuple[Skeleton2DArray, list[tuple[np.ndarray, np.ndarray, str]]]:
    """Return a message of people of several layouts, and the numbers in it, person by person."""
    message, numbers = Skeleton2DArray(header=Header(frame_id="camera")), []
    message.header.stamp.sec = 1
    for i, layout in enumerate(LAYOUTS):
        pixels, scores = SimulatedDetector(layout, noise=3).observe(SCENE.poses(i)[:1], SCENE.camera, 0.0)
        scores[0, ::4] = 0.2
        pixels = pixels.astype(np.float32).astype(float)
        scores = scores.astype(np.float32).astype(float)
        message.skeletons += skeletons_2d_message(
            message.header, SCENE.camera, [f"p{i}"], layout, pixels, scores
        ).skeletons
        numbers.append((pixels, scores, layout))
    return message, numbers


def test_people_of_several_layouts_keep_their_order() -> None:
    message, numbers = mixed()
    people = read_people(message, VIEW, MIN_SCORE)
    assert people.ids == [f"p{i}" for i in range(len(LAYOUTS))]
    assert not people.problems
    for row, person in enumerate(numbers):
        alone = load_profile("generic").skeletons(*person, MIN_SCORE)
        np.testing.assert_allclose(people.skeletons.keypoints[row], alone.keypoints[0])
        np.testing.assert_allclose(people.skeletons.deviations[row], alone.deviations[0])
        np.testing.assert_allclose(people.skeletons.scores[row], alone.scores[0])
        assert people.skeletons.status[row].tolist() == alone.status[0].tolist()


def test_bad_people_are_told_and_cost_no_other() -> None:
    message, numbers = mixed()
    message.skeletons[0].layout = "octopus8"
    message.skeletons[1].keypoints = message.skeletons[1].keypoints[:5]
    message.skeletons[2].keypoints[3].score = float("nan")
    message.skeletons[3].id = "p5"
    message.skeletons[4].id = ""
    people = read_people(message, VIEW, MIN_SCORE)
    assert people.ids == ["p2", "p5", "p4", "p5_2"]
    kinds = sorted(kind for kind, _ in people.problems)
    assert kinds == ["bad score", "bad skeleton", "bad skeleton", "duplicate id", "no id"]
    assert "'p2'" in next(detail for kind, detail in people.problems if kind == "bad score")
    for row, person in ((1, numbers[3]), (3, numbers[5])):
        np.testing.assert_allclose(people.skeletons.keypoints[row], to_h36m(*person, MIN_SCORE).keypoints[0])


def test_joints_at_the_origin_and_normalised_people_are_told() -> None:
    message, numbers = mixed()
    wrist, person = message.skeletons[2].keypoints[9], message.skeletons[4]
    wrist.x, wrist.y, wrist.score = 0.0, 0.0, 0.9
    for keypoint in person.keypoints:
        keypoint.x, keypoint.y = keypoint.x / SCENE.camera.width, keypoint.y / SCENE.camera.height
    people = read_people(message, VIEW, MIN_SCORE)
    assert people.ids == ["p0", "p1", "p2", "p3", "p5"] and len(people.skeletons.keypoints) == 5
    assert people.skeletons.status[2, 13] == Status.MISSING
    np.testing.assert_allclose(people.skeletons.keypoints[4], to_h36m(*numbers[5], MIN_SCORE).keypoints[0])
    assert people.problems == [
        ("joints at (0, 0)", "person 'p2': joints at exactly (0, 0) count as not seen: score them 0"),
        ("normalised", "the keypoints of people ['p4'] look normalised: expected pixels"),
    ]


def test_nobody_is_a_batch_of_none() -> None:
    message, _ = mixed()
    message.skeletons = message.skeletons[:1]
    message.skeletons[0].layout = "octopus8"
    assert read_people(message, VIEW, MIN_SCORE).skeletons.keypoints.shape == (0, 17, 2)


def test_an_unknown_detector_is_told_and_costs_nobody() -> None:
    message, _ = mixed()
    message.detector = "mediapipe"
    known = read_people(message, VIEW, MIN_SCORE)
    assert not known.problems
    message.detector = "/etc/passwd"  # no name that ships, and a message must not name files
    people = read_people(message, VIEW, MIN_SCORE)
    assert len(people.ids) == len(LAYOUTS)
    ((kind, detail),) = people.problems
    assert kind == "unknown detector" and "'/etc/passwd' is taken as generic: expected one of generic, " in detail
    message.detector = ""
    np.testing.assert_array_equal(
        people.skeletons.deviations, read_people(message, VIEW, MIN_SCORE).skeletons.deviations
    )
    assert (known.skeletons.deviations != people.skeletons.deviations).any()


def test_a_message_says_more_of_its_detector_than_who_reads_it() -> None:
    message, numbers = mixed()
    mine = Profile("mine", "", (1.0,), (0.123,))
    said, unsaid = message, mixed()[0]
    said.detector = "simulated"
    deviations = {
        name: read_people(of, VIEW, MIN_SCORE, mine).skeletons.deviations
        for name, of in (("said", said), ("unsaid", unsaid))
    }
    for row, person in enumerate(numbers):
        expected = load_profile("simulated").skeletons(*person, MIN_SCORE).deviations[0]
        np.testing.assert_allclose(deviations["said"][row], expected)
    np.testing.assert_allclose(deviations["unsaid"][np.isfinite(deviations["unsaid"])], 0.123)


def test_a_variance_tells_more_than_a_score() -> None:
    message, numbers = mixed()
    wrist = 13
    message.skeletons[3].keypoints[wrist].variance = 9.0  # of h36m17, so itself
    message.skeletons[3].keypoints[wrist].score = 0.9
    pixels, scores, layout = numbers[3]
    scores[0, wrist] = 0.9
    people = read_people(message, VIEW, MIN_SCORE).skeletons
    variance = np.zeros((1, 17))
    variance[0, wrist] = 9
    alone = load_profile("generic").skeletons(pixels, scores, layout, MIN_SCORE, variance)
    np.testing.assert_allclose(people.deviations[3], alone.deviations[0], rtol=1e-6)
    size = apparent_size(pixels)[0, 0]  # all of its joints have scores
    assert people.deviations[3, wrist] == pytest.approx(3 / size, rel=1e-6)


@pytest.mark.parametrize("variance", [-1.0, float("nan"), float("inf")])
def test_a_variance_that_cannot_be_is_told_and_costs_nobody(variance: float) -> None:
    message, _ = mixed()
    message.skeletons[1].keypoints[5].variance = variance
    message.skeletons[2].keypoints[5].variance = 4.0
    people = read_people(message, VIEW, MIN_SCORE)
    assert len(people.ids) == len(LAYOUTS)
    ((kind, detail),) = people.problems
    assert kind == "bad variance" and "'p1'" in detail


@pytest.mark.parametrize("change", ["width", "k", "d", "p", "roi", "frame"])
def test_a_camera_is_made_anew_only_where_its_info_has_changed(change: str) -> None:
    def info() -> CameraInfo:
        made = camera_to_info(SCENE.camera, Header(frame_id="camera"))
        made.d[4] = float("nan") if change == "d" else 0.0
        made.header.stamp.sec = np.random.default_rng().integers(1000).item()
        return made

    first = read_camera(info(), True, NO_VIEW)
    assert read_camera(info(), True, first) is first
    other = info()
    if change == "roi":
        other.roi.width = 20
    elif change == "frame":
        other.header.frame_id = "another"
    elif change == "width":
        other.width = 20
    else:
        getattr(other, change)[0] = 20.0
    assert read_camera(other, True, first) is not first
