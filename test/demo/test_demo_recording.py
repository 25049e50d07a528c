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

"""The bag of the demo: what goes in comes out, and other tools find the definitions inside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffupose_ros.msg import Keypoint2D, People, Person, Skeleton2D, Skeleton2DArray, Skeleton3D, Skeleton3DArray
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CameraInfo

from diffupose_ros.bags import BagRecorder
from diffupose_ros.demo.recording import AHEAD, read_recording

NAN = float("nan")


def stamped(message: Any, nanoseconds: int) -> Any:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(nanoseconds, 10**9)
    return message


def input_2d(stamp: int) -> Skeleton2DArray:
    points = [Keypoint2D(x=10.0 + i, y=20.0, score=0.5) for i in range(17)]
    points[3] = Keypoint2D(x=NAN, y=NAN, score=0.0)
    points[4] = Keypoint2D(x=1.0, y=2.0, score=0.0)
    people = [Skeleton2D(id="a", layout="coco17", keypoints=points)]
    return stamped(Skeleton2DArray(image_width=640, image_height=480, skeletons=people), stamp)


def result_3d(stamp: int, height: float) -> Skeleton3DArray:
    person = Skeleton3D(id="a")
    for index, joint in enumerate(person.joints):
        joint.position.x, joint.position.y, joint.position.z = float(index), height, 3.0
        joint.covariance = np.arange(9.0)
        joint.status = index % 3
    person.root.covariance = np.arange(36.0)
    return stamped(Skeleton3DArray(skeletons=[person]), stamp)


def over_time(stamp: int, height: float) -> People:
    person = Person(id="a", coasting=True)
    for index, joint in enumerate(person.joints):
        joint.position.x, joint.position.y, joint.position.z = float(index), height, 3.0
        joint.velocity.z = 0.5
        joint.position_covariance = np.arange(9.0)
    return stamped(People(people=[person]), stamp)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    info = CameraInfo(width=640, height=480, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]
    with BagRecorder(tmp_path / "bag") as recorder:
        for number, stamp in enumerate((2 * 10**9 + 5, 3 * 10**9)):
            for topic, message in (
                ("/camera_info", info),
                ("/robot/skeletons_2d", input_2d(stamp)),
                ("/ground_truth", result_3d(stamp, 1.0)),
                ("/people", over_time(stamp, 1.5)),
                ("/people_predicted", over_time(stamp + AHEAD + 240, 1.75)),  # stamps of predictions are rounded
                ("/skeletons_3d", result_3d(stamp, 1.25)),
            )[: 6 - 3 * number]:
                kind = f"{type(message).__module__.partition('.')[0]}/msg/{type(message).__name__}"
                recorder.write(topic, kind, serialize_message(message), stamp + 10)
    return tmp_path / "bag"


def test_what_goes_in_comes_out(bag: Path) -> None:
    recording = read_recording(bag)
    assert [frame.stamp for frame in recording.frames] == [2 * 10**9 + 5, 3 * 10**9]
    first, second = recording.frames
    assert recording.answered() == [first] and not second.estimates
    assert recording.people() == ["a"]
    assert (recording.width, recording.height) == (640, 480)
    assert recording.camera is not None and recording.camera.K[0, 2] == 320
    detection, estimate = first.detections["a"], first.estimates["a"]
    assert detection.layout == "coco17" and detection.keypoints.shape == (17, 2)
    assert np.isnan(detection.keypoints[[3, 4]]).all() and np.isfinite(np.delete(detection.keypoints, [3, 4], 0)).all()
    np.testing.assert_allclose(estimate.mean[5], (5, 1.25, 3))
    np.testing.assert_allclose(estimate.covariance[2], np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(estimate.status[:4], [0, 1, 2, 0])
    np.testing.assert_allclose(estimate.root_covariance, [[0, 1, 2], [6, 7, 8], [12, 13, 14]])
    np.testing.assert_allclose(first.truth["a"][5], (5, 1, 3))
    person = first.people["a"]
    np.testing.assert_allclose(person.mean[5], (5, 1.5, 3))
    np.testing.assert_allclose(person.covariance[5], np.arange(9.0).reshape(3, 3))
    np.testing.assert_allclose(person.velocity[5], (0, 0, 0.5))
    assert person.coasting
    np.testing.assert_allclose(first.ahead["a"][5], (5, 1.75, 3))
    assert not second.people and not second.ahead


def test_the_bag_holds_its_definitions(bag: Path) -> None:
    """Read it without a type store, as ``ros2 bag`` on a machine without this package."""
    with AnyReader([bag]) as reader:
        assert {c.topic for c in reader.connections} >= {"/skeletons_3d", "/camera_info"}
        assert all(c.digest.startswith("RIHS01_") for c in reader.connections)
        chosen = [c for c in reader.connections if c.topic == "/skeletons_3d"]
        messages = [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages(connections=chosen)]
    assert messages[0].skeletons[0].id == "a"


def test_an_earlier_bag_is_replaced_but_nothing_else(bag: Path, tmp_path: Path) -> None:
    with BagRecorder(bag):
        pass
    assert read_recording(bag).frames == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"thesis\.tex"):
        BagRecorder(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_no_bag(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no bag"):
        read_recording(tmp_path / "nothing")
