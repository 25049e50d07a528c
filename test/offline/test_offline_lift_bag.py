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

"""A bag of 2D skeletons to a bag of 3D skeletons: the same as one by one, nothing dropped, bad input."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffupose_ros.msg import Hypotheses3DArray, People, Skeleton2DArray, Skeleton3DArray
from rclpy.serialization import deserialize_message
from rich.console import Console
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header, String

from diffupose_ros.bags import BagRecorder, Storage, typestore
from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.demo.arrays import estimates
from diffupose_ros.lifting import Interrupted, Lifted, Lifter
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message, stamp_ns
from diffupose_ros.offline import lift_bag as lift_bag_module
from diffupose_ros.offline.lift_bag import BagReport, lift_bag, output_topics
from diffupose_ros.offline.messages import record, type_name
from diffupose_ros.offline.settings import Settings
from diffupose_ros.resources import resource_path

SETTINGS = Settings(hypotheses=4, steps=2)
SCENE = Scene(resource_path("resource/clips/people.npz"), 3)
DETECTOR = SimulatedDetector("coco17", noise=0)
QUIET = Console(quiet=True)


def header(number: int, frame: str = "camera") -> Header:
    made = Header(frame_id=frame)
    made.stamp.sec = number + 1
    return made


def skeletons(number: int, people: int, camera: Camera = SCENE.camera, frame: str = "camera") -> Skeleton2DArray:
    pixels, scores = DETECTOR.observe(SCENE.poses(5 * number)[:people], camera, 0.0)
    ids = [f"person_{i}" for i in range(people)]
    return skeletons_2d_message(header(number, frame), camera, ids, "coco17", pixels, scores)


def received(number: int) -> int:
    """When a message comes: a little later than its stamp says."""
    return (number + 1) * 1_000_000_000 + 7


def make(path: Path, messages: list[tuple[str, Any, int]], storage: Storage = "mcap") -> Path:
    with BagRecorder(path, storage) as bag:
        for topic, message, number in messages:
            record(bag, topic, message, received(number))
    return path


def some(count: int = 7) -> list[tuple[str, Any, int]]:
    """Messages of 0, 1, 2, 3, 0, ... people, and strangers' messages."""
    info = camera_to_info(SCENE.camera, header(0))
    messages = [("/chatter", String(data="hello"), 0), ("/camera_info", info, 0)]
    return messages + [("/skeletons_2d", skeletons(n, n % 4), n) for n in range(count)]


def read(path: Path, kind: type = Skeleton3DArray) -> list[tuple[str, int, Any]]:
    with AnyReader([path]) as reader:
        chosen = [c for c in reader.connections if c.msgtype == type_name(kind)]
        if not chosen:
            return []
        return [(c.topic, time, deserialize_message(bytes(data), kind)) for c, time, data in reader.messages(chosen)]


def lifted_one_by_one(lifter: Lifter, message: Skeleton2DArray, camera: Camera = SCENE.camera) -> Lifted:
    keypoints = np.array([[(k.x, k.y) for k in s.keypoints] for s in message.skeletons]).reshape(-1, 17, 2)
    scores = np.array([[k.score for k in s.keypoints] for s in message.skeletons]).reshape(-1, 17)
    return lifter.lift(keypoints, scores, camera, "coco17", SETTINGS.hypotheses, SETTINGS.steps, seed=SETTINGS.seed)


def lift(source: Path, target: Path, lifter: Lifter, **options: Any) -> BagReport:
    return lift_bag(source, target, lifter, SETTINGS, QUIET, **options)


