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

"""A running connection to the ROS graph: arguments, DDS participant, and whether it is still up."""

from __future__ import annotations

import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from diffupose_ros.standalone import dds, network

from . import logging
from .arguments import Arguments, parse

running: weakref.WeakSet[Context] = weakref.WeakSet()


class Context:
    """As rclpy.context.Context: from ``init`` to ``shutdown``.

    After a shutdown the DDS entities stay until the last node is destroyed, so that a node may still
    clean up after itself.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ok = False
        self._participant: dds.Participant | None = None
        self._users: weakref.WeakSet[Any] = weakref.WeakSet()  # nodes and executors on the participant
        self._on_shutdown: list[Callable[[], None]] = []
        self._graph: Any = None
        self.arguments = Arguments()

    def init(self, args: Sequence[str] | None = None, *, domain_id: int | None = None) -> None:
        """Parse ROS arguments and join the domain.

        Raises:
            RuntimeError: it is running already.
            ValueError: a ROS argument is malformed.
        """
        with self._lock:
            if self._ok:
                raise RuntimeError("Context.init() must only be called once")
            self._close()
            self._users.clear()  # of those who were there before and never destroyed, as a node whose making failed
            self.arguments = parse(sys.argv if args is None else args)
            logging.apply_levels(self.arguments.log_levels)
            self._participant = dds.Participant(network.domain_id() if domain_id is None else domain_id)
            self._ok = True
            running.add(self)

    def ok(self) -> bool:
        """Return whether init was called and shutdown was not."""
        return self._ok

    def get_domain_id(self) -> int:
        """Return the DDS domain."""
        return self.participant.domain_id

    @property
    def participant(self) -> dds.Participant:
        """The DDS participant.

        Raises:
            RuntimeError: the context was never started or is closed.
        """
        if self._participant is None:
            raise RuntimeError("rclpy.init() has not been called")
        return self._participant

    @property
    def graph(self) -> Any:
        """What this process tells others about its nodes, and what it knows of theirs."""
        if self._graph is None:
            from .graph import Graph

            self._graph = Graph(self.participant)
        return self._graph

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call back once at shutdown, from the thread that shuts down."""
        self._on_shutdown.append(callback)

    def shutdown(self) -> None:
        """End the context.

        Raises:
            RuntimeError: it is not running.
        """
        if not self._ok:
            raise RuntimeError("Context must be initialized before it can be shutdown")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """End the context if it is running."""
        self._stop()
        with self._lock:
            if not self._users:
                self._close()

    def _stop(self) -> None:
        if self._ok:
            self._ok = False
            callbacks, self._on_shutdown = self._on_shutdown, []
            for callback in callbacks:
                callback()

    def _enter(self, user: Any) -> None:
        self._users.add(user)

    def _leave(self, user: Any) -> None:
        with self._lock:
            self._users.discard(user)
            if not self._ok and not self._users:
                self._close()

    def _close(self) -> None:
        if self._participant is not None:
            self._graph = None
            self._participant.close()
            self._participant = None


@atexit.register
def _close_all() -> None:
    for context in list(running):
        context._stop()
        context._close()
