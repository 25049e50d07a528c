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

"""Guard conditions: run a callback in the executor, asked for from any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffupose_ros.standalone import dds

from .callback_groups import CallbackGroup
from .entity import Action, Entity


class GuardCondition(Entity):
    """Calls back once for one or more triggers."""

    def __init__(
        self, node: Any, callback: Callable[[], Any] | None, callback_group: CallbackGroup | None = None
    ) -> None:
        super().__init__(node, callback_group)
        self.callback = callback
        self._guard = dds.Guard(node.context.participant)
        self.condition = self._guard.condition

    def trigger(self) -> None:
        """Ask for a call."""
        self._guard.set()

    def take(self) -> Action | None:
        self._guard.clear()
        return self.callback

    def close(self) -> None:
        self._guard.close()
