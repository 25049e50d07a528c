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

"""Bags of others, opened as they come: whole, as single files, without metadata; or refused with what to do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rosbags.highlevel import AnyReader

from diffupose_ros.bags import typestore

_FILES = (".mcap", ".db3")
_MCAP = b"\x89MCAP0\r\n\x01"  # how a file begins; then come the header's length, its profile and its library
_PROFILE, _PROFILE_AT, _LIBRARY = b"ros2", 17, 25  # _LIBRARY: where its name begins, where there is no profile


@contextmanager
def open_reader(path: Path) -> Iterator[AnyReader]:
    """Open a rosbag2 folder, a single .mcap or .db3 file, or the files of a folder that lost its metadata.yaml.

    Raises:
        FileNotFoundError: no bag at ``path``.
        ValueError: it is something else, or damaged; says which, in one line.
    """
    files = _files_of(path)
    with TemporaryDirectory() as folder:
        try:
            reader = AnyReader([_with_profile(file, Path(folder)) for file in files], default_typestore=typestore())
            reader.open()
        except Exception as error:  # noqa: BLE001 - each storage raises other kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be read as a bag: {reason} ({_hint(reason)})") from None
        try:
            yield reader
        finally:
            reader.close()


def _files_of(path: Path) -> list[Path]:
    """Return what is to be opened of a bag."""
    expected = "expected a rosbag2 folder, or an .mcap or .db3 file"
    if not path.exists():
        raise FileNotFoundError(f"no bag at {path}: {expected}")
    if path.is_dir():
        if (path / "metadata.yaml").is_file():
            return [path]
        if files := sorted(file for file in path.iterdir() if file.suffix in _FILES):
            return files
        if compressed := sorted(path.glob("*.zst*")):
            return _files_of(compressed[0])
        raise FileNotFoundError(f"{path} is no bag: neither metadata.yaml nor an .mcap or .db3 file in it")
    if path.suffix in (".zstd", ".zst"):
        raise ValueError(f"{path} is compressed: give its folder, with metadata.yaml, or decompress it: zstd -d {path}")
    if path.suffix == ".bag":
        raise ValueError(f"{path} is a bag of ROS 1: convert it, with rosbags-convert")
    if path.suffix not in _FILES:
        raise ValueError(f"{path} is no bag: {expected}")
    return [path]


def _with_profile(path: Path, folder: Path) -> Path:
    """Return an MCAP file that says it is of ROS 2, which the reader wants to hear: a copy, where it says nothing.

    The word takes its room from the name of the library that wrote the file, so that nothing else moves.
    """
    if not path.is_file() or path.suffix != ".mcap":
        return path
    with open(path, "rb") as file:
        begin = file.read(_LIBRARY)
    length = int.from_bytes(begin[_LIBRARY - 4 :], "little") - len(_PROFILE)
    if not begin.startswith(_MCAP) or begin[_PROFILE_AT : _LIBRARY - 4] != bytes(4) or length < 0:
        return path
    copy = folder / path.name
    shutil.copyfile(path, copy)
    with open(copy, "r+b") as file:
        file.seek(_PROFILE_AT)
        file.write(len(_PROFILE).to_bytes(4, "little") + _PROFILE + length.to_bytes(4, "little"))
    return copy


def _hint(reason: str) -> str:
    """Return what to do about what the reader of a bag said."""
    if "Profile" in reason:
        return "it says that it is of something else than ROS 2, or nothing; if so, give the .mcap file itself"
    if "end magic" in reason or "footer" in reason:
        return "it was not finished, or is cut off; `mcap recover` makes it whole"
    return "is it one, and was it finished? Else try `mcap recover`, or `ros2 bag reindex`"
