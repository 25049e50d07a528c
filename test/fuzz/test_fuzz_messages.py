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

"""Whatever messages say: a right result, or a problem that is told; never NaN as a valid person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diffupose_ros.msg import (
    Joint3D,
    Keypoint2D,
    People,
    Person,
    PersonJoint,
    Skeleton2D,
    Skeleton2DArray,
    Skeleton3D,
    Skeleton3DArray,
)
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Vector3
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from support.fuzz import NUMBERS, SINGLE, clear, damaged, fuzzed
from support.yolo import add_yolo_msgs

from diffupose_ros.camera import LENS_MODELS
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.estimation import Depth, Estimator
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.nodes.common.checks import check_header
from diffupose_ros.nodes.common.conversions import camera_from_info, camera_to_info, skeletons_3d_message
from diffupose_ros.nodes.common.images import ENCODINGS, compressed_message, read_image
from diffupose_ros.nodes.common.people_messages import people_message
from diffupose_ros.nodes.lift.intake import NO_VIEW, View, read_camera, read_people
from diffupose_ros.nodes.lift.markers import MarkerBuilder
from diffupose_ros.nodes.people.depth import DepthImages, read_depth
from diffupose_ros.nodes.people.intake import read_people as read_poses
from diffupose_ros.nodes.planner.intake import read_people as read_states
from diffupose_ros.nodes.planner.intake import read_skeletons
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS

SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
INFO = camera_to_info(SCENE.camera, Header(frame_id="camera"))
PIXELS = SimulatedDetector("coco17", noise=3).observe(SCENE.poses(0), SCENE.camera, 0.0)[0]
SIZES = st.sampled_from([0, 1, 2, 3, 4, 7, 16]) | st.integers(0, 2**32 - 1)
NAMES = st.sampled_from(["", "a", "a#2", "0", "é\n", "x" * 300]) | st.text(max_size=5)
HEADERS = st.builds(
    lambda sec, nanosec, frame: _header(sec, nanosec, frame),
    st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]) | st.integers(0, 100),
    st.sampled_from([0, 1, 10**9, 2**32 - 1]),
    st.sampled_from(["camera", "", "other"]),
)


def _header(sec: int, nanosec: int, frame: str) -> Header:
    header = Header(frame_id=frame)
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    return header


@st.composite
def infos(draw: st.DrawFn) -> CameraInfo:
    """Draw the scene's CameraInfo with some of its numbers replaced, or one of any numbers."""
    info = camera_to_info(SCENE.camera, draw(HEADERS))
    for name in draw(st.lists(st.sampled_from(["k", "d", "p", "model", "size", "roi", "binning"]), max_size=4)):
        if name == "model":
            info.distortion_model = draw(st.sampled_from(["", *LENS_MODELS, "none"]) | st.text(max_size=4))
        elif name == "size":
            info.width, info.height = draw(SIZES), draw(SIZES)
        elif name == "roi":
            info.roi.width, info.roi.height, info.roi.x_offset = draw(SIZES), draw(SIZES), draw(SIZES)
        elif name == "binning":
            info.binning_x = draw(SIZES)
        elif name == "d":
            info.d = draw(st.lists(NUMBERS, max_size=14) | st.lists(st.floats(-1, 1), min_size=4, max_size=5))
        else:
            numbers = np.array(getattr(info, name))
            for place in draw(st.lists(st.integers(0, len(numbers) - 1), max_size=4)):
                numbers[place] = draw(NUMBERS)
            setattr(info, name, numbers.tolist())
    return info


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton2D:
    """Draw somebody of the scene with numbers replaced, or of any numbers."""
    if draw(st.booleans()):
        layout = draw(st.sampled_from(sorted(LAYOUTS)) | st.text(max_size=5))
        count = draw(st.just(len(LAYOUTS.get(layout, ()))) | st.integers(0, 40))
        keypoints = [Keypoint2D() for _ in range(count)]
        for keypoint in keypoints:
            keypoint.x, keypoint.y, keypoint.score = draw(SINGLE), draw(SINGLE), draw(SINGLE)
        return Skeleton2D(id=draw(NAMES), layout=layout, keypoints=keypoints)
    pixels = PIXELS[draw(st.integers(0, 2))].tolist()
    keypoints = [Keypoint2D(x=x, y=y, score=0.9) for x, y in pixels]
    fields = st.sampled_from(["x", "y", "score", "variance"])
    for place, name, value in draw(st.lists(st.tuples(st.integers(0, 16), fields, SINGLE), max_size=12)):
        setattr(keypoints[place], name, value)
    return Skeleton2D(id=draw(NAMES), layout="coco17", keypoints=keypoints)