def test_people_over_time_are_in_the_bag_too(tmp_path: Path, lifter: Lifter) -> None:
    messages: list[tuple[str, Any, int]] = [("/camera_info", camera_to_info(SCENE.camera, header(0)), 0)]
    for number in range(6):
        message = skeletons(0, 2)
        message.header.stamp.sec, message.header.stamp.nanosec = 5, number * 33_000_000
        messages.append(("/skeletons_2d", message, number))
    lift(make(tmp_path / "in", messages), tmp_path / "out", lifter)
    frames, people = read(tmp_path / "out"), read(tmp_path / "out", People)
    assert [(topic, time) for topic, time, _ in people] == [("/people", received(n)) for n in range(6)]
    for (_, _, frame), (_, _, over_time) in zip(frames, people, strict=True):
        assert over_time.header == frame.header
        assert [p.id for p in over_time.people] == [s.id for s in frame.skeletons]
        for person, skeleton in zip(over_time.people, frame.skeletons, strict=True):
            offset = person.root.pose.position.z - skeleton.root.pose.position.z
            assert abs(offset) < 0.5
    assert people[-1][2].people[0].age == pytest.approx(0.165)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("batch", [2048, 2 * SETTINGS.hypotheses * 3])  # rows: all at once; three people at once
def test_every_message_is_lifted_as_if_it_were_alone(
    tmp_path: Path, lifter: Lifter, monkeypatch: pytest.MonkeyPatch, storage: Storage, batch: int
) -> None:
    monkeypatch.setattr(lift_bag_module, "MAX_BATCH", batch)
    other: Storage = "sqlite3" if storage == "mcap" else "mcap"
    report = lift(make(tmp_path / "in", some(), storage), tmp_path / "out", lifter, storage=other)
    results = read(tmp_path / "out")
    assert [(topic, time) for topic, time, _ in results] == [("/skeletons_3d", received(n)) for n in range(7)]
    assert (report.messages, report.people, report.problems) == (7, 9, {})
    for number, (_, _, result) in enumerate(results):
        message = skeletons(number, number % 4)
        assert result.header == message.header
        assert [s.id for s in result.skeletons] == [s.id for s in message.skeletons]
        alone = lifted_one_by_one(lifter, message)
        for index, estimate in enumerate(estimates(result).values()):
            np.testing.assert_allclose(estimate.mean, alone.mean[index], atol=1e-4)
            np.testing.assert_allclose(estimate.covariance, alone.covariance[index], atol=1e-5)
            np.testing.assert_array_equal(estimate.status, alone.status[index])
    assert read(tmp_path / "out", Hypotheses3DArray) == []


def test_hypotheses_are_recorded_when_asked_for(tmp_path: Path, lifter: Lifter) -> None:
    source = make(tmp_path / "in", some(3))
    lift(source, tmp_path / "out", lifter, with_hypotheses=True)
    messages = [message for _, _, message in read(tmp_path / "out", Hypotheses3DArray)]
    assert [len(message.people) for message in messages] == [0, 1, 2]
    person = messages[2].people[1]
    poses = np.array(person.positions).reshape(person.count, 17, 3)
    np.testing.assert_allclose(poses, lifted_one_by_one(lifter, skeletons(2, 2)).hypotheses[1], atol=1e-4)


def test_a_single_file_is_a_bag_too(tmp_path: Path, lifter: Lifter) -> None:
    source = make(tmp_path / "in", some(2))
    assert lift(source / "in.mcap", tmp_path / "out", lifter).messages == 2


def test_each_camera_has_its_own_skeletons_even_where_it_speaks_late(tmp_path: Path, lifter: Lifter) -> None:
    wide, narrow = SCENE.camera, Camera.from_fov(0.9, 800, 600)
    messages = [
        ("/left/people", skeletons(0, 1, wide, "left"), 0),
        ("/right/people", skeletons(0, 1, narrow, "right"), 0),
        ("/cameras/a/camera_info", camera_to_info(narrow, header(1, "right")), 1),
        ("/cameras/b/camera_info", camera_to_info(wide, header(1, "left")), 1),
        ("/right/people", skeletons(1, 1, narrow, "right"), 2),
    ]
    lift(make(tmp_path / "in", messages), tmp_path / "out", lifter)
    results = read(tmp_path / "out")
    assert [topic for topic, _, _ in results] == ["/left/skeletons_3d", "/right/skeletons_3d", "/right/skeletons_3d"]
    for (_, _, result), camera in zip(results, (wide, narrow, narrow), strict=True):
        number = stamp_ns(result.header) // 10**9 - 1
        alone = lifted_one_by_one(lifter, skeletons(number, 1, camera), camera)
        np.testing.assert_allclose(estimates(result)["person_0"].mean, alone.mean[0], atol=1e-4)


