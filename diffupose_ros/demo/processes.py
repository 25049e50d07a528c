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

"""The nodes of the demo as processes, each with a log file."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import diffupose_ros

PATIENCE = 10.0  # s that a node may take to end after SIGINT


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class NodeProcess:
    """One of our nodes in a process of its own. Leaving the with block ends it.

    It does not see the terminal's Ctrl-C: whoever started it ends it, in order.

    Args:
        executable: its name, such as ``lift_node``.
        log: file for its output.
        parameters: ROS parameters to set.
    """

    def __init__(self, executable: str, log: Path, parameters: dict[str, object]) -> None:
        self.name, self.log = executable, log
        program = f"import sys; from diffupose_ros.start import {executable}; sys.exit({executable}())"
        command = [sys.executable, "-c", program, "--ros-args"]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={value}"]
        roots = [str(Path(diffupose_ros.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def tail(self, lines: int = 15) -> str:
        """Return the end of the log."""
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(f"  {self.name} | {line}" for line in text) or f"  {self.name} | (wrote nothing)"

    def check(self) -> None:
        """Raise DemoError if the node has ended."""
        code = self._process.poll()
        if code is not None:
            raise DemoError(
                f"{self.name} ended unexpectedly with exit code {code}; its log, {self.log}:\n{self.tail()}"
            )

    def stop(self) -> int:
        """End the node with SIGINT, by force if it takes too long; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return int(self._process.returncode)

    def __enter__(self) -> "NodeProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
