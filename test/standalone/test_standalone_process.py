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

"""Processes: clean ends, sleep when idle, and no socket outside the loopback interface."""

from __future__ import annotations

from support.standalone import Peer, peer, running, spin_until

# isort: split
import os
import signal
from pathlib import Path

import psutil
import pytest
import rclpy


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "ExternalShutdownException")],
)
@pytest.mark.parametrize("role", ["echo", "managed"])
def test_a_signal_ends_a_node_cleanly_within_two_seconds(role: str, number: int, raised: str) -> None:
    with peer(role) as other:
        code, seconds, out, err = other.end(number)
    assert (code, out.split(), err) == (0, [raised], "")
    assert seconds < 2.0


def test_a_node_whose_peer_was_killed_still_ends_in_time() -> None:
    with peer("echo") as first, peer("echo", "--ros-args", "-r", "__node:=second", "-r", "out:=in") as second:
        first.process.kill()
        assert second.end(signal.SIGINT)[:1] == (0,)


def sockets(pid: int) -> list[tuple[str, str]]:
    """Return (kind, local address) of every internet socket of a process."""
    connections = psutil.Process(pid).net_connections(kind="inet")
    return [(c.type.name, c.laddr.ip) for c in connections]


def test_every_socket_is_bound_to_the_loopback_interface() -> None:
    groups = Path("/proc/net/igmp").read_text() if os.path.exists("/proc/net/igmp") else ""
    with running(), peer("echo") as other:
        node = rclpy.create_node("tester")
        spin_until(node, lambda: node.count_subscribers("/in") == 1)  # they do talk
        for pid in (other.process.pid, os.getpid()):
            found = [s for s in sockets(pid) if s[0] == "SOCK_DGRAM"]
            assert len(found) >= 3
            assert {address for _, address in sockets(pid)} == {"127.0.0.1"}
        if groups:
            assert Path("/proc/net/igmp").read_text() == groups  # no multicast group joined either
        node.destroy_node()


def test_a_range_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "EVERYWHERE")
    with pytest.raises(ValueError, match="LOCALHOST, SUBNET, OFF"):
        rclpy.init(args=[])


@pytest.mark.parametrize("told", ["abc", "300", "233", "-1", "1.0", "²"])
def test_a_domain_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", told)
    with pytest.raises(ValueError, match=f"ROS_DOMAIN_ID is '{told}': expected a whole number, 0 to 232"):
        rclpy.init(args=[])


def test_range_off_hides_processes_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with running():
        node = rclpy.create_node("tester")
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
        with peer("echo") as hidden:
            assert {address for _, address in sockets(hidden.process.pid)} == {"127.0.0.1"}
            monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE")
            with peer("echo"):
                spin_until(node, lambda: node.count_subscribers("/in") == 1)
                assert node.count_subscribers("/in") == 1
        node.destroy_node()


def test_many_nodes_share_a_machine() -> None:
    others = [Peer("latched", "--ros-args", "-r", f"__node:=n{i}", "-r", f"out:=out{i}") for i in range(4)]
    try:
        with running():
            node = rclpy.create_node("tester")
            spin_until(node, lambda: all(node.count_publishers(f"/out{i}") == 1 for i in range(4)))
            node.destroy_node()
    finally:
        for other in others:
            other.end()


def test_an_idle_node_sleeps() -> None:
    with peer("echo") as other:
        process = psutil.Process(other.process.pid)
        process.cpu_percent(None)
        assert process.cpu_percent(1.0) < 20.0  # a busy loop has 100


def test_a_node_that_was_never_destroyed_holds_up_its_own_session_alone() -> None:
    rclpy.init(args=[])
    _kept = rclpy.create_node("forgotten")
    rclpy.shutdown()
    rclpy.init(args=[])
    rclpy.create_node("tester").destroy_node()
    rclpy.shutdown()
    assert [s for s in sockets(os.getpid()) if s[0] == "SOCK_DGRAM"] == []


def test_init_and_shutdown_can_be_repeated() -> None:
    for _ in range(3):
        rclpy.init(args=[])
        node = rclpy.create_node("tester")
        assert rclpy.ok()
        rclpy.shutdown()
        assert not rclpy.ok()
        node.destroy_node()
        node.destroy_node()
        rclpy.try_shutdown()
    assert [s for s in sockets(os.getpid()) if s[0] == "SOCK_DGRAM"] == []
