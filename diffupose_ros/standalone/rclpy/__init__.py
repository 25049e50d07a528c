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

"""The subset of rclpy that diffupose_ros uses, where no ROS 2 is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .context import Context
from .signals import SignalHandlerOptions, install_signal_handlers, uninstall_signal_handlers
from .utilities import get_default_context

if TYPE_CHECKING:
    from .executors import Executor
    from .node import Node
    from .task import Future

_executor: Executor | None = None


def init(
    *,
    args: Sequence[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Read the ROS arguments (default: sys.argv) and join the DDS domain."""
    chosen = context or get_default_context()
    chosen.init(args, domain_id=domain_id)
    if signal_handler_options is None:
        signal_handler_options = SignalHandlerOptions.ALL if context is None else SignalHandlerOptions.NO
    install_signal_handlers(signal_handler_options)


def ok(*, context: Context | None = None) -> bool:
    """Return whether the context is running."""
    return (context or get_default_context()).ok()


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """End the context; spinning executors stop.

    Raises:
        RuntimeError: it is not running.
    """
    chosen = context or get_default_context()
    chosen.shutdown()
    _clean_up(chosen, uninstall_handlers is not False)


def try_shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """End the context if it is running; clean up in any case."""
    chosen = context or get_default_context()
    chosen.try_shutdown()
    _clean_up(chosen, True)


def _clean_up(ended: Context, uninstall_handlers: bool) -> None:
    """Let go of what only the default context has: the executor of ``spin``, and the signal handlers."""
    global _executor
    if ended is not get_default_context():
        return
    if _executor is not None:
        _executor.shutdown()
        _executor = None
    if uninstall_handlers:
        uninstall_signal_handlers()


def create_node(node_name: str, **kwargs: Any) -> Node:
    """Return a new Node."""
    from .node import Node

    return Node(node_name, **kwargs)


def get_global_executor() -> Executor:
    """Return the executor of ``spin`` and ``spin_once``."""
    global _executor
    if _executor is None:
        from .executors import SingleThreadedExecutor

        _executor = SingleThreadedExecutor()
    return _executor


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run the node's callbacks until the context ends.

    Raises:
        KeyboardInterrupt: on SIGINT.
        ExternalShutdownException: the context was ended by SIGTERM or from elsewhere.
    """
    chosen = executor or get_global_executor()
    added = chosen.add_node(node)
    try:
        chosen.spin()
    finally:
        if added:
            chosen.remove_node(node)


def spin_once(node: Node, *, executor: Executor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback of the node, or wait for one until the timeout."""
    chosen = executor or get_global_executor()
    added = chosen.add_node(node)
    try:
        chosen.spin_once(timeout_sec=timeout_sec)
    finally:
        if added:
            chosen.remove_node(node)


def spin_until_future_complete(
    node: Node, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Run callbacks until the future is done or the timeout has passed."""
    chosen = executor or get_global_executor()
    added = chosen.add_node(node)
    try:
        chosen.spin_until_future_complete(future, timeout_sec)
    finally:
        if added:
            chosen.remove_node(node)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"rclpy.{name} is not part of diffupose_ros' standalone runtime, which has only what its nodes use; "
        "source a ROS 2 installation for the whole of rclpy"
    )
