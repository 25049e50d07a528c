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

"""2D skeletons in a bag, each with the camera that saw it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from sensor_msgs.msg import CameraInfo

from diffupose_ros.bags import typestore
from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.lift.intake import NO_VIEW, View, read_camera
from diffupose_ros.offline.bag_reader import open_reader
from diffupose_ros.offline.messages import type_name

SKELETONS, CAMERA = type_name(Skeleton2DArray), type_name(CameraInfo)


@dataclass(frozen=True)
class Seen:
    """A message of 2D skeletons.

    Attributes:
        topic: on which it came.
        received: when, in nanoseconds.
        message: itself; None where its bytes are not one.
        view: the camera.
    """

    topic: str
    received: int
    message: Skeleton2DArray | None
    view: View


class BagInput:
    """The 2D skeletons of an open bag.

    Where a bag has several cameras, skeletons belong to the one of their ``frame_id``; of several in the same frame,
    to that whose topic is in the nearest namespace.

    Args:
        reader: of the bag, open.
        rectified: skeletons were found in the rectified image: use P of the CameraInfo, no distortion.

    Attributes:
        topics: of the skeletons, sorted.
        count: messages of skeletons.

    Raises:
        ValueError: no skeletons, no CameraInfo, or another version of their definitions.
    """

    def __init__(self, reader: AnyReader, rectified: bool) -> None:
        self._reader, self._rectified = reader, rectified
        self._skeletons = self._connections(SKELETONS)
        self._cameras = self._connections(CAMERA)
        self.topics = sorted({connection.topic for connection in self._skeletons})
        self.count = sum(connection.msgcount for connection in self._skeletons)
        self._views = {connection.topic: self._first(connection) for connection in reversed(self._cameras)}

    def __iter__(self) -> Iterator[Seen]:
        """Yield all messages of skeletons in the order in which they were received.

        The camera is what the latest CameraInfo said; before there was one, what the first one says.

        Raises:
            ValueError: skeletons in a frame that is none of several cameras', or a damaged bag.
        """
        for connection, received, data in self._messages([*self._skeletons, *self._cameras]):
            topic = connection.topic
            if connection.msgtype == CAMERA:
                self._views[topic] = self._read(data, self._views[topic])
                continue
            message = _decoded(data, Skeleton2DArray)
            yield Seen(topic, received, message, self._view(topic, message) if message is not None else NO_VIEW)

    def _connections(self, kind: str) -> list[Connection]:
        found = [c for c in self._reader.connections if c.msgtype == kind and c.msgcount]
        if not found:
            there = ", ".join(f"{c.topic} ({c.msgtype})" for c in self._reader.connections) or "nothing"
            raise ValueError(f"no message of type {kind} in the bag; there is: {there}")
        if any(c.digest and c.digest != typestore().hash_rihs01(kind) for c in found):
            raise ValueError(f"the bag was recorded with another version of {kind} than this package's")
        return found

    def _messages(self, connections: list[Connection]) -> Iterator[tuple[Connection, int, bytes]]:
        try:
            yield from self._reader.messages(connections)
        except Exception as error:  # noqa: BLE001 - each storage raises other kinds
            raise ValueError(f"the bag is damaged; try `mcap recover`. Reading it failed with: {error}") from None

    def _first(self, connection: Connection) -> View:
        for _, _, data in self._messages([connection]):
            return self._read(data, NO_VIEW)
        raise ValueError(f"the bag is damaged: it counts messages on {connection.topic}, and has none")

    def _read(self, data: bytes, previous: View) -> View:
        info = _decoded(data, CameraInfo)
        return previous if info is None else read_camera(info, self._rectified, previous)

    def _view(self, topic: str, message: Skeleton2DArray) -> View:
        frame = message.header.frame_id
        candidates = {t: v for t, v in self._views.items() if v.frame_id == frame} or self._views
        if len(self._views) > 1 and candidates is self._views:
            cameras = ", ".join(f"{v.frame_id!r} ({t})" for t, v in sorted(self._views.items()))
            raise ValueError(f"{topic}: skeletons in frame {frame!r}, which is no camera's: there are {cameras}")
        return candidates[max(candidates, key=lambda camera: len(commonpath([camera, topic])))]


@contextmanager
def open_bag(path: Path, rectified: bool) -> Iterator[BagInput]:
    """Open a bag of whatever ``open_reader`` takes.

    Raises:
        FileNotFoundError: no bag at ``path``.
        ValueError: it is damaged, or lacks what is needed.
    """
    with open_reader(path) as reader:
        yield BagInput(reader, rectified)


def _decoded(data: bytes, kind: Any) -> Any:
    """Return a message; None where the bytes are not one."""
    try:
        return deserialize_message(bytes(data), kind)
    except Exception:  # noqa: BLE001 - rclpy and our runtime raise other kinds
        return None
