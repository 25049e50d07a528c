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

"""Message classes: what rclpy's do, and what rosbags reads and writes."""

from __future__ import annotations

import support.standalone  # noqa: F401

# isort: split
import array
import copy
import struct

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from diffupose_ros.msg import (
    Joint3D,
    Keypoint2D,
    People,
    Person,
    PersonJoint,
    Skeleton2DArray,
    Skeleton3D,
    Skeleton3DArray,
)
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Transform, Twist, Vector3
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Bool, ColorRGBA, Header
from vision_msgs.msg import BoundingBox2D, Detection2D, Detection2DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from diffupose_ros.standalone import packing
from diffupose_ros.standalone.definitions import own_types, typestore

CAMERA = CameraInfo(header=Header(frame_id="camera"), width=640, d=[0.1, 0.2], k=range(9))
EXAMPLES = [
    CAMERA,
    Image(height=1, width=3, data=b"abc"),
    DiagnosticArray(status=[DiagnosticStatus(level=DiagnosticStatus.WARN, values=[KeyValue(key="k")])]),
    MarkerArray(markers=[Marker(points=[Point(x=1.0), Point(y=-2.5)], text="é")]),
    Detection2DArray(
        detections=[Detection2D(id="1", bbox=BoundingBox2D(size_x=2.5), results=[ObjectHypothesisWithPose()])]
    ),
    ParameterValue(bool_array_value=[True, False], byte_array_value=[b"a"], string_array_value=["a", ""]),
    Skeleton3DArray(skeletons=[Skeleton3D(joints=[Joint3D(covariance=range(9)) for _ in range(17)])]),
    People(people=[Person(joints=[PersonJoint(velocity_covariance=range(9))] * 17, coasting=True, stature=1.7)]),
]


def test_defaults_are_zero_or_the_definitions() -> None:
    assert Pose().orientation.w == 1.0
    assert (Image().height, Image().encoding, Image().header.stamp.nanosec) == (0, "", 0)
    assert CameraInfo().k.dtype == np.float64 and CameraInfo().k.tolist() == [0.0] * 9
    assert PoseWithCovariance().covariance.shape == (36,)
    assert isinstance(Image().data, array.array) and len(Image().data) == 0
    assert len(Skeleton3D().joints) == 17 and Skeleton3D().joints[0] is not Skeleton3D().joints[0]
    assert Skeleton2DArray().skeletons == []


def test_constants() -> None:
    assert Skeleton3D.NOVEL == 2.0
    assert (Skeleton3D.PELVIS, Skeleton3D.RIGHT_WRIST, Joint3D.INFERRED) == (0, 16, 2)
    assert (Marker.ADD, Marker.DELETE, Marker.LINE_LIST) == (0, 2, 5)
    assert DiagnosticStatus.ERROR == b"\x02"
    assert ListParameters.Request.DEPTH_RECURSIVE == 0


def test_equality_and_repr() -> None:
    assert CAMERA == copy.deepcopy(CAMERA)
    assert CAMERA != CameraInfo() and CAMERA != Image()
    changed = copy.deepcopy(CAMERA)
    changed.k[3] += 1
    assert CAMERA != changed
    assert repr(Point(x=1.0)) == "geometry_msgs.msg.Point(x=1.0, y=0.0, z=0.0)"
    assert Image.get_fields_and_field_types()["data"] == "sequence<uint8>"
    assert CameraInfo.get_fields_and_field_types()["k"] == "double[9]"


@pytest.mark.parametrize("value", [[1, 2], (1, 2), np.array([1, 2]), array.array("d", [1, 2]), iter([1, 2])])
def test_sequences_take_whatever_holds_numbers(value: object) -> None:
    message = CameraInfo(d=value)
    assert isinstance(message.d, array.array) and message.d.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [b"ab", bytearray(b"ab"), memoryview(b"ab"), np.frombuffer(b"ab", np.uint8)])
def test_bytes_go_into_an_image(value: object) -> None:
    assert Image(data=value).data.tobytes() == b"ab"


def test_wrong_sizes_and_names_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"shape \(9,\)"):
        CameraInfo(k=[1.0])
    with pytest.raises(AssertionError, match="one dimension"):
        Image(data=np.zeros((2, 2), np.uint8))
    with pytest.raises(TypeError):
        Image(nonsense=1)
    with pytest.raises(AttributeError):
        Image().nonsense = 1


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_serialization_gives_the_message_back(message: object) -> None:
    back = deserialize_message(serialize_message(message), type(message))
    assert back == message
    assert {type(getattr(back, f)) for f in back.get_fields_and_field_types()} == {
        type(getattr(message, f)) for f in message.get_fields_and_field_types()
    }


def test_rosbags_reads_and_writes_the_same_bytes() -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    data = serialize_message(CAMERA)
    theirs = store.deserialize_cdr(data, "sensor_msgs/msg/CameraInfo")
    assert theirs.k.tolist() == CAMERA.k.tolist() and theirs.header.frame_id == "camera"
    again = bytes(store.serialize_cdr(theirs, "sensor_msgs/msg/CameraInfo"))
    assert data == again.ljust(len(data), b"\0") and len(data) - len(again) < 4


@pytest.mark.parametrize(
    "message",
    [
        Point(x=1.5, y=-2.0, z=1e300),
        Pose(position=Point(x=1.0)),
        Transform(translation=Vector3(z=-1.0)),
        ColorRGBA(r=0.1, a=1.0),
        Duration(sec=-2, nanosec=7),
        Keypoint2D(x=3.0, y=4.0, score=0.5),
        Bool(data=True),
        Twist(linear=Vector3(x=1.0), angular=Vector3(z=2.0)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_messages_of_numbers_of_one_size_are_written_as_rosbags_does(message: object) -> None:
    def fields(typename: str) -> object:
        return typestore().fielddefs[typename][1]

    assert packing.serializer(message.__msgtype__, fields) is not None  # type: ignore[attr-defined]
    stock = get_typestore(Stores.ROS2_JAZZY)
    stock.register(own_types())
    expected = stock.serialize_cdr(message, message.__msgtype__)  # type: ignore[attr-defined]
    assert serialize_message(message)[: len(expected)] == bytes(expected)


def test_messages_of_numbers_refuse_what_is_no_number() -> None:
    for wrong in (Point(x="1"), Pose(position="here")):
        with pytest.raises((struct.error, AttributeError)):
            serialize_message(wrong)


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 40, b"\0\0\0\0" + bytes(40)])
def test_foreign_bytes_raise_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(SerdeError):
        deserialize_message(data, Image)


def test_service_types_have_request_and_response() -> None:
    assert GetParameters.Request(names=["a"]).names == ["a"]
    assert GetParameters.Response().values == []
