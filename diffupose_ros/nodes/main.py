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

import signal
import sys
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException


class _Interrupt:
    """What Ctrl-C does: KeyboardInterrupt, but nothing while the node spins.

    rclpy ends the spinning by itself; a KeyboardInterrupt in the middle of a message that it takes would become a
    RuntimeError.
    """

    spinning = False

    def __call__(self, *_: object) -> None:
        if not self.spinning:
            raise KeyboardInterrupt


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """Spin a node until Ctrl-C or shutdown; return the process' exit code.

    A node that cannot be made, for a parameter out of range say, ends it with the reason and 1.
    """
    node, interrupt = None, _Interrupt()
    signal.signal(signal.SIGINT, interrupt)  # before init, whose own handler calls this one
    try:
        rclpy.init(args=args)
        node = make_node()
        if hasattr(node, "autostart"):
            node.autostart()
        interrupt.spinning = True
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception as error:
        if node is None:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
        if rclpy.ok():
            raise
        # A signal ends the context at once: whatever rclpy or a callback was doing with it has failed.
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
