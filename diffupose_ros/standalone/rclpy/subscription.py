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

"""Subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rosbags.serde import SerdeError

from diffupose_ros.standalone import cdr, dds

from .callback_groups import CallbackGroup
from .entity import Action, Entity, user_data
from .event_handler import SubscriptionEventCallbacks
from .qos import QoSProfile


class Subscription(Entity):
    """Calls back with each message; at most ``qos.depth`` wait, and the newest stay."""

    def __init__(
        self,
        node: Any,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos: QoSProfile,
        callback_group: CallbackGroup | None = None,
        raw: bool = False,
        event_callbacks: SubscriptionEventCallbacks | None = None,
    ) -> None:
        super().__init__(node, callback_group)
        self.msg_type = msg_type
        self.topic_name = topic
        self.callback = callback
        self.qos_profile = qos
        self.raw = raw
        name = msg_type.__msgtype__
        self._reader = dds.Reader(node.context.participant, f"rt{topic}", name, qos.to_quality(), user_data(name))
        self.condition = self._reader.condition
        self.event_handlers = [(event_callbacks or SubscriptionEventCallbacks()).handler(self, self._reader)]

    @property
    def topic(self) -> str:
        return self.topic_name

    def get_publisher_count(self) -> int:
        """Return how many publishers are connected."""
        return self._reader.matched()

    def take(self) -> Action | None:
        sample = self._reader.take()
        if sample is None:
            return None
        if self.raw:
            return lambda: self.callback(sample[0])
        try:
            message = cdr.deserialize(sample[0], self.msg_type)
        except SerdeError as error:
            self._node.get_logger().error(f"{self.topic_name}: {error}", throttle_duration_sec=5.0)
            return None
        return lambda: self.callback(message)

    def endpoints(self) -> tuple[list[bytes], list[bytes]]:
        return [self._reader.guid], []

    def close(self) -> None:
        self._reader.close()
