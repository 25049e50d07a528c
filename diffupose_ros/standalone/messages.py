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

"""Message classes with rclpy's behaviour, made from the definitions in the typestore."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys.base import normalize_fieldname

from diffupose_ros.standalone import definitions, sequences

ROS_NAMES = {"float32": "float", "float64": "double", "byte": "octet", "bool": "boolean", "char": "uint8"}
BYTE_MAKERS = {"bool": "to_bools", "byte": "to_bytes_list"}


class Message:
    """What all message classes share."""

    __slots__ = ()
    __msgtype__ = ""
    _fields_and_field_types: ClassVar[dict[str, str]] = {}
    structure_needs_at_least_one_member = 0  # what rosidl writes for a definition without fields

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Return field name -> ROS type name, in the definition's order."""
        return dict(cls._fields_and_field_types)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return False
        return all(_equal(getattr(self, f), getattr(other, f)) for f in self._fields_and_field_types)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        package, kind, name = self.__msgtype__.split("/")
        fields = ", ".join(f"{f}={getattr(self, f)!r}" for f in self._fields_and_field_types)
        return f"{package}.{kind}.{name}({fields})"


@dataclass(frozen=True)
class Field:
    """How one field is stored: source text of its default, of its coercion, and of reading the wire."""

    name: str
    ros_type: str
    default: str
    coerce: str = ""  # "" = stored as assigned
    wire: str = "{}"

    @property
    def slot(self) -> str:
        return f"_{self.name}" if self.coerce else self.name


@cache
def message_class(typename: str) -> Any:
    """Return the class of e.g. ``sensor_msgs/msg/Image``; always the same object."""
    constants, fielddefs = definitions.typestore().fielddefs[typename]
    fields = [_field(typename, normalize_fieldname(n), d) for n, d in fielddefs if n != EMPTY]
    package, kind, name = typename.split("/")
    namespace: dict[str, Any] = {
        "__slots__": [field.slot for field in fields],
        "__module__": f"{package}.{kind}",
        "__msgtype__": typename,
        "_fields_and_field_types": {field.name: field.ros_type for field in fields},
    }
    scope: dict[str, Any] = {"seq": sequences, "np": np, "message_class": message_class}
    exec(_source(fields), scope)
    for made in ("__init__", *(field.name for field in fields if field.coerce)):
        namespace[made] = scope[made]
    for constant, ros_type, value in constants:
        namespace[constant] = bytes((int(value),)) if ros_type == "byte" else value
    cls = type(name, (Message,), namespace)
    scope["cls"], scope["new"] = cls, object.__new__
    cls._from_wire = staticmethod(scope["from_wire"])  # type: ignore[attr-defined]
    return cls


EMPTY = "structure_needs_at_least_one_member"


@cache
def service_class(typename: str) -> Any:
    """Return the class of e.g. ``rcl_interfaces/srv/GetParameters`` with its Request and Response."""
    package, kind, name = typename.split("/")
    parts = {part: message_class(f"{typename}_{part}") for part in ("Request", "Response")}
    return type(name, (), {"__module__": f"{package}.{kind}", "__srvtype__": typename, **parts})


def _field(typename: str, name: str, desc: Any) -> Field:
    node, detail = desc
    if node == Nodetype.BASE:
        return _scalar(typename, name, detail[0])
    if node == Nodetype.NAME:
        return Field(name, _ros_name(desc), f"message_class({detail!r})()")
    (inner_node, inner), size = detail
    fixed = node == Nodetype.ARRAY
    ros_type = f"{_ros_name(detail[0])}[{size}]" if fixed else _sequence_name(detail[0], size)
    if inner_node == Nodetype.NAME:
        default = f"[message_class({inner!r})() for _ in range({size})]" if fixed else "[]"
        return Field(name, ros_type, default)
    base = inner[0]
    if base == "string":
        return Field(name, ros_type, f"[''] * {size}" if fixed else "[]")
    if base in BYTE_MAKERS:
        call = f"seq.{BYTE_MAKERS[base]}({{}})"
        zeros = "(0,) * " + str(size) if fixed else "()"
        return Field(name, ros_type, call.format(zeros), call, call.replace("{}", "{}.tolist()"))
    code = sequences.TYPECODES[base]
    if fixed:
        return Field(
            name,
            ros_type,
            f"np.zeros({size}, {code!r})",
            f"seq.to_array({code!r}, {size}, {{}})",
            "{}.copy()",
        )
    call = f"seq.to_sequence({code!r}, {{}})"
    return Field(name, ros_type, f"seq.PrimitiveSequence({code!r})", call, call)


def _scalar(typename: str, name: str, base: str) -> Field:
    if base == "byte":
        return Field(name, "octet", r"seq.Byte(b'\0')", "seq.to_byte({})", "seq.to_byte({})")
    zero = {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}.get(base, 0)
    return Field(name, ROS_NAMES.get(base, base), repr(definitions.DEFAULTS.get((typename, name), zero)))


def _ros_name(desc: Any) -> str:
    node, detail = desc
    if node == Nodetype.NAME:
        return str(detail).replace("/msg/", "/")
    return ROS_NAMES.get(detail[0], detail[0])


def _sequence_name(desc: Any, size: int) -> str:
    return f"sequence<{_ros_name(desc)}, {size}>" if size else f"sequence<{_ros_name(desc)}>"


def _source(fields: list[Field]) -> str:
    """Return the source of ``__init__``, ``from_wire`` and the properties of one class."""
    lines = [f"def __init__(self{', *' if fields else ''}{''.join(f', {f.name}=None' for f in fields)}):"]
    lines += ["  pass"]
    for f in fields:
        value = f.coerce.format(f.name) if f.coerce else f.name
        lines.append(f"  self.{f.slot} = {f.default} if {f.name} is None else {value}")
    lines += [f"def from_wire({', '.join(f.name for f in fields) or '_'}):", "  self = new(cls)"]
    lines += [f"  self.{f.slot} = {f.wire.format(f.name)}" for f in fields]
    lines += ["  return self"]
    for f in fields:
        if f.coerce:
            lines += [
                f"def _get(self): return self.{f.slot}",
                f"def _set(self, value): self.{f.slot} = {f.coerce.format('value')}",
                f"{f.name} = property(_get, _set)",
            ]
    return "\n".join(lines)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right))
    return bool(left == right)
