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
from typing import Any

from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore
from rosbags.typesys.stores import ros2_jazzy

from diffupose_ros.resources import PACKAGE, resource_path
from diffupose_ros.standalone.services import SERVICES
from diffupose_ros.standalone.vision import MESSAGES

PARTS = ("_Request", "_Response")  # of a service
# Field defaults of the standard definitions; rosbags does not keep them.
DEFAULTS = {("geometry_msgs/msg/Quaternion", "w"): 1.0}


@cache
def typestore() -> Typestore:
    """Return the one typestore of this process, with vision_msgs and our own msg/*.msg in it."""
    store = Typestore(ros2_jazzy)
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
