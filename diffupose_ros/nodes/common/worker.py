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

"""A thread that works on the newest messages, so that the executor never waits for a model."""

import threading
import traceback
from abc import ABC, abstractmethod
from typing import Any, Protocol

from diffupose_ros.nodes.common.diagnostics import Diagnostics
from diffupose_ros.nodes.common.parameters import Parameters


class Host(Protocol):
    """What a worker uses of the node that it works for.

    Attributes:
        parameters: by name, always the latest.
        diagnostics: what has happened so far.
    """

    parameters: Parameters
    diagnostics: Diagnostics

    @property
    def context(self) -> Any:
        """Tell by ``ok()`` whether anything can still be published."""
        ...

    def get_clock(self) -> Any:
        """Return the clock that latencies are told by."""
        ...

    def get_logger(self) -> Any:
        """Return the logger of what is said once."""
        ...


class Mailbox:
    """Holds the newest message of each topic until a worker takes them all."""

    def __init__(self) -> None:
        self._pending: dict[str, Any] = {}
        self._changed = threading.Condition()
        self.closed = False

    def put(self, topic: str, message: Any) -> bool:
        """Leave a message; return whether an older one of the topic, not yet taken, was dropped for it."""
        with self._changed:
            dropped = topic in self._pending
            self._pending[topic] = message
            self._changed.notify()
            return dropped

    def take(self) -> dict[str, Any]:
        """Wait for messages and return the newest of each topic; nothing once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self.closed)
            taken, self._pending = self._pending, {}
            return {} if self.closed else taken

    def close(self) -> None:
        """Let the worker go."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class Worker(ABC):
    """Processes the newest message of each topic, in a thread of its own, until it is closed.

    Args:
        host: the node that it works for.
    """

    def __init__(self, host: Host) -> None:
        self._parameters, self._diagnostics = host.parameters, host.diagnostics
        self._context, self._clock = host.context, host.get_clock()
        self._mailbox = Mailbox()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, topic: str, message: Any) -> None:
        """Leave a message; an older one of the topic that still waits is dropped and counted."""
        if self._mailbox.put(topic, message):
            self._diagnostics.count("dropped (newest wins)")

    def close(self) -> None:
        """Stop, as soon as what is being processed allows."""
        self._mailbox.close()
        self._thread.join()

    @abstractmethod
    def _process(self, messages: dict[str, Any]) -> None:
        """Work on the newest message of each topic; may raise once the mailbox is closed."""

    def _work(self) -> None:
        while messages := self._mailbox.take():
            try:
                self._process(messages)
            except Exception:  # noqa: BLE001 - whatever one message does, the next is answered
                if self._mailbox.closed or not self._context.ok():
                    return
                self._diagnostics.problem("internal error", traceback.format_exc())
