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
