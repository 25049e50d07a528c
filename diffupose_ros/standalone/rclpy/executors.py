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

"""Executors: sleep in DDS until there is work, run it, again."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from diffupose_ros.standalone import dds

from . import signals
from .context import Context
from .entity import Action, Entity
from .task import Future
from .timer import Timer
from .utilities import get_default_context

WAKE = 0  # the tag of the executor's own guard


class ExternalShutdownException(Exception):
    """The context was shut down while an executor was spinning."""

    def __init__(self) -> None:
        super().__init__("The context was externally shut down")


class ShutdownException(Exception):
    """The executor itself was shut down."""


class Executor:
    """Runs the callbacks of its nodes one after the other, in the thread that spins."""

    def __init__(self, *, context: Context | None = None) -> None:
        self.context = context or get_default_context()
        participant = self.context.participant
        self._nodes: list[Any] = []
        self._entities: dict[int, Entity] = {}
        self._timers: list[Timer] = []
        self._tags = itertools.count(1)
        self._ready: deque[Entity] = deque()
        self._is_shutdown = False
        self._lock = threading.RLock()
        self._guard = dds.Guard(participant)
        self._waitset = dds.WaitSet(participant)
        self._waitset.attach(self._guard.condition, WAKE)
        self.context._enter(self)
        self.context.on_shutdown(self.wake)
        signals._wakers.add(self._guard)

    def add_node(self, node: Any) -> bool:
        """Run this node's callbacks here; False where that is so already."""
        if node.executor is self:
            return False
        if node.executor is not None:
            node.executor.remove_node(node)
        node.executor = self
        self._nodes.append(node)
        for entity in list(node._entities):
            self._attach(entity)
        return True

    def remove_node(self, node: Any) -> None:
        if node in self._nodes:
            self._nodes.remove(node)
            node.executor = None
            for entity in list(node._entities):
                self._detach(entity)

    def get_nodes(self) -> list[Any]:
        return list(self._nodes)

    def wake(self) -> None:
        """End a wait under way; may be called from any thread."""
        if not self._is_shutdown:
            self._guard.set()

    def _attach(self, entity: Entity) -> None:
        with self._lock:
            if isinstance(entity, Timer):
                self._timers.append(entity)
                self.wake()
            elif entity.condition:
                tag = next(self._tags)
                self._entities[tag] = entity
                self._waitset.attach(entity.condition, tag)

    def _detach(self, entity: Entity) -> None:
        with self._lock:
            if isinstance(entity, Timer):
                self._timers = [timer for timer in self._timers if timer is not entity]
                return
            for tag, known in list(self._entities.items()):
                if known is entity:
                    del self._entities[tag]
                    self._waitset.detach(entity.condition)

    def spin(self) -> None:
        """Run callbacks until this executor is shut down.

        Raises:
            ExternalShutdownException: the context was shut down.
        """
        while not self._is_shutdown:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback, waiting for one until the timeout (None: for ever; negative too).

        Raises:
            ExternalShutdownException: the context was shut down.
        """
        self._run(self._next(timeout_sec))

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until the future is done or the timeout has passed."""
        future.add_done_callback(lambda _: self.wake())
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while not future.done() and self.context.ok() and not self._is_shutdown:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            self._run(self._next(left, future.done))

    def _run(self, found: tuple[Entity, Action] | None) -> None:
        if found is not None:
            found[1]()

    def _next(self, timeout_sec: float | None, done: Callable[[], bool] = bool) -> tuple[Entity, Action] | None:
        """Return the next entity with work and the work; None after the timeout, or when done."""
        forever = timeout_sec is None or timeout_sec < 0
        end = None if forever else time.monotonic_ns() + int((timeout_sec or 0) * 1e9)
        while True:
            if not self.context.ok():
                raise ExternalShutdownException
            while self._ready:
                entity = self._ready.popleft()
                # Take only now: what came in while other callbacks ran may have replaced an older message.
                action = self._take(entity) if self._is_mine(entity) else None
                if action is not None:
                    return entity, action
            left = dds.FOREVER if end is None else end - time.monotonic_ns()
            self._wait(max(0, left))
            if not self._ready and (self._is_shutdown or done() or left <= 0):
                return None

    def _is_mine(self, entity: Entity) -> bool:
        return entity._node.executor is self and entity in entity._node._entities

    def _take(self, entity: Entity) -> Action | None:
        return entity.take()

    def _wait(self, timeout_ns: int) -> None:
        """Fill the ready queue: due timers, then whatever has data, each once."""
        tags = self._waitset.wait(max(0, min([timeout_ns, *self._due_times()])))
        if WAKE in tags:
            self._guard.clear()
        with self._lock:
            self._ready.extend(timer for timer in self._timers if timer.is_ready())
            self._ready.extend(self._entities[tag] for tag in tags if tag in self._entities)

    def _due_times(self) -> list[int]:
        with self._lock:
            return [due for t in self._timers if not t.simulated and (due := t.due_in()) is not None]

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop spinning and let the nodes go."""
        if not self._is_shutdown:
            self.wake()
            self._is_shutdown = True
            for node in list(self._nodes):
                self.remove_node(node)
            signals._wakers.discard(self._guard)
            self._waitset.close()
            self._guard.close()
            self.context._leave(self)
        return True


class SingleThreadedExecutor(Executor):
    """Runs callbacks one after the other."""


class MultiThreadedExecutor(Executor):
    """Runs callbacks in a pool of threads; a callback group says which may overlap.

    An exception in a callback is raised by the next ``spin_once``.
    """

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="rclpy_callback")
        self._failures: deque[BaseException] = deque()

    def _take(self, entity: Entity) -> Action | None:
        if not entity.callback_group.begin():
            self._detach(entity)  # or the wait would end at once, again and again
            entity.callback_group.waiting.append(lambda: self._resume(entity))
            return None
        action = entity.take()
        if action is None:
            entity.callback_group.end()
        return action

    def _run(self, found: tuple[Entity, Action] | None) -> None:
        if found is not None:
            self._pool.submit(self._call, *found)
        if self._failures:
            raise self._failures.popleft()

    def _call(self, entity: Entity, action: Action) -> None:
        try:
            action()
        except BaseException as failure:  # noqa: BLE001 - belongs to whoever spins
            self._failures.append(failure)
            self.wake()
        finally:
            entity.callback_group.end()

    def _resume(self, entity: Entity) -> None:
        if not self._is_shutdown and self._is_mine(entity):
            self._attach(entity)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        self._pool.shutdown(wait=timeout_sec is None, cancel_futures=True)
        return super().shutdown(timeout_sec)
