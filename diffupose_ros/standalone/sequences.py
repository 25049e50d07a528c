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

"""Field values that are what rclpy gives and can also be written by rosbags' CDR code as they are."""

from __future__ import annotations

import array
from collections.abc import Iterable
from typing import Any

import numpy as np

# ROS type -> typecode of the array.array that rclpy uses for a sequence of it.
TYPECODES = {
    "int8": "b",
    "uint8": "B",
    "char": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}


class Byte(bytes):
    """One ``byte``: bytes of length 1, as in rclpy, that packs like an integer."""

    def __index__(self) -> int:
        return self[0]


class PrimitiveSequence(array.array):  # type: ignore[type-arg]
    """array.array with the one method that rosbags asks of a sequence."""

    def view(self, _dtype: Any) -> memoryview | bytes:
        """Return the raw bytes, without a copy."""
        return memoryview(self).cast("B") if self else b""

    def __repr__(self) -> str:
        return f"array({self.typecode!r}, {self.tolist()})"


class BoolList(list):  # type: ignore[type-arg]
    """``bool[]``: a list, as in rclpy."""

    def view(self, _dtype: Any) -> bytes:
        """Return one byte for each value."""
        return bytes(map(bool, self))


class ByteList(list):  # type: ignore[type-arg]
    """``byte[]``: a list of bytes of length 1, as in rclpy."""

    def view(self, _dtype: Any) -> bytes:
        """Return the values joined."""
        return b"".join(self)


def to_byte(value: Any) -> Byte:
    """Return a Byte from bytes of length 1, or from an integer."""
    made = Byte((value,)) if isinstance(value, int) else Byte(value)
    if len(made) != 1:
        raise AssertionError(f"a byte field takes bytes of length 1, not {value!r}")
    return made


def to_sequence(code: str, value: Any) -> PrimitiveSequence:
    """Return a sequence from a list, tuple, array, numpy vector, bytes or any iterable of numbers.

    Only what came out of such a field is kept as it is, without a copy.
    """
    if type(value) is PrimitiveSequence and value.typecode == code:
        return value
    made = PrimitiveSequence(code)
    if isinstance(value, np.ndarray):
        if value.ndim != 1:
            raise AssertionError(f"a sequence field takes one dimension, not shape {value.shape}")
        made.frombytes(np.ascontiguousarray(value, np.dtype(code)).view(np.uint8))
    elif isinstance(value, bytes | bytearray | memoryview) and code in "bB":
        made.frombytes(value)
    else:
        made.extend(value)
    return made


def to_array(code: str, size: int, value: Any) -> np.ndarray[Any, Any]:
    """Return a numpy vector of the field's fixed size; the same object where it already is one."""
    made = np.ascontiguousarray(value, np.dtype(code))
    if made.shape != (size,):
        raise AssertionError(f"a field of {size} numbers takes shape ({size},), not {made.shape}")
    return made


def to_bools(value: Iterable[Any]) -> BoolList:
    """Return a list of bools."""
    return BoolList(map(bool, value))


def to_bytes_list(value: Iterable[Any]) -> ByteList:
    """Return a list of bytes of length 1."""
    return ByteList(map(to_byte, value))
