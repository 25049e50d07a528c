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

"""A run on disk: an MCAP bag that ``ros2 bag`` plays, and its reader for the pictures."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from diffupose_ros.camera import Camera
from diffupose_ros.demo.arrays import Detection, Estimate, detections, estimates
from diffupose_ros.nodes.conversions import camera_from_info, stamp_ns
from diffupose_ros.standalone.definitions import own_types

FloatArray = npt.NDArray[np.floating]

BAG_VERSION = 8  # of the metadata; the newest that Humble reads too
CONVERTERS = {
    "skeletons_2d": detections,
    "skeletons_3d": estimates,
    "ground_truth": lambda message: {name: e.mean for name, e in estimates(message).items()},
}


@cache
def typestore() -> Typestore:
    """Return the definitions of ROS 2 Jazzy and our own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(own_types())
    return store


class BagRecorder:
    """Writes serialized messages into an MCAP rosbag2 folder; definitions and type hashes inside.

    >>> with BagRecorder(folder) as recorder:
    ...     recorder.write("/skeletons_2d", "diffupose_ros/msg/Skeleton2DArray", cdr, received_ns)

    Args:
        path: folder to make. An earlier bag there is replaced.

    Raises:
        FileExistsError: there is something at ``path`` that is not a bag.
    """

    def __init__(self, path: Path) -> None:
        _remove_bag(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._writer = Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._connections: dict[str, Connection] = {}

    def declare(self, topic: str, type_name: str) -> None:
        """Prepare a topic; its definitions take a while, which a first ``write`` would have to wait for."""
        self._connections[topic] = self._writer.add_connection(topic, type_name, typestore=typestore())

    def write(self, topic: str, type_name: str, data: bytes, received: int) -> None:
        """Append one message.

        Args:
            topic: with a leading slash.
            type_name: such as ``sensor_msgs/msg/CameraInfo``.
            data: CDR.
            received: nanoseconds since the epoch.
        """
        if topic not in self._connections:
            self.declare(topic, type_name)
        self._writer.write(self._connections[topic], received, data)

    def close(self) -> None:
        """Write the index and ``metadata.yaml``; harmless when done before."""
        if self._writer.storage is not None:
            if not any(self._writer.counts.values()):
                self._writer.min_timestamp = 0
            self._writer.close()

    def __enter__(self) -> "BagRecorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Frame:
    """What was said about one moment; people by id.

    Attributes:
        stamp: nanoseconds.
        detections: the 2D input.
        estimates: the 3D result; empty where none came.
        truth: true poses (17, 3) in metres in the camera's optical frame.
    """

    stamp: int
    detections: dict[str, Detection]
    estimates: dict[str, Estimate]
    truth: dict[str, FloatArray]


@dataclass(frozen=True)
class Recording:
    """A run.

    Attributes:
        frames: by increasing stamp.
        camera: of the 2D input; None where no usable CameraInfo was recorded.
        width, height: of the image in pixels; 0 where unknown.
    """

    frames: list[Frame]
    camera: Camera | None
    width: int
    height: int

    def answered(self) -> list[Frame]:
        """Return the frames that have a result with somebody in it."""
        return [f for f in self.frames if any(np.isfinite(e.mean).all() for e in f.estimates.values())]

    def people(self) -> list[str]:
        """Return all ids, sorted."""
        return sorted({person for frame in self.frames for person in (*frame.detections, *frame.estimates)})


def read_recording(path: Path) -> Recording:
    """Read a bag that has the topics of the demo, in whatever namespace.

    Raises:
        FileNotFoundError: no bag at ``path``.
    """
    if not (path / "metadata.yaml").is_file():
        raise FileNotFoundError(f"no bag at {path}: expected a folder with a metadata.yaml")
    parts: dict[str, dict[int, Any]] = {name: {} for name in CONVERTERS}
    camera_info, width, height = None, 0, 0
    for topic, message in _messages(path):
        if topic == "camera_info":
            camera_info = message
        else:
            parts[topic][stamp_ns(message.header)] = CONVERTERS[topic](message)
            if topic == "skeletons_2d":
                width, height = int(message.image_width), int(message.image_height)
    camera = _camera(camera_info) if camera_info is not None else None
    frames = [
        Frame(
            stamp,
            parts["skeletons_2d"].get(stamp, {}),
            parts["skeletons_3d"].get(stamp, {}),
            parts["ground_truth"].get(stamp, {}),
        )
        for stamp in sorted({*parts["skeletons_2d"], *parts["skeletons_3d"]})
    ]
    if camera is not None:
        width, height = width or camera.width, height or camera.height
    return Recording(frames, camera, width, height)


def _messages(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the last part of the topic's name, and the message, of the topics that the pictures need."""
    with AnyReader([path], default_typestore=typestore()) as reader:
        wanted = [c for c in reader.connections if c.topic.rpartition("/")[2] in (*CONVERTERS, "camera_info")]
        if wanted:
            for connection, _, data in reader.messages(connections=wanted):
                yield connection.topic.rpartition("/")[2], reader.deserialize(data, connection.msgtype)


def _camera(message: Any) -> Camera | None:
    try:
        return camera_from_info(message)
    except ValueError:
        return None


def _remove_bag(path: Path) -> None:
    if not path.exists():
        return
    strangers = [p for p in path.iterdir() if p.suffix != ".mcap" and p.name != "metadata.yaml"]
    if strangers:
        raise FileExistsError(f"{path} is not replaced: {strangers[0].name} in it is not part of a bag")
    shutil.rmtree(path)
