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

"""The few DDS entities that a ROS 2 node needs, over Cyclone DDS; bytes in, bytes out."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

from cyclonedds._clayer import ddspy_take, ddspy_write
from cyclonedds.core import (
    DDSException,
    DDSStatus,
    Entity,
    GuardCondition,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
)
from cyclonedds.domain import DomainParticipant
from cyclonedds.internal import DDS, dds_c_t
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from diffupose_ros.standalone import cdr, network, types

ANY = SampleState.Any | ViewState.Any | InstanceState.Any
FOREVER = 2**63 - 1
DLL = DDS._dll_handle
DLL.dds_waitset_attach.argtypes = [dds_c_t.entity, dds_c_t.entity, ctypes.c_ssize_t]
DLL.dds_waitset_wait.argtypes = [dds_c_t.entity, ctypes.c_void_p, ctypes.c_size_t, dds_c_t.duration]


@dataclass(frozen=True)
class Quality:
    """What a reader or writer asks for; depth 0 keeps all."""

    depth: int = 10
    reliable: bool = True
    transient_local: bool = False

    def to_dds(self, user_data: str) -> Qos:
        history = Policy.History.KeepLast(self.depth) if self.depth else Policy.History.KeepAll
        policies: list[Any] = [
            history,
            # rmw_cyclonedds blocks for ever when a reader is stuck; a robot's node should go on.
            Policy.Reliability.Reliable(duration(milliseconds=100)) if self.reliable else Policy.Reliability.BestEffort,
            Policy.WriterDataLifecycle(autodispose=False),
            Policy.DataRepresentation(use_cdrv0_representation=True),
            Policy.Userdata(user_data.encode()),
        ]
        if self.transient_local:
            policies += [
                Policy.Durability.TransientLocal,
                Policy.DurabilityService(0, history, -1, -1, -1),
            ]
        return Qos(*policies)


def delete(entity: Any) -> None:
    """Delete a DDS entity now instead of at garbage collection."""
    if Entity._entities.pop(entity._ref, None) is not None:
        DLL.dds_delete(entity._ref)


def _user_data(endpoint: Any) -> bytes:
    if endpoint is None or Policy.Userdata not in endpoint.qos:
        return b""
    return bytes(endpoint.qos[Policy.Userdata].data)


class Participant:
    """This process in a DDS domain."""

    _domains: ClassVar[dict[int, tuple[Any, int]]] = {}  # id -> (domain or None, participants in it)
    _lock = threading.Lock()

    def __init__(self, domain_id: int) -> None:
        self.domain_id = domain_id
        with self._lock:
            domain, users = self._domains.get(domain_id, (None, 0))
            if not users:
                domain = network.create_domain(domain_id)
            self._dds = DomainParticipant(domain_id, Qos(Policy.Userdata(b"enclave=/;")))
            self._domains[domain_id] = (domain, users + 1)
        self._topics: dict[str, Topic[Any]] = {}
        self.guid: bytes = self._dds.guid.bytes

    def topic(self, name: str, typename: str) -> Topic[Any]:
        """Return the DDS topic of a message type."""
        if name not in self._topics:
            cdr.code_store().get_msgdef(typename)  # makes its CDR code now, not at the first message
            self._topics[name] = Topic(self._dds, name, types.dds_type(typename))
        return self._topics[name]

    def close(self) -> None:
        """Leave the domain; the last participant out closes its sockets."""
        with self._lock:
            delete(self._dds)
            domain, users = self._domains.pop(self.domain_id)
            if users > 1:
                self._domains[self.domain_id] = (domain, users - 1)
            elif domain is not None:
                delete(domain)


class _Endpoint:
    """What readers and writers share: they may meet others whose quality of service does not fit theirs."""

    _dds: Any
    _incompatible: ClassVar[tuple[int, Any, Any]]  # status, its record, the call that reads it

    def watch_incompatible(self) -> int:
        """Return a condition that is true while ``incompatible`` has news."""
        self._dds.set_status_mask(self._incompatible[0])
        return int(self._dds._ref)

    def incompatible(self) -> tuple[int, int, int]:
        """Return how many others do not fit, how many of them are new, and the last one's policy (its DDS number)."""
        _, record, read = self._incompatible
        status = record()
        read(self._dds._ref, ctypes.byref(status))
        return status.total_count, status.total_count_change, status.last_policy_id


