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

"""The parameters of one node: declared, described, checked, changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import ListParametersResult, ParameterDescriptor, ParameterEvent, SetParametersResult

from .exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from .parameter import PARAMETER_SEPARATOR_STRING, Parameter

Check = Callable[[list[Parameter]], SetParametersResult]
DEPTH_RECURSIVE = 0


class ParameterServer:
    """Mixin of Node. Attributes that it needs are made by ``_start_parameters``."""

    _parameters: dict[str, Parameter]
    _descriptors: dict[str, ParameterDescriptor]

    def _start_parameters(self, overrides: dict[str, Any], allow_undeclared: bool) -> None:
        self._parameters = {}
        self._descriptors = {}
        self._overrides = {name: Parameter(name, value=value) for name, value in overrides.items()}
        self._allow_undeclared = allow_undeclared
        self._on_set: list[Check] = []
        self._post_set: list[Callable[[list[Parameter]], None]] = []
        self._parameter_events: Any = None

    def declare_parameter(
        self,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare one parameter; its value is the override where there is one."""
        return self.declare_parameters(
            "", [(name, value, descriptor or ParameterDescriptor())], ignore_override=ignore_override
        )[0]

    def declare_parameters(
        self, namespace: str, parameters: Sequence[tuple[Any, ...]], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare (name, value, descriptor) tuples, the last two optional.

        Raises:
            ParameterAlreadyDeclaredException: a name is taken.
            InvalidParameterTypeException: an override is of another type than the default.
            InvalidParameterValueException: a value is out of range or refused by a callback.
        """
        wanted = []
        for name, *rest in parameters:
            full = f"{namespace}.{name}" if namespace else name
            if full in self._parameters:
                raise ParameterAlreadyDeclaredException([full])
            wanted.append((full, *rest))
        return [self._declare(ignore_override, *each) for each in wanted]

    def _declare(
        self,
        ignore_override: bool,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
    ) -> Parameter:
        descriptor = descriptor or ParameterDescriptor()
        descriptor.name = name
        default = value
        if isinstance(value, Parameter.Type):
            descriptor.type, default = value.value, None
        elif not descriptor.dynamic_typing:
            if value is None and not descriptor.type:
                raise ValueError(f"Cannot declare the statically typed parameter '{name}' without a value or a type")
            if value is not None:
                descriptor.type = Parameter.Type.from_parameter_value(value).value
        parameter = Parameter(name, value=default)
        if not ignore_override and name in self._overrides:
            parameter = _adapted(self._overrides[name], descriptor)
        result = self._change([parameter], {name: descriptor})
        if not result.successful:
            if result.reason.startswith("Wrong parameter type"):
                raise InvalidParameterTypeException(parameter, result.reason)
            raise InvalidParameterValueException(name, parameter.value, result.reason)
        return parameter

    def undeclare_parameter(self, name: str) -> None:
        """Forget a parameter.

        Raises:
            ParameterNotDeclaredException: it is not declared.
            ParameterImmutableException: it is read-only.
        """
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name], self._descriptors[name]

    def has_parameter(self, name: str) -> bool:
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """Return a parameter.

        Raises:
            ParameterNotDeclaredException: it is not declared.
            ParameterUninitializedException: it was declared with a type only and has no value yet.
        """
        if name not in self._parameters:
            if self._allow_undeclared:
                return Parameter(name)
            raise ParameterNotDeclaredException(name)
        parameter = self._parameters[name]
        if parameter.type_ == Parameter.Type.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameters(self, names: Sequence[str]) -> list[Parameter]:
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """Return a parameter, or the alternative where it has no value."""
        found = self._parameters.get(name)
        if found is None or found.type_ == Parameter.Type.NOT_SET:
            return alternative_value or Parameter(name)
        return found

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Return the parameters under ``prefix.``, by the rest of their name."""
        start = f"{prefix}{PARAMETER_SEPARATOR_STRING}" if prefix else ""
        return {n[len(start) :]: p for n, p in self._parameters.items() if n.startswith(start)}

    def set_parameters(self, parameter_list: Sequence[Parameter]) -> list[SetParametersResult]:
        """Set each by itself; a refusal changes nothing and says why."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: Sequence[Parameter]) -> SetParametersResult:
        """Set all or none.

        Raises:
            ParameterNotDeclaredException: one is not declared.
        """
        unknown = [p.name for p in parameter_list if p.name not in self._parameters]
        if unknown and not self._allow_undeclared:
            raise ParameterNotDeclaredException(unknown)
        return self._change(list(parameter_list))

    def add_on_set_parameters_callback(self, callback: Check) -> None:
        """Ask ``callback`` before any change; the callback added last is asked first."""
        self._on_set.insert(0, callback)

    def remove_on_set_parameters_callback(self, callback: Check) -> None:
        self._on_set.remove(callback)

    def add_post_set_parameters_callback(self, callback: Callable[[list[Parameter]], None]) -> None:
        """Tell ``callback`` after a change."""
        self._post_set.insert(0, callback)

    def remove_post_set_parameters_callback(self, callback: Callable[[list[Parameter]], None]) -> None:
        self._post_set.remove(callback)

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        if name not in self._descriptors:
            raise ParameterNotDeclaredException(name)
        return self._descriptors[name]

    def describe_parameters(self, names: Sequence[str]) -> list[ParameterDescriptor]:
        return [self.describe_parameter(name) for name in names]

    def get_parameter_type(self, name: str) -> int:
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        return int(self._parameters[name].type_.value)

    def get_parameter_types(self, names: Sequence[str]) -> list[int]:
        return [self.get_parameter_type(name) for name in names]

    def list_parameters(self, prefixes: Sequence[str], depth: int) -> ListParametersResult:
        """Return the names under the prefixes (all: none given) to a depth (all: 0)."""

        def listed(name: str) -> bool:
            for prefix in prefixes or [""]:
                start = f"{prefix}{PARAMETER_SEPARATOR_STRING}" if prefix else ""
                below = name[len(start) :].count(PARAMETER_SEPARATOR_STRING)
                if name == prefix or (name.startswith(start) and (depth == DEPTH_RECURSIVE or below < depth)):
                    return True
            return False

        names = [name for name in self._parameters if listed(name)]
        parents = {name.rpartition(PARAMETER_SEPARATOR_STRING)[0] for name in names} - {""}
        return ListParametersResult(names=names, prefixes=sorted(parents))

    def _change(
        self, parameters: list[Parameter], descriptors: dict[str, ParameterDescriptor] | None = None
    ) -> SetParametersResult:
        """Check and set; with new descriptors it is a declaration, which may set a read-only parameter."""
        for parameter in parameters:
            descriptor = (descriptors or self._descriptors).get(parameter.name)
            reason = "" if descriptor is None else self._refusal(parameter, descriptor, declares=bool(descriptors))
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        for check in list(self._on_set):
            result = check(parameters)
            if not result.successful:
                return result
        event = ParameterEvent()
        for parameter in parameters:
            self._store(parameter, descriptors, event)
        if self._parameter_events is not None:
            event.node = self.get_fully_qualified_name()  # type: ignore[attr-defined]
            event.stamp = self.get_clock().now().to_msg()  # type: ignore[attr-defined]
            self._parameter_events.publish(event)
        for tell in list(self._post_set):
            tell(parameters)
        return SetParametersResult(successful=True)

    def _store(
        self,
        parameter: Parameter,
        descriptors: dict[str, ParameterDescriptor] | None,
        event: ParameterEvent,
    ) -> None:
        name = parameter.name
        if not descriptors and parameter.type_ == Parameter.Type.NOT_SET:
            self._parameters.pop(name, None)
            self._descriptors.pop(name, None)
            event.deleted_parameters.append(parameter.to_parameter_msg())
            return
        changed = event.changed_parameters if name in self._parameters else event.new_parameters
        changed.append(parameter.to_parameter_msg())
        self._parameters[name] = parameter
        default = ParameterDescriptor(name=name, type=parameter.type_.value, dynamic_typing=True)
        self._descriptors[name] = (descriptors or self._descriptors).get(name, default)

    def _refusal(self, parameter: Parameter, descriptor: ParameterDescriptor, declares: bool) -> str:
        """Return why a parameter cannot have this value, "" where it can; the words are rclpy's."""
        unset = parameter.type_ == Parameter.Type.NOT_SET
        if descriptor.read_only and not declares:
            return f"Trying to set a read-only parameter: {parameter.name}."
        if descriptor.dynamic_typing:
            descriptor.type = parameter.type_.value
        elif unset:
            return "" if declares else "Static parameter cannot be undeclared"
        elif parameter.type_.value != descriptor.type:
            expected = Parameter.Type(descriptor.type)
            return f"Wrong parameter type, expected '{expected}' got '{parameter.type_}'"
        if parameter.type_ == Parameter.Type.INTEGER and descriptor.integer_range:
            return _out_of_range(parameter, descriptor.integer_range[0], exact=True)
        if parameter.type_ == Parameter.Type.DOUBLE and descriptor.floating_point_range:
            return _out_of_range(parameter, descriptor.floating_point_range[0], exact=False)
        return ""


def _adapted(override: Parameter, descriptor: ParameterDescriptor) -> Parameter:
    """Return the override; an empty list is of whatever array type was declared."""
    if override.value == [] and not descriptor.dynamic_typing and descriptor.type:
        kind = Parameter.Type(descriptor.type)
        return Parameter(override.name, kind, []) if "ARRAY" in kind.name else override
    return override


def _out_of_range(parameter: Parameter, allowed: Any, exact: bool) -> str:
    low, high = sorted((allowed.from_value, allowed.to_value))
    value, step = parameter.value, allowed.step

    def same(left: float, right: float) -> bool:
        return left == right if exact else math.isclose(left, right, rel_tol=1e-6)

    if same(value, low) or same(value, high):
        return ""
    if not low < value < high:
        return f"Parameter {parameter.name} out of range. Min: {low}, Max: {high}, value: {value}"
    if step and not same(low + round((value - low) / step) * step, value):
        return (
            f"The parameter value for {parameter.name} is not a valid step. "
            f"Min: {low}, max: {high}, value: {value}, step: {step}"
        )
    return ""
