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

"""Where DDS may talk to: the loopback interface, unless the user opens it."""

from __future__ import annotations

import ctypes
import os
import re
import socket
from pathlib import Path

from cyclonedds.domain import Domain

# Datagrams as large as loopback carries: an image is 15 packets instead of 700. Each announcement goes to
# every port that a participant may have, so room for 60 of them, not for all 120. A writer whose reader was
# killed must not hold up the exit. A full-HD image is 6 MB at once: the kernel gives as much of the receive buffer
# as net.core.rmem_max allows.
LOOPBACK = """<CycloneDDS><Domain id="any">
  <General>
    <Interfaces><NetworkInterface name="{interface}" multicast="false"/></Interfaces>
    <AllowMulticast>false</AllowMulticast>
    <MaxMessageSize>65500B</MaxMessageSize><FragmentSize>60000B</FragmentSize>
  </General>
  <Discovery>{discovery}</Discovery>
  <Internal>
    <WriterLingerDuration>100ms</WriterLingerDuration>
    <SocketReceiveBufferSize max="16MiB"/>
  </Internal>
</Domain></CycloneDDS>"""
LOCALHOST = (
    "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>60</MaxAutoParticipantIndex>"
    '<Peers><Peer address="localhost"/></Peers>'
)
ALONE = "<ParticipantIndex>none</ParticipantIndex><Tag>ros_discovery_off_{pid}</Tag>"  # as rmw_cyclonedds
SUBNET = """<CycloneDDS><Domain id="any">
  <Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>60</MaxAutoParticipantIndex></Discovery>
  <Internal><WriterLingerDuration>100ms</WriterLingerDuration></Internal>
</Domain></CycloneDDS>"""

MAX_DOMAIN = 232  # whose ports are below 65536


def domain_id() -> int:
    """Return ROS_DOMAIN_ID, 0 where it is not set.

    Raises:
        ValueError: it is not the number of a domain.
    """
    told = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not re.fullmatch(r"\d{1,3}", told, re.ASCII) or int(told) > MAX_DOMAIN:
        raise ValueError(f"ROS_DOMAIN_ID is {told!r}: expected a whole number, 0 to {MAX_DOMAIN}")
    return int(told)


def create_domain(identity: int) -> Domain | None:
    """Configure a DDS domain from the environment; None where CYCLONEDDS_URI alone decides.

    Raises:
        ValueError: ROS_AUTOMATIC_DISCOVERY_RANGE is not one of LOCALHOST, SUBNET, OFF, SYSTEM_DEFAULT.
    """
    if os.environ.get("CYCLONEDDS_URI"):
        return None
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "LOCALHOST"
    if reach == "SYSTEM_DEFAULT":
        return None
    if reach == "SUBNET":
        return Domain(identity, SUBNET)
    if reach not in ("LOCALHOST", "OFF"):
        raise ValueError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE is {reach!r}: expected LOCALHOST, SUBNET, OFF or SYSTEM_DEFAULT"
        )
    discovery = LOCALHOST if reach == "LOCALHOST" else ALONE.format(pid=os.getpid())
    before = _open_sockets()
    domain = Domain(identity, LOOPBACK.format(interface=_loopback_name(), discovery=discovery))
    for fd in _open_sockets() - before:
        _rebind(int(fd.partition(" ")[0]))
    return domain


def _loopback_name() -> str:
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), "lo")


def _open_sockets() -> set[str]:
    """Return "<fd> <inode>" of every socket of this process; nothing where there is no /proc."""
    found = set()
    for link in Path("/proc/self/fd").glob("*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(f"{link.name} {target}")
    return found


def _rebind(fd: int) -> None:
    """Replace a socket that Cyclone bound to 0.0.0.0 by one on 127.0.0.1, same port and descriptor.

    Cyclone 11 has no setting for the address that its receiving sockets are bound to. No participant exists
    yet, so no packet is lost.
    """
    with socket.socket(fileno=os.dup(fd)) as old:
        if old.family != socket.AF_INET or old.type != socket.SOCK_DGRAM or old.getsockname()[0] != "0.0.0.0":
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
            for option, value in ((socket.SO_REUSEADDR, 1), (socket.SO_RCVBUF, _receive_buffer(old))):
                new.setsockopt(socket.SOL_SOCKET, option, value)
            old.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            new.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_PKTINFO", 8), 1)
            new.bind(("127.0.0.1", old.getsockname()[1]))
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # again: one participant per port
            os.set_blocking(new.fileno(), os.get_blocking(fd))
            os.dup2(new.fileno(), fd, inheritable=False)
        _watch_again(fd)


def _receive_buffer(old: socket.socket) -> int:
    return old.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux reports the double of what was set


class _EpollEvent(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("events", ctypes.c_uint32), ("data", ctypes.c_uint64)]


def _watch_again(fd: int) -> None:
    """Put a replaced descriptor back into Cyclone's epoll set, with the old entry's data.

    The old socket is still open in the caller, so an entry made for it at any time before is still listed.
    """
    libc = ctypes.CDLL(None)
    for link in Path("/proc/self/fdinfo").glob("*"):
        try:
            entries = re.findall(rf"^tfd:\s+{fd} events:\s+(\w+) data:\s+(\w+)", link.read_text(), re.MULTILINE)
        except OSError:
            continue
        for events, data in entries:
            event = _EpollEvent(int(events, 16), int(data, 16))
            libc.epoll_ctl(int(link.name), 1, fd, ctypes.byref(event))  # EPOLL_CTL_ADD; refused if already new
