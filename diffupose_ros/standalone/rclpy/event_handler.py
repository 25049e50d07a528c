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

"""Events: a publisher and a subscription of one topic that cannot talk to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from diffupose_ros.standalone import dds

from .entity import Action, Entity
from .qos import QoSPolicyKind, qos_policy_name_from_kind

KINDS = {2: QoSPolicyKind.DURABILITY, 11: QoSPolicyKind.RELIABILITY}  # by the policy's number in DDS


@dataclass(frozen=True)
class QoSRequestedIncompatibleQoSInfo:
    """How many do not fit, how many are new since the last event, and what the last one failed on."""

    total_count: int
    total_count_change: int
    last_policy_kind: QoSPolicyKind


QoSOfferedIncompatibleQoSInfo = QoSRequestedIncompatibleQoSInfo
Callback = Callable[[QoSRequestedIncompatibleQoSInfo], Any]


class EventHandler(Entity):
    """Calls back when its publisher or subscription meets an incompatible other end."""

    def __init__(self, parent: Entity, endpoint: dds.Reader | dds.Writer, callback: Callback) -> None:
        super().__init__(parent._node, parent.callback_group)
        self.callback = callback
        self._endpoint = endpoint
        self.condition = endpoint.watch_incompatible()

    def take(self) -> Action | None:
        total, change, policy = self._endpoint.incompatible()
        kind = KINDS.get(policy, QoSPolicyKind.INVALID)
        event = QoSRequestedIncompatibleQoSInfo(total, change, kind)
        return (lambda: self.callback(event)) if change else None


@dataclass
class _EventCallbacks:
    """What to call; by default a warning is logged."""

    incompatible_qos: Callback | None = None
    warning: ClassVar[str]

    def handler(self, parent: Any, endpoint: dds.Reader | dds.Writer) -> EventHandler:
        """Return what the executor is to watch."""

        def warn(event: QoSRequestedIncompatibleQoSInfo) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind)
            text = self.warning.format(topic=parent.topic_name)
            parent._node.get_logger().warning(f"{text}. Last incompatible policy: {policy}")

        return EventHandler(parent, endpoint, self.incompatible_qos or warn)


class PublisherEventCallbacks(_EventCallbacks):
    warning = (
        "New subscription discovered on topic '{topic}', requesting incompatible QoS. No messages will be sent to it"
    )


class SubscriptionEventCallbacks(_EventCallbacks):
    warning = (
        "New publisher discovered on topic '{topic}', offering incompatible QoS. No messages will be received from it"
    )
