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

"""Bags on disk that ``ros2 bag`` plays, written without ROS 2."""

import shutil
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from diffupose_ros.standalone.definitions import own_types

BAG_VERSION: Literal[8] = 8  # of the metadata; the newest that Humble reads too
Storage = Literal["mcap", "sqlite3"]


@cache
def typestore() -> Typestore:
    """Return the definitions of ROS 2 Jazzy and our own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(own_types())
    return store


class BagRecorder:
    """Writes serialized messages into a rosbag2 folder; definitions and type hashes inside.

    The folder appears when all is written: until then its files are in ``PATH.unfinished``, which is what a killed
    process leaves.

    >>> with BagRecorder(folder) as recorder:
    ...     recorder.write("/skeletons_2d", "diffupose_ros/msg/Skeleton2DArray", cdr, received_ns)

    Args:
        path: folder to make. An earlier bag there is replaced, at the end.
        storage: format of the file in it.

    Raises:
        FileExistsError: there is something at ``path`` that is not a bag.
    """

    def __init__(self, path: Path, storage: Storage = "mcap") -> None:
        _refuse_strangers(path)
        self.path = path.absolute()
        self._unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        if self._unfinished.exists():
            shutil.rmtree(self._unfinished)
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        self._writer = Writer(self._unfinished / self.path.name, version=BAG_VERSION, storage_plugin=plugin)
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
        """Write the index and ``metadata.yaml``, and put the bag into its place; harmless when done before."""
        if self._writer.storage is None:
            return
        if not any(self._writer.counts.values()):
            self._writer.min_timestamp = 0
        self._writer.close()
        if self.path.exists():
            shutil.rmtree(self.path)
        (self._unfinished / self.path.name).rename(self.path)
        self._unfinished.rmdir()

    def discard(self) -> None:
        """Delete what was written; harmless after ``close``."""
        if self._writer.storage is not None:
            self._writer.abort()
            shutil.rmtree(self._unfinished)

    def __enter__(self) -> "BagRecorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if error is None else self.discard()


def _refuse_strangers(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise FileExistsError(f"{path} is not replaced: it is a file, expected a new folder's name or an earlier bag's")
    strangers = [p for p in path.iterdir() if p.suffix not in (".mcap", ".db3") and p.name != "metadata.yaml"]
    if strangers:
        raise FileExistsError(f"{path} is not replaced: {strangers[0].name} in it is not part of a bag")
