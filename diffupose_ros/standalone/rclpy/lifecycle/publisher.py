"""Publishers that are silent while their node is not active."""

from __future__ import annotations

from typing import Any

from ..publisher import Publisher
from .managed_entity import SimpleManagedEntity


class LifecyclePublisher(SimpleManagedEntity, Publisher):
    """Publishes only between ``on_activate`` and ``on_deactivate``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        SimpleManagedEntity.__init__(self)
        Publisher.__init__(self, *args, **kwargs)

    def publish(self, msg: Any) -> None:
        """Send a message while active; otherwise nothing."""
        if self.is_activated:
            super().publish(msg)