def test_a_camera_that_changes_counts_from_then_on(tmp_path: Path, lifter: Lifter) -> None:
    before, after = SCENE.camera, Camera.from_fov(0.9, 1280, 720)
    messages = [
        ("/camera_info", camera_to_info(before, header(0)), 0),
        ("/skeletons_2d", skeletons(0, 1, before), 1),
        ("/camera_info", camera_to_info(after, header(1)), 2),
        ("/skeletons_2d", skeletons(0, 1, after), 3),
    ]
    lift(make(tmp_path / "in", messages), tmp_path / "out", lifter)
    for (_, _, result), camera in zip(read(tmp_path / "out"), (before, after), strict=True):
        alone = lifted_one_by_one(lifter, skeletons(0, 1, camera), camera)
        np.testing.assert_allclose(estimates(result)["person_0"].mean, alone.mean[0], atol=1e-4)


def test_skeletons_in_a_frame_of_none_of_several_cameras_are_refused(tmp_path: Path, lifter: Lifter) -> None:
    messages = [
        (f"/{name}/camera_info", camera_to_info(SCENE.camera, header(0, name)), 0) for name in ("left", "right")
    ]
    source = make(tmp_path / "in", [*messages, ("/skeletons_2d", skeletons(0, 1, frame="middle"), 1)])
    with pytest.raises(ValueError, match=r"frame 'middle', which is no camera's.*'left' \(/left/camera_info\)"):
        lift(source, tmp_path / "out", lifter)
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_with_a_message_is_counted_and_costs_no_other(tmp_path: Path, lifter: Lifter) -> None:
    few, odd = skeletons(0, 2), skeletons(1, 2)
    for keypoint in few.skeletons[0].keypoints:
        keypoint.score = 0.0
    odd.skeletons[1].layout = "octopus8"
    with BagRecorder(tmp_path / "in") as bag:
        record(bag, "/camera_info", camera_to_info(SCENE.camera, header(0)), received(0))
        for number, message in enumerate((few, odd)):
            record(bag, "/skeletons_2d", message, received(number))
        bag.write("/skeletons_2d", type_name(Skeleton2DArray), b"\x00\x01\x00\x00nonsense", received(2))
        record(bag, "/skeletons_2d", skeletons(3, 2), received(3))
    report = lift(tmp_path / "in", tmp_path / "out", lifter)
    assert report.problems == {"too few joints": 1, "bad skeleton": 1, "unreadable message": 1}
    assert (report.messages, report.people) == (3, 4)
    assert [[s.id for s in message.skeletons] for _, _, message in read(tmp_path / "out")] == [
        ["person_1"], ["person_0"], ["person_0", "person_1"],
    ]  # fmt: skip


def test_a_profile_says_what_scores_mean_of_whom_nobody_said_what_made_them(tmp_path: Path, lifter: Lifter) -> None:
    told = skeletons(1, 1)
    told.detector = "exact"
    messages = [("/camera_info", camera_to_info(SCENE.camera, header(0)), 0)]
    source = make(tmp_path / "in", [*messages, ("/skeletons_2d", skeletons(1, 1), 1), ("/skeletons_2d", told, 2)])
    lift_bag(source, tmp_path / "out", lifter, replace(SETTINGS, detector_profile="openpose"), QUIET)
    pixels, scores = DETECTOR.observe(SCENE.poses(5)[:1], SCENE.camera, 0.0)
    for (_, _, result), profile in zip(read(tmp_path / "out"), ("openpose", "exact"), strict=True):
        options = {"hypotheses": SETTINGS.hypotheses, "steps": SETTINGS.steps, "seed": SETTINGS.seed}
        alone = lifter.lift(pixels, scores, SCENE.camera, **options, detector=profile)
        np.testing.assert_allclose(estimates(result)["person_0"].mean, alone.mean[0], atol=1e-4)
        assert result.skeletons[0].novelty == pytest.approx(alone.novelty[0], rel=1e-3)
    with pytest.raises(ValueError, match="no detector profile 'mine'"):
        lift_bag(source, tmp_path / "other", lifter, replace(SETTINGS, detector_profile="mine"), QUIET)
    assert not (tmp_path / "other").exists()


