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

"""What the tests of the standalone runtime share: one domain per test process, peers as real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from diffupose_ros.standalone import activate
from support import ROOT

os.environ.pop("CYCLONEDDS_URI", None)
os.environ.pop("ROS_AUTOMATIC_DISCOVERY_RANGE", None)
activate()

PEER = Path(__file__).with_name("standalone_peer.py")
PATHS = [os.environ.get("PYTHONPATH", "")]
PATIENCE = 20.0  # seconds until something that should happen counts as missing


class Peer:
    """A node in another process; it prints "ready" when it can be talked to."""

    def __init__(self, role: str, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PEER), role, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(str, (ROOT, *PATHS))))},
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().strip()

    def end(self, number: int = signal.SIGINT) -> tuple[int, float, str, str]:
        """Send a signal; return exit code, seconds, stdout and stderr."""
        start = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, time.monotonic() - start, out, err


@contextlib.contextmanager
def peer(role: str, *args: str) -> Iterator[Peer]:
    """Run a peer for the length of a with block."""
    started = Peer(role, *args)
    try:
        assert started.first_line == "ready", started.process.communicate(timeout=PATIENCE)[1]
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.communicate()


def spin_until(node: object, done: Callable[[], object]) -> None:
    """Run a node's callbacks until the condition holds; fail where it never does."""
    import rclpy

    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it did not happen"
        rclpy.spin_once(node, timeout_sec=0.05)


def call(node: Any, kind: Any, name: str, request: Any) -> Any:
    """Call a service once, and return its response."""
    client = node.create_client(kind, name)
    assert client.wait_for_service(timeout_sec=20.0)
    future = client.call_async(request)
    spin_until(node, future.done)
    node.destroy_client(client)
    return future.result()


@contextlib.contextmanager
def running(*args: str) -> Iterator[None]:
    """Run rclpy for the length of a with block."""
    import rclpy

    rclpy.init(args=["test", *args])
    try:
        yield
    finally:
        rclpy.try_shutdown()