MESSAGES = st.builds(
    Skeleton2DArray,
    header=HEADERS,
    image_width=st.sampled_from([0, 1280]) | SIZES,
    image_height=st.sampled_from([0, 720]) | SIZES,
    skeletons=st.lists(skeletons(), max_size=3),
    detector=st.sampled_from(["", "exact", "openpose", "../x.json"]) | st.text(max_size=4),
)


@fuzzed()
@given(info=infos(), rectified=st.booleans())
def test_camera_info(info: CameraInfo, rectified: bool) -> None:
    with clear():
        view = read_camera(info, rectified, NO_VIEW)
        assert (view.camera is None) == bool(view.problem) and "\n" not in view.problem
        assert read_camera(info, rectified, view) is view
        if view.camera is not None:
            rays = view.camera.rays([[0, 0], [320, 240], [1e5, -1e5], [np.nan, 0]])
            known = np.isfinite(rays).all(-1)
            assert np.isnan(rays[~known]).all()
            np.testing.assert_allclose(np.linalg.norm(rays[known], axis=-1), 1)


@fuzzed(0.5)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=3), info=infos(), usual=st.booleans())
def test_skeletons_become_valid_people_or_problems(
    lifter: Lifter, messages: list[Skeleton2DArray], info: CameraInfo, usual: bool
) -> None:
    with clear():
        view = read_camera(INFO if usual else info, False, NO_VIEW)
        estimator = Estimator()
        for message in messages:
            _check_one(lifter, message, view, estimator)


def _check_one(lifter: Lifter, message: Skeleton2DArray, view: View, estimator: Estimator) -> None:
    people = read_people(message, view, 0.1)
    assert len(set(people.ids)) == len(people.ids)
    if view.camera is None:
        return
    lifted = lifter.lift_h36m(people.skeletons, view.camera, 2, 1, True, 0)
    rows = range(len(people.ids))
    answer = skeletons_3d_message(message.header, people.ids, lifted, rows)
    _check_valid(lifted)
    MarkerBuilder("skeletons_2d").build(message.header, people.ids, lifted, rows, 0.9, 2, 0.5)
    read_skeletons(answer)
    if check_header(message.header) is None:
        seen = read_poses(answer)
        assert not seen.problems, seen.problems
        _check_states(estimator, message.header, seen)


def _check_valid(lifted: Lifted) -> None:
    for name, values in vars(lifted).items():
        if name not in ("reprojection_error", "novelty"):
            assert np.isfinite(values[lifted.valid]).all(), f"{name} of a valid person is not finite"
    for covariance in (lifted.covariance[:, 1:], lifted.root_covariance, lifted.orientation_covariance):
        assert (np.linalg.eigvalsh(covariance[lifted.valid]) > 0).all()


def _check_states(estimator: Estimator, header: Header, seen: Any) -> None:
    time = header.stamp.sec + header.stamp.nanosec * 1e-9
    states = estimator.update(time, seen.ids, seen.lifted)
    for of in (states, states.predict(0.5)):
        message = people_message(header, of)
        assert not read_states(message).problems, read_states(message).problems
        for person in message.people:
            assert np.isfinite([person.stature, person.stature_deviation, person.age]).all()
            assert np.isfinite(person.root.covariance).all() and np.isfinite(person.root_velocity.covariance).all()


