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

"""The services through which ``ros2 param`` and others reach a node's parameters."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from .exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from .parameter import Parameter
from .qos import qos_profile_parameters


class ParameterService:
    """Offers the six services of one node. An unknown name makes an answer empty, as in rclpy."""

    def __init__(self, node: Any) -> None:
        self._node = node
        for kind, name, answer in (
            (DescribeParameters, "describe_parameters", self._describe),
            (GetParameters, "get_parameters", self._get),
            (GetParameterTypes, "get_parameter_types", self._types),
            (ListParameters, "list_parameters", self._list),
            (SetParameters, "set_parameters", self._set),
            (SetParametersAtomically, "set_parameters_atomically", self._set_atomically),
        ):
            node.create_service(kind, f"~/{name}", answer, qos_profile=qos_profile_parameters)

    def _describe(self, request: Any, response: Any) -> Any:
        try:
            response.descriptors = self._node.describe_parameters(request.names)
        except ParameterNotDeclaredException:
            pass
        return response

    def _get(self, request: Any, response: Any) -> Any:
        try:
            response.values = [p.get_parameter_value() for p in self._node.get_parameters(request.names)]
        except (ParameterNotDeclaredException, ParameterUninitializedException):
            pass
        return response

    def _types(self, request: Any, response: Any) -> Any:
        try:
            response.types = self._node.get_parameter_types(request.names)
        except ParameterNotDeclaredException:
            pass
        return response

    def _list(self, request: Any, response: Any) -> Any:
        try:
            response.result = self._node.list_parameters(request.prefixes, request.depth)
        except (TypeError, ValueError):
            response.result = ListParametersResult()
        return response

    def _set(self, request: Any, response: Any) -> Any:
        response.results = [self._try_to_set([parameter]) for parameter in request.parameters]
        return response

    def _set_atomically(self, request: Any, response: Any) -> Any:
        response.result = self._try_to_set(request.parameters)
        return response

    def _try_to_set(self, wanted: list[Any]) -> SetParametersResult:
        try:
            return self._node.set_parameters_atomically([Parameter.from_parameter_msg(msg) for msg in wanted])
        except (ParameterNotDeclaredException, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))
