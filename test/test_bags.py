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

"""Bags appear whole or not at all, in both formats."""

from pathlib import Path

import pytest
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from std_msgs.msg import Header

from diffupose_ros.bags import BagRecorder, Storage

STORAGES = ("mcap", "sqlite3")


def write(recorder: BagRecorder, count: int) -> None:
    for stamp in range(1, count + 1):
        recorder.write("/header", "std_msgs/msg/Header", serialize_message(Header(frame_id=str(stamp))), stamp)


def frames(path: Path) -> list[str]:
    with AnyReader([path]) as reader:
        return [reader.deserialize(data, c.msgtype).frame_id for c, _, data in reader.messages()]


@pytest.mark.parametrize("storage", STORAGES)
def test_a_bag_is_there_when_it_is_whole(tmp_path: Path, storage: Storage) -> None:
    path = tmp_path / "deep" / "bag"
    recorder = BagRecorder(path, storage)
    write(recorder, 3)
    assert not path.exists()  # nor would it be, were this process killed now
    recorder.close()
    recorder.close()
    assert frames(path) == ["1", "2", "3"]
    assert list(path.parent.iterdir()) == [path]
    assert f"bag.{'mcap' if storage == 'mcap' else 'db3'}" in {p.name for p in path.iterdir()}
    assert f"storage_identifier: {storage}" in (path / "metadata.yaml").read_text()


@pytest.mark.parametrize("storage", STORAGES)
def test_after_an_error_the_earlier_bag_is_as_it_was(tmp_path: Path, storage: Storage) -> None:
    with BagRecorder(tmp_path / "bag", storage) as recorder:
        write(recorder, 3)
    with pytest.raises(ZeroDivisionError), BagRecorder(tmp_path / "bag", storage) as recorder:
        write(recorder, 1)
        raise ZeroDivisionError
    assert frames(tmp_path / "bag") == ["1", "2", "3"]
    assert list(tmp_path.iterdir()) == [tmp_path / "bag"]


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    write(BagRecorder(tmp_path / "bag"), 1)
    with BagRecorder(tmp_path / "bag") as recorder:
        write(recorder, 2)
    assert frames(tmp_path / "bag") == ["1", "2"]
    assert list(tmp_path.iterdir()) == [tmp_path / "bag"]


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "bag").write_text("years of work")
    with pytest.raises(FileExistsError, match="it is a file"):
        BagRecorder(tmp_path / "bag")
    assert (tmp_path / "bag").read_text() == "years of work"
