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

"""Reads .npz files of pickled dictionaries without letting the pickle run code.

Some data sets come as pickled dictionaries of arrays. numpy only reads them with ``allow_pickle``, which lets a file
run anything. Here a pickle may build arrays, numbers, strings and containers, and nothing else.
"""

import pickle
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

_BROKEN = (
    OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, MemoryError, NotImplementedError,
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError,
)  # fmt: skip
"""What reading a truncated or foreign file may raise."""


def load_objects(path: Path) -> dict[str, Any]:
    """Return what each 0-dimensional object array of an .npz file holds, by name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, not such a file, or its pickle wants to do more than hold data.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _load(archive, name) for name in archive.namelist()}
    except _BROKEN as error:
        raise ValueError(f"{path}: truncated, or not an .npz file of dictionaries: {error}") from None


def _load(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if dtype.kind != "O" or shape != ():
            raise ValueError(f"{name}: expected one pickled object, got an array {dtype} {shape}")
        return _Unpickler(file).load().item()


def _bytes(text: str, encoding: str) -> bytes:
    """How pickles of protocol 2 hold bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes written as {encoding}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Builds arrays, numbers and containers; refuses whatever else a pickle may name."""

    _ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # What these reduce to, wherever this version of numpy has it.
        ("numpy.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy.multiarray", "scalar"): np.float64(0).__reduce__()[0],
        ("numpy.numeric", "_frombuffer"): np.empty(1).__reduce_ex__(5)[0],
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): _bytes,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few things that data is built with."""
        plain = module.replace("numpy.core.", "numpy.").replace("numpy._core.", "numpy.")
        if (plain, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}, which no data needs: do not trust it")
        return self._ALLOWED[plain, name]
