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

"""Services and their clients, in the wire form of rmw_cyclonedds.

A request and its reply start with the client's id (uint64) and a sequence number (int64).
"""

from __future__ import annotations

import itertools
import os
import re
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from diffupose_ros.standalone import cdr, dds

from .callback_groups import CallbackGroup
from .entity import Action, Entity, user_data
from .qos import QoSProfile
from .task import Future

HEADER = struct.Struct("<Qq")
CLIENT = re.compile(rb"clientid=[^;]*;")
REPLY_WAIT = 1.0  # s


class _Pair(Entity):
    """A writer and a reader that belong together, and say so to others."""

    def __init__(
        self,
        node: Any,
        srv_type: Any,
        name: str,
        qos: QoSProfile,
        callback_group: CallbackGroup | None,
        serves: bool,
    ) -> None:
        super().__init__(node, callback_group)
        self.srv_type = srv_type
        self.srv_name = name
        typename = srv_type.__srvtype__
        role = "serviceid" if serves else "clientid"
        identity = ".".join(f"{byte:02x}" for byte in os.urandom(16))
        request = (f"rq{name}Request", f"{typename}_Request")
        reply = (f"rr{name}Reply", f"{typename}_Response")
        incoming, outgoing = (request, reply) if serves else (reply, request)
        participant = node.context.participant
        quality, who = qos.to_quality(), f"{role}={identity};"
        self._writer = dds.Writer(participant, *outgoing, quality, user_data(outgoing[1], who))
        self._reader = dds.Reader(participant, *incoming, quality, user_data(incoming[1], who))
        self.condition = self._reader.condition

    @property
    def service_name(self) -> str:
        return self.srv_name

    def endpoints(self) -> tuple[list[bytes], list[bytes]]:
        return [self._reader.guid], [self._writer.guid]

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


class Service(_Pair):
    """Answers requests with ``callback(request, response) -> response``."""

    def __init__(
        self,
        node: Any,
        srv_type: Any,
        name: str,
        callback: Callable[[Any, Any], Any],
        qos: QoSProfile,
        callback_group: CallbackGroup | None = None,
    ) -> None:
        super().__init__(node, srv_type, name, qos, callback_group, serves=True)
        self.callback = callback
        self._clients: set[int] = set()  # DDS handles of those whose reply readers are connected

    def take(self) -> Action | None:
        sample = self._reader.take()
        if sample is None:
            return None
        header = sample[0][4 : 4 + HEADER.size]
        request = cdr.deserialize(sample[0], self.srv_type.Request, skip=HEADER.size)

        def answer() -> None:
            response = self.callback(request, self.srv_type.Response())
            self._wait_for_reader(sample[1].publication_handle)
            self._writer.write(cdr.serialize(response, prefix=header))

        return answer

    def _wait_for_reader(self, client: int) -> None:
        """Give a new client's reply reader time to be discovered: its request may be faster."""
        if client in self._clients:
            return
        identity = CLIENT.search(self._reader.user_data(client))
        end = time.monotonic() + REPLY_WAIT
        while identity and not self._writer.knows(identity[0]):
            if time.monotonic() > end:
                return
            time.sleep(0.002)
        self._clients.add(client)


class Client(_Pair):
    """Calls a service."""

    def __init__(
        self,
        node: Any,
        srv_type: Any,
        name: str,
        qos: QoSProfile,
        callback_group: CallbackGroup | None = None,
    ) -> None:
        super().__init__(node, srv_type, name, qos, callback_group, serves=False)
        self._identity = self._writer.handle()
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future] = {}

    def call_async(self, request: Any) -> Future:
        """Send a request; the future is done when an executor has taken the reply."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        number = next(self._numbers)
        future = self._pending[number] = Future()
        self._writer.write(cdr.serialize(request, prefix=HEADER.pack(self._identity, number)))
        return future

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """Send a request and wait for the reply, which another thread's executor must take.

        Raises:
            TimeoutError: no reply in time.
        """
        answered = threading.Event()
        future = self.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(timeout_sec):
            self.remove_pending_request(future)
            raise TimeoutError(f"no reply from {self.srv_name} within {timeout_sec} s")
        return future.result()

    def remove_pending_request(self, future: Future) -> None:
        """Forget a request."""
        self._pending = {number: known for number, known in self._pending.items() if known is not future}

    def service_is_ready(self) -> bool:
        """Return whether a server is connected both ways."""
        return self._writer.matched() > 0 and self._reader.matched() > 0

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait until a server is there; return whether it is."""
        end = None if timeout_sec is None else time.monotonic() + timeout_sec
        while not self.service_is_ready():
            if not self._node.context.ok() or (end is not None and time.monotonic() >= end):
                return False
            time.sleep(0.01)
        return True

    def take(self) -> Action | None:
        sample = self._reader.take()
        if sample is None:
            return None
        identity, number = HEADER.unpack_from(sample[0], 4)
        future = self._pending.pop(number, None) if identity == self._identity else None
        if future is None:
            return None  # the reply to another client
        response = cdr.deserialize(sample[0], self.srv_type.Response, skip=HEADER.size)
        return lambda: future.set_result(response)
