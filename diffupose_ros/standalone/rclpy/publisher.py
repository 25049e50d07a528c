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

"""Publishers."""

from __future__ import annotations

from typing import Any

from diffupose_ros.standalone import cdr, dds

from .callback_groups import CallbackGroup
from .entity import Entity, user_data
from .event_handler import PublisherEventCallbacks
from .exceptions import InvalidHandle
from .qos import QoSProfile


class Publisher(Entity):
    """Sends messages of one type to a topic; ``publish`` may be called from any thread."""

    def __init__(
        self,
        node: Any,
        msg_type: Any,
        topic: str,
        qos: QoSProfile,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
    ) -> None:
        super().__init__(node, callback_group)
        self.msg_type = msg_type
        self.topic_name = topic
        self.qos_profile = qos
        name = msg_type.__msgtype__
        self._writer = dds.Writer(node.context.participant, f"rt{topic}", name, qos.to_quality(), user_data(name))
        self.event_handlers = [(event_callbacks or PublisherEventCallbacks()).handler(self, self._writer)]

    @property
    def topic(self) -> str:
        return self.topic_name

    def publish(self, msg: Any) -> None:
        """Send a message, or the CDR bytes of one.

        Raises:
            TypeError: a message of another type.
            ValueError: bytes of another type.
            InvalidHandle: the publisher is destroyed.
        """
        if isinstance(msg, bytes):
            data: Any = msg.ljust(-(-len(msg) // 4) * 4, b"\0")
        elif isinstance(msg, self.msg_type):
            data = cdr.serialize(msg)
        else:
            raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")
        try:
            sent = self._writer.write(data)
        except ReferenceError:
            raise InvalidHandle(f"the publisher on {self.topic_name} is destroyed") from None
        if not sent:
            self._node.get_logger().warning(
                f"{self.topic_name}: a reliable subscriber does not keep up, message dropped",
                throttle_duration_sec=5.0,
            )

    def get_subscription_count(self) -> int:
        """Return how many subscriptions are connected; 0 when destroyed."""
        return self._writer.matched()

    def endpoints(self) -> tuple[list[bytes], list[bytes]]:
        return [], [self._writer.guid]

    def close(self) -> None:
        self._writer.close()
