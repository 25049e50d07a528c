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

"""Cyclone DDS types with the names and fields that rmw_cyclonedds gives to ROS 2 messages."""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclonedds.idl import make_idl_struct
from cyclonedds.idl import types as idl
from rosbags.interfaces import Nodetype

from diffupose_ros.standalone import definitions

PRIMITIVES: dict[str, Any] = {
    "bool": bool,
    "string": str,
    "byte": idl.byte,
    "char": idl.uint8,
    **{name: getattr(idl, name) for name in ("int8", "int16", "int32", "int64")},
    **{name: getattr(idl, name) for name in ("uint8", "uint16", "uint32", "uint64", "float32", "float64")},
}


def dds_name(typename: str) -> str:
    """Return e.g. ``sensor_msgs::msg::dds_::Image_``."""
    package, kind, name = typename.split("/")
    return f"{package}::{kind}::dds_::{name}_"


@cache
def dds_type(typename: str) -> Any:
    """Return the Cyclone type of a message, or of a service's request or response with its header."""
    fields = {name: _field_type(desc) for name, desc in definitions.typestore().fielddefs[typename][1]}
    if "/srv/" in typename:
        fields = {"client_guid": idl.uint64, "sequence_number": idl.int64, **fields}
    return make_idl_struct(typename.split("/")[2], dds_name(typename), fields)


def _field_type(desc: Any) -> Any:
    node, detail = desc
    if node == Nodetype.BASE:
        return PRIMITIVES[detail[0]]
    if node == Nodetype.NAME:
        return dds_type(detail)
    inner, size = detail
    if node == Nodetype.ARRAY:
        return idl.array[_field_type(inner), size]
    return idl.sequence[_field_type(inner), size] if size else idl.sequence[_field_type(inner)]
