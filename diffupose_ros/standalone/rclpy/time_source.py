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

"""``use_sim_time``: the node's clock follows /clock."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rosgraph_msgs.msg import Clock

from .parameter import Parameter
from .qos import QoSProfile, ReliabilityPolicy
from .time import Time

PARAMETER = "use_sim_time"


class TimeSource:
    """Subscribes to /clock while the parameter is true."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._subscription: Any = None
        if not node.has_parameter(PARAMETER):
            node.declare_parameter(PARAMETER, False)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)
        self._apply([node.get_parameter(PARAMETER)])

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == PARAMETER and parameter.type_ != Parameter.Type.BOOL:
                return SetParametersResult(successful=False, reason=f"{PARAMETER} must be a bool")
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name == PARAMETER:
                self._use(parameter.value)

    def _use(self, simulated: bool) -> None:
        self._node.get_clock().ros_time_is_active = simulated
        if simulated and self._subscription is None:
            qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._subscription = self._node.create_subscription(Clock, "/clock", self._on_clock, qos)
        elif not simulated and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_clock(self, msg: Clock) -> None:
        self._node.get_clock().set_ros_time_override(Time.from_msg(msg.clock))
