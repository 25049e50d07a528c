"""Entities that follow their node's transitions."""

from __future__ import annotations

from .state_machine import LifecycleState, TransitionCallbackReturn


class ManagedEntity:
    """Does nothing at any transition."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    on_cleanup = on_activate = on_deactivate = on_shutdown = on_error = on_configure


class SimpleManagedEntity(ManagedEntity):
    """Knows whether it is active."""

    def __init__(self) -> None:
        self._enabled = False

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._enabled = False
        return TransitionCallbackReturn.SUCCESS

    @property
    def is_activated(self) -> bool:
        return self._enabled
