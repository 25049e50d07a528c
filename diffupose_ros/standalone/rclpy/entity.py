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

"""What an executor watches: entities with a DDS condition, and what they do when it is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diffupose_ros.standalone import definitions

from .callback_groups import CallbackGroup

Action = Callable[[], Any]


class Entity:
    """Belongs to a node; ``take`` returns what to run now, or None."""

    condition = 0  # DDS condition that is true while there is something to take; 0 = none
    event_handlers: Sequence[Entity] = ()  # that live as long as it does

    def __init__(self, node: Any, callback_group: CallbackGroup | None) -> None:
        self.callback_group = callback_group or node.default_callback_group
        self._node = node

    def take(self) -> Action | None:
        return None

    def endpoints(self) -> tuple[list[bytes], list[bytes]]:
        """Return the ids of its DDS readers and writers."""
        return [], []

    def close(self) -> None:
        """Delete the DDS entities."""

    def destroy(self) -> None:
        """Take the entity out of its node."""
        self._node._remove(self)


def user_data(typename: str, extra: str = "") -> str:
    """Return what a ROS 2 endpoint says about its type."""
    return f"{extra}typehash={definitions.type_hash(typename)};"
