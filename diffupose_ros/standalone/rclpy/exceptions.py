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

"""rclpy's exceptions, as far as this runtime raises them."""

from __future__ import annotations

from typing import Any


class NameValidationException(Exception):
    """A name is not valid."""

    kind = "name"

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid {self.kind}: {name!r}")


class InvalidNamespaceException(NameValidationException):
    kind = "namespace"


class InvalidNodeNameException(NameValidationException):
    kind = "node name"


class InvalidTopicNameException(NameValidationException):
    kind = "topic name"


class NotInitializedException(Exception):
    """``rclpy.init`` has not been called."""

    def __init__(self, message: str = "") -> None:
        super().__init__(f"rclpy.init() has not been called{': ' if message else ''}{message}")


class InvalidHandle(Exception):
    """The entity is destroyed."""


class ParameterException(Exception):
    """Base of what goes wrong with parameters."""

    def __init__(self, message: str, parameters: Any) -> None:
        super().__init__(f"{message}: {parameters}")


class ParameterNotDeclaredException(ParameterException):
    def __init__(self, parameters: Any) -> None:
        super().__init__("Invalid access to undeclared parameter(s)", parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    def __init__(self, parameters: Any) -> None:
        super().__init__("Parameter(s) already declared", parameters)


class ParameterUninitializedException(ParameterException):
    def __init__(self, parameter: str) -> None:
        super().__init__("The parameter is not initialized", parameter)


class ParameterImmutableException(ParameterException):
    def __init__(self, parameter: str) -> None:
        super().__init__("Attempted to modify read-only parameter", parameter)


class InvalidParameterTypeException(ParameterException):
    def __init__(self, desired: Any, expected: str) -> None:
        super().__init__("Trying to set parameter to a wrong type", f"{desired.name}: {expected}")


class InvalidParameterValueException(ParameterException):
    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        super().__init__("Invalid parameter value", f"{value} for parameter '{parameter}': {reason}")
