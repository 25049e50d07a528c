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

"""Little-endian CDR of messages, by code that rosbags generates from the definitions."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from rosbags.interfaces import Msgdef
from rosbags.serde import SerdeError
from rosbags.serde.cdr import generate_deserialize_cdr, generate_getsize_cdr, generate_serialize_cdr
from rosbags.typesys.base import normalize_fieldname
from rosbags.typesys.store import Typestore

from diffupose_ros.standalone import packing
from diffupose_ros.standalone.definitions import typestore
from diffupose_ros.standalone.messages import message_class


class CodeStore(Typestore):
    """A rosbags typestore that makes our message classes and generates little-endian CDR code only.

    Attributes:
        made: what the CDR code asks for the code of a message's parts, which is there when its own is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fielddefs = typestore().fielddefs
        made = SimpleNamespace(get_msgdef=self.cache.__getitem__, max_sequence_length=self.max_sequence_length)
        self.made = cast(Typestore, made)

    def get_msgdef(self, typename: str) -> Msgdef[object]:
        """Return the code of a message type, generated when it is first asked for."""
        if typename not in self.cache:
            entries = self._entries(typename)
            getsize, size = generate_getsize_cdr(entries, self)
            unused = cast(Any, None)
            self.cache[typename] = Msgdef(
                typename,
                entries,
                cast(Any, message_class(typename)._from_wire),
                size,
                getsize,
                packing.serializer(typename, self._entries) or generate_serialize_cdr(entries, self, "le"),
                unused,
                generate_deserialize_cdr(entries, self, "le"),
                *[unused] * 9,
            )
        return self.cache[typename]

    def _entries(self, typename: str) -> Any:
        """Return the (name, type) of each field, as Python can call them."""
        return [(normalize_fieldname(name), desc) for name, desc in self.fielddefs[typename][1]]


@cache
def code_store() -> CodeStore:
    """Return the one store of CDR code of this process."""
    return CodeStore()


def serialize(message: Any, prefix: bytes = b"") -> bytearray:
    """Return little-endian CDR, padded to 4; ``prefix`` (a multiple of 8) goes before the fields."""
    store = code_store()
    msgdef = store.get_msgdef(message.__msgtype__)
    start = 4 + len(prefix)
    size = msgdef.getsize_cdr(0, message, store.made)
    data = bytearray((start + size + 3) & -4)
    data[1] = 1  # CDR_LE
    data[4:start] = prefix
    msgdef.serialize_cdr_le(memoryview(data)[start:], 0, message, store.made)
    return data


def deserialize(data: Any, message_type: Any, skip: int = 0) -> Any:
    """Return the message in little-endian CDR bytes; its fields start ``skip`` bytes after the header.

    Raises:
        SerdeError: the bytes are not a message of this type.
    """
    view = memoryview(data)
    if len(view) < 4 + skip or view[0] or view[1] != 1:
        raise SerdeError("not a little-endian CDR message")
    store = code_store()
    msgdef = store.get_msgdef(message_type.__msgtype__)
    try:
        message, _ = msgdef.deserialize_cdr_le(view[4 + skip :], 0, msgdef.cls, store.made)
    except SerdeError:
        raise
    except Exception as error:  # struct.error, UnicodeDecodeError, ValueError: whatever a stranger sent
        raise SerdeError(f"not a {message_type.__msgtype__}: {error}") from error
    return message
