"""Publishers."""

from __future__ import annotations

from typing import Any

from diffupose_ros.standalone import dds, messages

from .callback_groups import CallbackGroup
from .entity import Entity, user_data
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
    ) -> None:
        super().__init__(node, callback_group)
        self.msg_type = msg_type
        self.topic_name = topic
        self.qos_profile = qos
        name = msg_type.__msgtype__
        self._writer = dds.Writer(node.context.participant, f"rt{topic}", name, qos.to_quality(), user_data(name))

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
            data = messages.serialize(msg)
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
