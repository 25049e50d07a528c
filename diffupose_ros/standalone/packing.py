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

"""CDR of small messages that are nothing but numbers of one size, such as points and poses, in one go.

rosbags' code writes one number at a time, and asks for the code of each part again; a marker array is made of such
parts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rosbags.interfaces import Nodetype

CODES = {
    "int8": "b",
    "uint8": "B",
    "char": "B",
    "bool": "?",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "int64": "q",
    "uint64": "Q",
    "float64": "d",
}
Serializer = Callable[[Any, int, Any, Any], int]


def serializer(typename: str, fielddefs: Callable[[str], Any]) -> Serializer | None:
    """Return what writes a message of numbers of one size, which CDR puts side by side; None for any other.

    Args:
        typename: of the message.
        fielddefs: gives the fields of a type, as rosbags' typestores keep them.
    """
    numbers = _numbers(typename, fielddefs)
    if numbers is None or len({struct.calcsize(f"<{code}") for _, code in numbers}) != 1:
        return None
    layout = struct.Struct("<" + "".join(code for _, code in numbers))
    scope: dict[str, Any] = {"pack": layout.pack_into}
    values = ", ".join(f"message.{path}" for path, _ in numbers)
    exec(
        f"def serialize(data, start, message, _):\n  pack(data, start, {values})\n  return start + {layout.size}\n",
        scope,
    )
    made: Serializer = scope["serialize"]
    return made


def _numbers(typename: str, fielddefs: Callable[[str], Any]) -> list[tuple[str, str]] | None:
    """Return (path, code) of all numbers in a message; None where there is anything else in it, or nothing."""
    found: list[tuple[str, str]] = []
    for name, (kind, detail) in fielddefs(typename):
        if kind == Nodetype.NAME:
            inner = _numbers(detail, fielddefs)
            if inner is None:
                return None
            found += [(f"{name}.{path}", code) for path, code in inner]
        elif kind == Nodetype.BASE and detail[0] in CODES:
            found.append((name, CODES[detail[0]]))
        else:
            return None
    return found or None