@st.composite
def poses(draw: st.DrawFn) -> Skeleton3D:
    """Draw a good 3D skeleton with some numbers replaced."""
    pose = SCENE.poses(0)[draw(st.integers(0, 2))]
    joints = [
        Joint3D(position=Point(x=x, y=y, z=z), covariance=1e-3 * np.eye(3).ravel(), confidence=0.9)
        for x, y, z in pose.tolist()
    ]
    root = PoseWithCovariance(
        pose=Pose(position=joints[0].position, orientation=Quaternion(w=1.0)), covariance=1e-2 * np.eye(6).ravel()
    )
    person = Skeleton3D(id=draw(NAMES), joints=joints, root=root, novelty=1.0)
    for _ in range(draw(st.integers(0, 4))):
        joint, value = joints[draw(st.integers(0, 16))], draw(NUMBERS)
        kind = draw(st.sampled_from(["position", "covariance", "confidence", "status", "root", "turn", "novelty"]))
        if kind == "position":
            setattr(joint.position, draw(st.sampled_from("xyz")), value)
        elif kind == "covariance":
            joint.covariance[draw(st.integers(0, 8))] = value
        elif kind == "root":
            root.covariance[draw(st.integers(0, 35))] = value
        elif kind == "turn":
            setattr(root.pose.orientation, draw(st.sampled_from("xyzw")), value)
        elif kind == "status":
            joint.status = draw(st.integers(0, 255))
        elif kind == "confidence":
            joint.confidence = draw(SINGLE)
        else:
            person.novelty, person.reprojection_error = draw(SINGLE), draw(SINGLE)
    return person


@fuzzed(0.5)
@given(frames=st.lists(st.tuples(HEADERS, st.lists(poses(), max_size=3)), min_size=1, max_size=4))
def test_poses_become_people_over_time(frames: list[tuple[Header, list[Skeleton3D]]]) -> None:
    with clear():
        estimator = Estimator()
        for header, people in frames:
            message = Skeleton3DArray(header=header, skeletons=people)
            read_skeletons(message)
            if check_header(header) is None:
                _check_states(estimator, header, read_poses(message))


@st.composite
def states(draw: st.DrawFn) -> Person:
    """Draw one of the people over time with some numbers replaced."""
    joints = [
        PersonJoint(position=Point(x=x, y=y, z=z), position_covariance=1e-3 * np.eye(3).ravel(),
                    velocity=Vector3(x=0.1), velocity_covariance=1e-3 * np.eye(3).ravel())
        for x, y, z in SCENE.poses(0)[0].tolist()
    ]  # fmt: skip
    person = Person(id=draw(NAMES), joints=joints, stature=1.7, stature_deviation=0.1)
    for _ in range(draw(st.integers(0, 4))):
        joint, value = joints[draw(st.integers(0, 16))], draw(NUMBERS)
        kind = draw(st.sampled_from(["position", "velocity", "position_covariance", "velocity_covariance", "stature"]))
        if kind == "stature":
            person.stature = value
        elif kind.endswith("covariance"):
            getattr(joint, kind)[draw(st.integers(0, 8))] = value
        else:
            setattr(getattr(joint, kind), draw(st.sampled_from("xyz")), value)
    return person


@fuzzed()
@given(people=st.lists(states(), max_size=3))
def test_planners_take_only_numbers(people: list[Person]) -> None:
    with clear():
        bodies = read_states(People(header=_header(1, 0, "map"), people=people))
        assert len(bodies) + len(bodies.problems) >= len({person.id for person in people})
        assert np.isfinite(bodies.positions).all() and np.isfinite(bodies.stature).all()


