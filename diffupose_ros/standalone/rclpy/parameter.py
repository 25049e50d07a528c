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

"""Parameter values."""

from __future__ import annotations

import array
from enum import Enum
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue

from .arguments import parse_value

PARAMETER_SEPARATOR_STRING = "."


class Parameter:
    """A name, a type and a value."""

    class Type(Enum):
        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, value: Any) -> Parameter.Type:
            """Return the type of a Python value.

            Raises:
                TypeError: no parameter can have this value.
            """
            if value is None:
                return cls.NOT_SET
            for python, kind in (
                (bool, cls.BOOL),
                (int, cls.INTEGER),
                (float, cls.DOUBLE),
                (str, cls.STRING),
            ):
                if isinstance(value, python):
                    return kind
            if isinstance(value, list | tuple | array.array):
                for python, kind in _ARRAYS:
                    if all(isinstance(v, python) for v in value):
                        return cls[kind]
            raise TypeError(f"The given value is not one of the allowed types '{value}'.")

        def check(self, value: Any) -> bool:
            """Return whether a value is of this type."""
            try:
                found = Parameter.Type.from_parameter_value(value)
            except TypeError:
                return False
            return found == self or (isinstance(value, list | tuple) and not value and "ARRAY" in self.name)

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        if type_ is None:
            type_ = Parameter.Type.from_parameter_value(value)
        if not isinstance(type_, Parameter.Type):
            raise TypeError("type must be an instance of `rclpy.parameter.Parameter.Type`")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self.name, self.type_, self.value = name, type_, value

    @classmethod
    def from_parameter_msg(cls, msg: ParameterMsg) -> Parameter:
        type_ = cls.Type(msg.value.type)
        return cls(msg.name, type_, parameter_value_to_python(msg.value))

    def get_parameter_value(self) -> ParameterValue:
        msg = ParameterValue(type=self.type_.value)
        if self.type_ != Parameter.Type.NOT_SET:
            setattr(msg, f"{self.type_.name.lower()}_value", self.value)
        return msg

    def to_parameter_msg(self) -> ParameterMsg:
        return ParameterMsg(name=self.name, value=self.get_parameter_value())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and (self.name, self.type_, self.value) == (
            other.name,
            other.type_,
            other.value,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, type={self.type_.name}, value={self.value!r})"


_ARRAYS = (
    (bytes, "BYTE_ARRAY"),
    (bool, "BOOL_ARRAY"),
    (int, "INTEGER_ARRAY"),
    (float, "DOUBLE_ARRAY"),
    (str, "STRING_ARRAY"),
)


def parameter_value_to_python(msg: ParameterValue) -> Any:
    """Return the Python value of a ParameterValue."""
    type_ = Parameter.Type(msg.type)
    if type_ == Parameter.Type.NOT_SET:
        return None
    value = getattr(msg, f"{type_.name.lower()}_value")
    return list(value) if "ARRAY" in type_.name else value


def get_parameter_value(string_value: str) -> ParameterValue:
    """Return the value that a text means in YAML."""
    return Parameter("", value=parse_value(string_value)).get_parameter_value()
