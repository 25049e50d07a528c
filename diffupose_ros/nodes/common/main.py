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

"""How every node of this package starts and ends."""

import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException


class _Stop:
    """Remembers that SIGINT or SIGTERM came, and does no more: rclpy's own handler ends the spinning.

    A KeyboardInterrupt could come anywhere, and what it meets there (cv2, torch, pybind11) swallows it or makes
    another error of it.
    """

    def __init__(self) -> None:
        self._came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def came(self) -> bool:
        return self._came

    def _remember(self, *_: object) -> None:
        self._came = True


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """Spin a node until Ctrl-C or shutdown; return the process' exit code.

    A node that cannot be made, for a parameter out of range say, ends it with the reason and 1.
    """
    gc.freeze()  # modules stay: a collection that looks through PyTorch's would hold up a message by 0.1 s
    node, stop = None, _Stop()  # before init, whose handlers call those that are there
    try:
        rclpy.init(args=args)
        node = make_node()
        if hasattr(node, "autostart"):
            node.autostart()
        if not stop.came():
            rclpy.spin(node)
    except ExternalShutdownException:
        pass
    except Exception as error:
        # A signal ends the context at once: whatever was being done with it then fails.
        if not stop.came():
            if node is not None:
                raise
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
        if node is not None:
            node.destroy_node()
        with contextlib.suppress(RuntimeError):  # the signal's own shutdown, at this very moment
            rclpy.try_shutdown()
    return 0
