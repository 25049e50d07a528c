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

"""Paths as people write them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.detection.frames import open_source
from diffupose_ros.detection.weights import find_weights
from diffupose_ros.files import load_arrays, make_folder, user_path
from diffupose_ros.lifting.weights import weights_path
from diffupose_ros.profiles import load_profile
from diffupose_ros.resources import resource_path

WRITTEN = ["~/a b.pth", "file://{home}/a%20b.pth", "file://localhost{home}/a%20b.pth", "file:{home}/a b.pth"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("written", [*WRITTEN, "{home}/a b.pth"])
def test_a_home_and_an_address_are_understood(home: Path, written: str) -> None:
    written = written.format(home=home)
    assert user_path(written) == user_path(Path(written)) == home / "a b.pth"


def test_relative_paths_percents_and_addresses_of_other_kinds_stay() -> None:
    for written in ("a%20b", "file.yaml", "x/~y", "rtsp:/camera", "file:name", "", "0"):
        assert user_path(written) == Path(written)


def test_a_home_that_nobody_has_is_said() -> None:
    with pytest.raises(ValueError, match="~nobody-of-that-name/x: Could not determine home directory"):
        user_path("~nobody-of-that-name/x")


@pytest.mark.parametrize("written", WRITTEN)
def test_weights_profiles_and_images_are_found_there(home: Path, written: str) -> None:
    written, file = written.format(home=home), home / "a b.pth"
    file.write_bytes(resource_path("resource/profiles/hrnet.json").read_bytes())
    assert weights_path(written) == find_weights(written) == file
    assert load_profile(written).name == "hrnet"
    with pytest.raises(ValueError, match=r"a b\.pth is no video that OpenCV can read"):
        open_source(written)


def test_the_command_line_understands_what_shells_leave_alone(home: Path) -> None:
    testing = pytest.importorskip("typer.testing", reason="optional on a ROS 2")
    from diffupose_ros.cli import app

    for option in ("--lifter=~/none.pt", "--lifter=file:///none.pt"):
        result = testing.CliRunner().invoke(app, ["run", "~/no video", option])
        assert result.exit_code == 1 and f"no video at {home / 'no video'}" in result.output
    result = testing.CliRunner().invoke(app, ["run", "~nobody-of-that-name/video"])
    assert result.exit_code == 2 and "~nobody-of-that-name/video" in result.output


@pytest.mark.parametrize(("place", "byte"), [(6, 1), (8, 99), (4, 255)], ids=["encrypted", "compression", "version"])
def test_arrays_of_damaged_archives_are_refused(tmp_path: Path, place: int, byte: int) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(3))
    data, path = bytearray(buffer.getvalue()), tmp_path / "arrays.npz"
    path.write_bytes(data)
    assert load_arrays(path)["a"].tolist() == [0, 1, 2]
    for begin, shift in ((data.index(b"PK\x03\x04"), 0), (data.index(b"PK\x01\x02"), 2)):
        data[begin + place + shift] = byte
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"truncated, or not an \.npz file of plain arrays"):
        load_arrays(path)


def test_archives_of_no_arrays_and_single_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.save(tmp_path / "single.npy", np.arange(3))
    (tmp_path / "single.npy").rename(path)
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        load_arrays(path)
    np.savez(path, a=np.array([{}], object))
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        load_arrays(path)


def test_a_file_where_a_folder_shall_be_is_said(tmp_path: Path) -> None:
    make_folder(tmp_path / "some" / "folder")
    make_folder(tmp_path / "some")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"file is a file: expected a folder to write to"):
        make_folder(tmp_path / "file")