class Writer(_Endpoint):
    """Writes CDR bytes to a topic; may be used from any thread."""

    _incompatible = (
        DDSStatus.OfferedIncompatibleQos,
        dds_c_t.offered_incompatible_qos_status,
        DLL.dds_get_offered_incompatible_qos_status,
    )

    def __init__(self, participant: Participant, topic: str, typename: str, quality: Quality, user_data: str) -> None:
        self._dds: DataWriter[Any] = DataWriter(
            participant._dds, participant.topic(topic, typename), quality.to_dds(user_data)
        )
        self.guid: bytes = self._dds.guid.bytes
        self._lock = threading.Lock()  # a thread may publish while another destroys the publisher
        self._closed = False

    def write(self, data: bytes | bytearray) -> bool:
        """Write a sample, padded to 4; False where a stuck reader blocked it.

        Raises:
            ReferenceError: the writer is closed.
            ValueError: Cyclone checks the bytes, and they are not of the topic's type.
        """
        with self._lock:
            if self._closed:
                raise ReferenceError("the writer is closed")
            code = ddspy_write(self._dds._ref, data)
        if code == DDSException.DDS_RETCODE_BAD_PARAMETER:
            raise ValueError(f"these {len(data)} bytes are not a {self._dds.topic.typename}")
        if code < 0 and code != DDSException.DDS_RETCODE_TIMEOUT:
            raise DDSException(code, "while publishing")
        return code >= 0

    def matched(self) -> int:
        """Return how many readers are connected."""
        return max(0, DLL.dds_get_matched_subscriptions(self._dds._ref, None, 0))

    def knows(self, user_data: bytes) -> bool:
        """Return whether a connected reader says this about itself."""
        readers = self._dds.get_matched_subscriptions()
        return any(user_data in _user_data(self._dds.get_matched_subscription_data(each)) for each in readers)

    def handle(self) -> int:
        """Return a number that no other writer has."""
        return self._dds.get_instance_handle() & (2**64 - 1)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            delete(self._dds)


class Reader(_Endpoint):
    """Takes CDR bytes from a topic; its condition is true while there are any."""

    _incompatible = (
        DDSStatus.RequestedIncompatibleQos,
        dds_c_t.requested_incompatible_qos_status,
        DLL.dds_get_requested_incompatible_qos_status,
    )

    def __init__(self, participant: Participant, topic: str, typename: str, quality: Quality, user_data: str) -> None:
        self._dds: DataReader[Any] = DataReader(
            participant._dds, participant.topic(topic, typename), quality.to_dds(user_data)
        )
        self.guid: bytes = self._dds.guid.bytes
        self._condition = ReadCondition(self._dds, ANY)
        self.condition: int = self._condition._ref

    def take(self) -> tuple[bytes, Any] | None:
        """Return the oldest sample and its info, or None; skips notices without data."""
        while True:
            taken = ddspy_take(self._dds._ref, ANY, 1)
            if not isinstance(taken, list) or not taken:
                return None
            data, info = taken[0]
            if info.valid_data:
                return data, info

    def user_data(self, writer: int) -> bytes:
        """Return what a connected writer says about itself; empty where it is gone."""
        return _user_data(self._dds.get_matched_publication_data(writer))

    def matched(self) -> int:
        """Return how many writers are connected."""
        return max(0, DLL.dds_get_matched_publications(self._dds._ref, None, 0))

    def close(self) -> None:
        delete(self._condition)
        delete(self._dds)


class Guard:
    """A condition that is set by hand, from any thread."""

    def __init__(self, participant: Participant) -> None:
        self._dds = GuardCondition(participant._dds)
        self.condition: int = self._dds._ref

    def set(self) -> None:
        """Wake whoever waits for this."""
        DLL.dds_set_guardcondition(self.condition, True)

    def clear(self) -> None:
        """Make the condition false; harmless when it is."""
        DLL.dds_set_guardcondition(self.condition, False)

    def close(self) -> None:
        delete(self._dds)


class WaitSet:
    """Sleeps until one of the attached conditions is true; conditions may come and go meanwhile."""

    def __init__(self, participant: Participant) -> None:
        self._ref = DLL.dds_create_waitset(participant._dds._ref)
        self._buffer = (ctypes.c_ssize_t * 1)()

    def attach(self, condition: int, tag: int) -> None:
        """Watch a condition; ``wait`` returns its tag."""
        DLL.dds_waitset_attach(self._ref, condition, tag)
        # A wait under way keeps the old buffer: it reports at most as many as fit.
        self._buffer = (ctypes.c_ssize_t * (len(self._buffer) + 1))()

    def detach(self, condition: int) -> None:
        DLL.dds_waitset_detach(self._ref, condition)

    def wait(self, timeout_ns: int) -> list[int]:
        """Return the tags of the true conditions; empty after the timeout."""
        buffer = self._buffer
        count = DLL.dds_waitset_wait(self._ref, buffer, len(buffer), min(timeout_ns, FOREVER))
        return list(buffer[: min(count, len(buffer))]) if count > 0 else []

    def close(self) -> None:
        DLL.dds_delete(self._ref)
