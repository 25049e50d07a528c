"""Messages to CDR bytes and back."""

from __future__ import annotations

from typing import Any

from diffupose_ros.standalone import messages


def serialize_message(message: Any) -> bytes:
    """Return the message as CDR."""
    return bytes(messages.serialize(message))


def deserialize_message(serialized_message: bytes, message_type: Any) -> Any:
    """Return the message in CDR bytes."""
    return messages.deserialize(serialized_message, message_type)
