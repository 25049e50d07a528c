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

"""The message and service definitions: ROS 2 Jazzy's from rosbags, services, vision_msgs and our own from text."""

from __future__ import annotations

from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any, cast

from rosbags.interfaces import Msgdef
from rosbags.serde.cdr import generate_deserialize_cdr, generate_getsize_cdr, generate_serialize_cdr
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.base import normalize_fieldname
from rosbags.typesys.store import Typestore
from rosbags.typesys.stores import ros2_jazzy

from diffupose_ros.resources import PACKAGE, resource_path
from diffupose_ros.standalone import packing
from diffupose_ros.standalone.services import SERVICES
from diffupose_ros.standalone.vision import MESSAGES

PARTS = ("_Request", "_Response")  # of a service
# Field defaults of the standard definitions; rosbags does not keep them.
DEFAULTS = {("geometry_msgs/msg/Quaternion", "w"): 1.0}


class MessageStore(Typestore):
    """A rosbags typestore that makes our message classes and generates little-endian CDR code only.

    Attributes:
        made: what the CDR code asks for the code of a message's parts, which is there when its own is.
    """

    def __init__(self, base: ModuleType) -> None:
        super().__init__(base)
        made = SimpleNamespace(get_msgdef=self.cache.__getitem__, max_sequence_length=self.max_sequence_length)
        self.made = cast(Typestore, made)

    def get_msgdef(self, typename: str) -> Msgdef[object]:
        if typename not in self.cache:
            from diffupose_ros.standalone.messages import message_class

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
def typestore() -> MessageStore:
    """Return the one typestore of this process, with vision_msgs and our own msg/*.msg in it."""
    store = MessageStore(ros2_jazzy)
    types = own_types()
    for name, text in MESSAGES.items():
        types.update(get_types_from_msg(text, name))
    for name, text in SERVICES.items():
        types.update(_service_types(name, text))
    store.register(types)
    return store


def own_types() -> dict[str, Any]:
    """Return the definitions of our own messages, as rosbags' typestores take them."""
    types: dict[str, Any] = {}
    for path in sorted(resource_path("msg").glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(), f"{PACKAGE}/msg/{path.stem}"))
    return types


def _service_types(name: str, text: str) -> dict[str, Any]:
    """Return the request and response types that rosidl makes from one srv text."""
    types: dict[str, Any] = {}
    for part, fields in zip(("Request", "Response"), text.split("---"), strict=True):
        parsed = get_types_from_msg(fields, name.replace("/srv/", "/msg/"))  # rosbags knows no srv
        types[f"{name}_{part}"] = next(iter(parsed.values()))
    return types


@cache
def names(package: str, kind: str) -> tuple[str, ...]:
    """Return the message (kind "msg") or service ("srv") names of a package; with "" its kinds."""
    found = [name.split("/") for name in (*typestore().types, *SERVICES) if not name.endswith(PARTS)]
    if not kind:
        return tuple({k for p, k, _ in found if p == package})
    return tuple(n for p, k, n in found if (p, k) == (package, kind))


def type_hash(typename: str) -> str:
    """Return the REP-2011 hash that ROS 2 puts into the user data of every endpoint of a type."""
    return typestore().hash_rihs01(typename)
