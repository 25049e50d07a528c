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

"""Parameters from one table: declared, described, checked, and kept as attributes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

DEVICES = ("auto", "cpu", "cuda", "cuda:N")
_EXPECTED = {bool: "true or false", int: "a whole number", str: "text"}


@dataclass(frozen=True)
class Parameter:
    """One row of a node's table.

    Attributes:
        name: of the parameter.
        default: its value unless the user sets another; gives the type. A list that is empty is of texts; no other may
            be set to an empty one. One entry alone needs no brackets.
        description: one line, with the unit.
        low, high: range of a number, both included; of each, in a list of numbers.
        choices: values allowed of a string, N in one stands for a whole number; of each, in a list of strings.
        effect: when a change takes effect: on the next message (live), at the next activate or configure,
            or never (start): it is read-only then.
        or_number: a whole number counts as the string of it, which is how YAML reads ``0``.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    effect: Literal["live", "activate", "configure", "start"] = "configure"
    or_number: bool = False

    @property
    def _any_type(self) -> bool:
        """Whether ROS must let values of other types pass: people write 1 for 1.0, and a for [a]."""
        return self.or_number or isinstance(self.default, float | list)

    @property
    def _one(self) -> Any:
        """The default, of a list its first entry: the type of what is checked."""
        return (self.default or [""])[0] if isinstance(self.default, list) else self.default

    def typed(self, value: Any) -> Any:
        """Return a value that is not refused, in the parameter's own type."""
        if isinstance(self.default, list):
            return [type(self._one)(each) for each in _entries(value)]
        return type(self.default)(value) if self._any_type else value

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that `ros2 param describe` shows."""
        effect = {"live": "live", "start": "read-only"}.get(self.effect, f"takes effect at {self.effect}")
        descriptor = ParameterDescriptor(
            name=self.name,
            description=f"{self.description} ({effect})",
            read_only=self.effect == "start",
            dynamic_typing=self._any_type,
        )
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.low is not None and isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high, step=0.0)]
        elif self.low is not None and isinstance(self.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)]
        return descriptor

    def refusal(self, value: Any) -> str:
        """Return why ``value`` is refused, or nothing."""
        if not isinstance(self.default, list):
            unset = f"{self.name}: a parameter of this node cannot be unset"
            return unset if value is None else self._refusal_of(value)
        entries = _entries(value)
        if (self.default and not entries) or (isinstance(self._one, str) and len(set(entries)) < len(entries)):
            return f"{self.name}: expected {'at least one, ' * bool(self.default)}all different, got {entries}"
        return next(filter(None, map(self._refusal_of, entries)), "")

    def _refusal_of(self, value: Any) -> str:
        """Return why a value that is no list is refused, or an entry of one."""
        if isinstance(self._one, float) and (isinstance(value, bool) or not isinstance(value, float | int)):
            return f"{self.name}: expected a number, got {value!r}"
        if self.low is not None and not self.low <= value <= self.high:
            return f"{self.name}: expected {self.low:g} to {self.high:g}, got {value:g}"
        if self.or_number and (isinstance(value, bool) or not isinstance(value, str | int)):
            return f"{self.name}: expected text or a whole number, got {value!r}"
        if self.choices and not self._is_choice(value):
            return f"{self.name}: expected one of {', '.join(self.choices)}, got {value!r}"
        if isinstance(self.default, list) and isinstance(self._one, str) and not (isinstance(value, str) and value):
            return f"{self.name}: expected a text, or several in brackets, [a, b], got {value!r}"
        return ""

    def _is_choice(self, value: Any) -> bool:
        patterns = [re.escape(choice).replace("N", r"\d+") for choice in self.choices]
        return any(re.fullmatch(pattern, str(value)) for pattern in patterns)


def _entries(value: Any) -> list[Any]:
    """Return what a list was given as: one entry alone, or several; ROS reads ``[]`` as nothing."""
    return [value] if isinstance(value, str | float | int) else list(value or ())


class Parameters:
    """The values of a node's parameters, always the latest, by name.

    Args:
        node: on which they are declared.
        table: its parameters.

    Raises:
        ValueError: the user gave a value that is refused; says what was expected.
    """

    def __init__(self, node: Any, table: Iterable[Parameter]) -> None:
        self._table = {row.name: row for row in table}
        self._node = node
        for row in self._table.values():
            try:
                node.declare_parameter(row.name, row.default, row.descriptor())
            except InvalidParameterTypeException as error:
                raise ValueError(f"{row.name}: expected {_EXPECTED[type(row.default)]}: {error}") from None
            except InvalidParameterValueException as error:  # out of its range
                raise ValueError(f"{row.name}: {error}") from None
            refusal = row.refusal(node.get_parameter(row.name).value)
            if refusal:
                raise ValueError(refusal)
        node.add_on_set_parameters_callback(self._check)

    def __getitem__(self, name: str) -> Any:
        return self._table[name].typed(self._node.get_parameter(name).value)

    def _check(self, parameters: list[Any]) -> SetParametersResult:
        refusals = [self._table[p.name].refusal(p.value) for p in parameters if p.name in self._table]
        reason = "; ".join(filter(None, refusals))
        return SetParametersResult(successful=not reason, reason=reason)
