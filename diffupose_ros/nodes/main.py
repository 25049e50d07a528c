"""How every node of this package starts and ends."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """Spin a node until Ctrl-C or shutdown; return the process' exit code.

    A node that cannot be made, for a parameter out of range say, ends it with the reason and 1.
    """
    node = None
    try:
        rclpy.init(args=args)
        node = make_node()
        if hasattr(node, "autostart"):
            node.autostart()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception as error:
        if node is not None:
            raise
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