def test_bags_without_what_is_needed_are_refused_with_the_reason(tmp_path: Path, lifter: Lifter) -> None:
    info, uncalibrated = camera_to_info(SCENE.camera, header(0)), CameraInfo(width=1280, height=720)
    (tmp_path / "text").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "metadata.yaml").write_text("rosbag2_bagfile_information: {version: 5}")
    (tmp_path / "text.mcap").write_text("no bag")
    (tmp_path / "cut.mcap").write_bytes(make(tmp_path / "whole", some()).joinpath("whole.mcap").read_bytes()[:-500])
    whole = (tmp_path / "whole" / "whole.mcap").read_bytes()
    hole = whole.index(b"coco17") - 200, whole.index(b"coco17") + 3000  # more than one message
    (tmp_path / "hole.mcap").write_bytes(whole[: hole[0]] + bytes(hole[1] - hole[0]) + whole[hole[1] :])
    make(tmp_path / "no_people", [("/camera_info", info, 0)])
    make(tmp_path / "no_camera", [("/skeletons_2d", skeletons(0, 1), 0)])
    make(tmp_path / "uncalibrated", [("/camera_info", uncalibrated, 0), ("/skeletons_2d", skeletons(0, 1), 0)])
    for name, reason in (
        ("missing", "no bag at"),
        ("text", "is no bag: neither metadata.yaml nor"),
        ("damaged", "cannot be read as a bag"),
        ("text.mcap", "cannot be read as a bag"),
        ("cut.mcap", "mcap recover"),
        ("hole.mcap", "the bag is damaged"),
        ("no_people", r"no message of type diffupose_ros/msg/Skeleton2DArray.*/camera_info"),
        ("no_camera", r"no message of type sensor_msgs/msg/CameraInfo.*/skeletons_2d"),
        ("uncalibrated", "not calibrated"),
    ):
        with pytest.raises((OSError, ValueError), match=reason):
            lift(tmp_path / name, tmp_path / "out", lifter)
        assert not list(tmp_path.glob("out*"))


def profiled(mcap: bytes, profile: bytes) -> bytes:
    """Return an MCAP file that says that it is of something else, or of nothing; its header stays as long as it was."""
    ros2 = b"\4\0\0\0ros2"
    at = mcap.index(ros2) + len(ros2)
    library = int.from_bytes(mcap[at : at + 4], "little") + 4
    library -= len(profile)
    begin = len(profile).to_bytes(4, "little") + profile + library.to_bytes(4, "little")
    return mcap[: at - len(ros2)] + begin + b" " * (4 - len(profile)) + mcap[at + 4 :]


