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

"""Where people say that files are, and results on disk."""

import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

_FILE_ADDRESS = re.compile(r"file:(?://?(?:localhost)?)?(?=[/~])")  # pathlib makes one slash of three


def user_path(written: str | Path) -> Path:
    """Return the path that somebody wrote: ``~`` is a home, and it may be an address, ``file:///...``.

    Raises:
        ValueError: there is no such home.
    """
    text = str(written)
    if address := _FILE_ADDRESS.match(text):
        text = unquote(text[address.end() :], errors="surrogateescape")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{written}: {error}") from None


def cache_folder() -> Path:
    """Return the user's folder for what is downloaded or can be made again; it need not exist.

    Raises:
        FileNotFoundError: the user has no home, nor set another place.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "diffupose_ros"
    except RuntimeError:
        raise FileNotFoundError(
            "no home directory to keep weights in: set HOME or XDG_CACHE_HOME, or give the path of a file"
        ) from None


def one_line(error: Exception) -> str:
    """Return the beginning of an error's text on one line: those of torch and onnxruntime go over many."""
    return " ".join(str(error).split())[:300]


def opencv_name(path: Path) -> str:
    """Return the path as OpenCV takes it, which crashes on names that are not UTF-8.

    Raises:
        ValueError: it is such a name.
    """
    try:
        return str(path).encode().decode()
    except UnicodeEncodeError:
        raise ValueError(f"{str(path)!r}: not a name in UTF-8, which OpenCV needs: rename it") from None


def check_downloaded(path: Path) -> None:
    """Refuse what comes in place of a large file: a page of a web site, a pointer of Git LFS.

    Raises:
        OSError: it cannot be read.
        ValueError: it is one of these; says how to get the file itself.
    """
    with open(path, "rb") as file:
        begin = file.read(512).lstrip().lower()
    if begin.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path}: a pointer of Git LFS, not the file itself: get that with `git lfs pull`")
    if begin.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{path}: a page of a web site, not the file itself: download it again, and look at the page")


def load_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file, by name; no code of the file is run.

    Raises:
        ValueError: truncated, damaged, or not an .npz file of plain arrays.
    """
    broken = OSError, ValueError, TypeError, LookupError, EOFError, RuntimeError, MemoryError, SyntaxError
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as loaded:
            arrays = dict(loaded)
    except (*broken, zipfile.BadZipFile, zlib.error):  # numpy's own words advise to load it unsafely
        arrays = {"": None}
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):  # bytes, of what is no array
        raise ValueError(f"{path}: truncated, or not an .npz file of plain arrays")
    return arrays


def make_folder(path: Path) -> None:
    """Make a folder to write to, where there is none.

    Raises:
        NotADirectoryError: there is a file of that name.
        OSError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"{path} is a file: expected a folder to write to, or a name that is free") from None


def write_text(text: str, path: Path) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