@fuzzed()
@given(
    encoding=st.sampled_from([*ENCODINGS, "8UC1", "8UC3", "16UC1", "32FC1"]) | st.text(max_size=8),
    width=SIZES,
    height=SIZES,
    step=SIZES | st.integers(0, 200),
    big=st.integers(0, 255),
    data=st.binary(max_size=600) | st.integers(0, 4000).map(bytes),
)
def test_images(encoding: str, width: int, height: int, step: int, big: int, data: bytes) -> None:
    message = Image(encoding=encoding, width=width, height=height, step=step, is_bigendian=big, data=data)
    with clear(ValueError):
        image = read_image(message)
        assert image.shape == (height, width, 3) and image.dtype == np.uint8
    with clear(ValueError):
        pixels = read_depth(message)
        assert pixels.shape == (height, width)


JPEG = bytes(compressed_message(np.full((24, 32, 3), 99, np.uint8), Header()).data)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000200000002080200000"
    "0fdd49a73000000124944415478da636060f8cf00c2ff1900000efc02fe5a1e8f0f0000000049454e44ae426082"
)


@fuzzed()
@given(
    data=damaged(JPEG) | damaged(PNG) | st.binary(max_size=40),
    form=st.sampled_from(["jpeg", "png", "bgr8; jpeg compressed bgr8", "16UC1; compressedDepth", "h264", "mono16; png"])
    | st.text(max_size=5),
)
def test_compressed_images(data: bytes, form: str) -> None:
    with clear(ValueError):
        image = read_image(CompressedImage(format=form, data=data))
        assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8


@st.composite
def depth_messages(draw: st.DrawFn) -> Image:
    """Draw a depth image of 64x48 of any numbers."""
    encoding, kind = draw(st.sampled_from([("16UC1", np.uint16), ("32FC1", np.float32), ("mono16", np.uint16)]))
    values = draw(st.lists(SINGLE if kind is np.float32 else st.integers(0, 65535), min_size=1, max_size=8))
    pixels = np.resize(np.array(values, kind), (48, 64))
    message = Image(header=_header(1, 0, "camera"), encoding=encoding, width=64, height=48, step=64 * pixels.itemsize)
    message.data = pixels.tobytes()
    return message


@fuzzed(0.5)
@given(image=depth_messages(), info=infos(), usual=st.booleans(), people=st.lists(poses(), max_size=2))
def test_depth_images_leave_people_finite(
    image: Image, info: CameraInfo, usual: bool, people: list[Skeleton3D]
) -> None:
    with clear(ValueError):
        images = DepthImages()
        small = camera_to_info(type(SCENE.camera).from_fov(1.2, 64, 48), Header(frame_id="camera"))
        images.set_info(small if usual else info)
        images.add(image)
        depth = images.at(image.header, False)
        assert isinstance(depth, Depth)
        seen = read_poses(Skeleton3DArray(header=image.header, skeletons=people))
        states = Estimator().update(1.0, seen.ids, seen.lifted, evidence=[depth])
        assert not read_states(people_message(image.header, states)).problems


KEYPOINTS = st.tuples(st.integers(0, 18) | st.integers(-(2**31), 2**31 - 1), NUMBERS, NUMBERS, NUMBERS)


@pytest.mark.skipif(not add_yolo_msgs(), reason="needs yolo_msgs, or rosbags")
@fuzzed()
@given(detections=st.lists(st.tuples(NAMES, st.lists(KEYPOINTS, max_size=20)), max_size=3))
def test_yolo(detections: list[tuple[str, list[tuple[int, float, float, float]]]]) -> None:
    from yolo_msgs.msg import Detection, DetectionArray, KeyPoint2D

    from diffupose_ros.nodes.yolo.people import read_people as read_yolo

    message = DetectionArray()
    for name, points in detections:
        found = Detection(id=name)
        for number, x, y, score in points:
            point = KeyPoint2D(id=number, score=score)
            point.point.x, point.point.y = x, y
            found.keypoints.data.append(point)
        message.detections.append(found)
    with clear():
        people = read_yolo(message)
        assert np.isfinite(people.detections.keypoints).all() and np.isfinite(people.detections.scores).all()


def test_the_pixels_of_the_scene_are_good() -> None:
    assert camera_from_info(INFO).width == 1280 and np.isfinite(PIXELS).all()