def test_what_is_no_whole_bag_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path, lifter: Lifter) -> None:
    whole = make(tmp_path / "whole", some(2)).joinpath("whole.mcap").read_bytes()
    metadata = (tmp_path / "whole" / "metadata.yaml").read_text()
    for name, content, reason in (
        ("film.mp4", b"\0\0\0\x20ftypisom", "is no bag: expected a rosbag2 folder, or an .mcap or .db3 file"),
        ("notes.txt", b"hello", "is no bag"),
        ("bag", b"hello", "is no bag"),
        ("old.bag", b"#ROSBAG V2.0\n", "a bag of ROS 1: convert it"),
        ("bag.mcap.zstd", b"(\xb5/\xfd", "is compressed: .*zstd -d"),
        ("bag.db3.zst", b"(\xb5/\xfd", "is compressed"),
        ("empty.mcap", b"", "seems to be empty"),
        ("empty.db3", b"", "cannot be read as a bag"),
        ("text.db3", b"hello" * 100, "not a database"),
        ("unfinished.mcap", whole[:-37], "not finished, or is cut off; `mcap recover`"),
        ("unfinished/bag_0.mcap", whole[: len(whole) // 2], "not finished, or is cut off; `mcap recover`"),
        ("compressed/bag_0.mcap.zstd", b"(\xb5/\xfd", "is compressed"),
        ("old.mcap", profiled(whole, b"ros1"), "Profile is not ros2.*something else than ROS 2"),
        ("torn/metadata.yaml", metadata[:200].encode(), "cannot be read as a bag"),
        ("void/metadata.yaml", b"", "cannot be read as a bag"),
        ("bereft/metadata.yaml", metadata.encode(), "files are missing"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        with pytest.raises((OSError, ValueError), match=reason) as refusal:
            lift(path if path.parent == tmp_path else path.parent, tmp_path / "out", lifter)
        assert "\n" not in str(refusal.value)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("form", ["file", "no profile", "no metadata", "several files, no metadata"])
def test_every_form_of_a_bag_is_lifted(tmp_path: Path, lifter: Lifter, storage: Storage, form: str) -> None:
    folder = make(tmp_path / "in", some(4), storage)
    (file,) = (path for path in folder.iterdir() if path.name != "metadata.yaml")
    if form.endswith("no metadata"):
        (folder / "metadata.yaml").unlink()
    if form.startswith("several"):
        make(tmp_path / "more", [(topic, message, n + 4) for topic, message, n in some(4)], storage)
        next((tmp_path / "more").glob(f"*{file.suffix}")).rename(folder / f"more{file.suffix}")
    if form == "no profile" and storage == "mcap":
        file.write_bytes(profiled(file.read_bytes(), b""))
    lift(file if form in ("file", "no profile") else folder, tmp_path / "out", lifter)
    times = range(8 if form.startswith("several") else 4)
    assert [time for _, time, _ in read(tmp_path / "out")] == [received(n) for n in times]


@pytest.mark.parametrize(("storage", "mode"), [("MCAP", "FILE"), ("SQLITE3", "FILE"), ("SQLITE3", "MESSAGE")])
def test_compressed_bags_are_lifted(tmp_path: Path, lifter: Lifter, storage: str, mode: str) -> None:
    writer = Writer(tmp_path / "in", version=8, storage_plugin=StoragePlugin[storage])
    writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    with AnyReader([make(tmp_path / "plain", some(4))]) as reader, writer:
        made = {c.topic: writer.add_connection(c.topic, c.msgtype, typestore=typestore()) for c in reader.connections}
        for connection, time, data in reader.messages():
            writer.write(made[connection.topic], time, data)
    lift(tmp_path / "in", tmp_path / "out", lifter)
    assert [time for _, time, _ in read(tmp_path / "out")] == [received(n) for n in range(4)]


def test_what_is_there_already_is_not_replaced(tmp_path: Path, lifter: Lifter) -> None:
    source = make(tmp_path / "in", some(2))
    before = (source / "in.mcap").read_bytes()
    with pytest.raises(FileExistsError, match="there already"):
        lift(source, source, lifter)
    assert (source / "in.mcap").read_bytes() == before


def test_ctrl_c_leaves_no_bag(tmp_path: Path, lifter: Lifter, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Lifter.lift_h36m

    def interrupted_meanwhile(self: Lifter, *args: Any, **kwargs: Any) -> Lifted:
        os.kill(os.getpid(), signal.SIGINT)
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(Lifter, "lift_h36m", interrupted_meanwhile)
    with pytest.raises(Interrupted):
        lift(make(tmp_path / "in", some(3)), tmp_path / "out", lifter)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_results_are_called_as_the_lift_node_calls_them() -> None:
    assert output_topics(["/skeletons_2d"], False) == {"/skeletons_2d": ("/skeletons_3d", "/people", "")}
    assert output_topics(["/a/people", "/b/hands", "/b/people"], True) == {
        "/a/people": ("/a/skeletons_3d", "/a/people", "/a/hypotheses"),
        "/b/hands": ("/b/hands/skeletons_3d", "/b/hands/people", "/b/hands/hypotheses"),
        "/b/people": ("/b/people/skeletons_3d", "/b/people/people", "/b/people/hypotheses"),
    }
