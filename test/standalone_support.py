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

import pytest

from diffupose_ros.standalone import activate

os.environ.pop("CYCLONEDDS_URI", None)
os.environ.pop("ROS_AUTOMATIC_DISCOVERY_RANGE", None)
if not activate():
    pytest.skip("a ROS 2 is sourced: rclpy is the real one", allow_module_level=True)

PEER = Path(__file__).with_name("standalone_peer.py")
REPOSITORY = Path(__file__).parents[1]
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
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(str, (REPOSITORY, *PATHS))))},
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


@contextlib.contextmanager
def running(*args: str) -> Iterator[None]:
    """Run rclpy for the length of a with block."""
    import rclpy

    rclpy.init(args=["test", *args])
    try:
        yield
    finally:
        rclpy.try_shutdown()
