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

"""What all lifecycle nodes of this package share."""

import gc
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.qos import QoSProfile

from diffupose_ros.nodes.common.diagnostics import Diagnostics
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.common.qos import publisher_events
from diffupose_ros.nodes.common.worker import Worker


class ManagedNode(LifecycleNode):
    """A lifecycle node that starts by itself, that tells why a transition failed, and that no request can end.

    Subclasses make ``parameters`` (with ``autostart``) and ``diagnostics``, and say by ``_load``, ``_start`` and
    ``_release`` what the transitions do.

    Attributes:
        parameters: by name, always the latest.
        diagnostics: what has happened so far, published.
    """

    parameters: Parameters
    diagnostics: Diagnostics

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._inputs: list[Any] = []  # subscriptions
        self._outputs: dict[Any, Any] = {}  # publisher of each message type, or topic
        self._worker: Worker | None = None
        self._failure = ""  # of the last transition

    def autostart(self) -> None:
        """Configure and activate if the parameter says so; stays unconfigured where that fails."""
        if self.parameters["autostart"] and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    # Transitions

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Load the model, and create the publishers."""
        done = self._try("configure", self._load, self._release)
        if done == TransitionCallbackReturn.SUCCESS:  # what failed is garbage
            # To look for some in all that a model and its library are made of holds up a message by 0.1 s now and then.
            gc.freeze()
        return done

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Start the worker, and subscribe."""
        tried = self._try("activate", self._start, self._stop)
        return super().on_activate(state) if tried == TransitionCallbackReturn.SUCCESS else tried

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop the worker, and unsubscribe."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Free the model and the publishers."""
        self._release()
        gc.unfreeze()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self._stop()
        self._release()
        gc.unfreeze()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker, then destroy the node."""
        self._stop()
        super().destroy_node()

    def _load(self) -> None:
        raise NotImplementedError

    def _start(self) -> None:
        raise NotImplementedError

    def _stop(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        if self._worker is not None:
            self._worker.close()
        self._worker = None

    def _release(self) -> None:
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs = {}

    def _try(self, transition: str, action: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - rclpy would swallow it without a word
            undo()
            self._failure = f"cannot {transition}: {error}"
            self.get_logger().error(self._failure)
            return TransitionCallbackReturn.FAILURE
        self._failure = ""
        return TransitionCallbackReturn.SUCCESS

    def _create_outputs(self, outputs: Mapping[type, tuple[str, QoSProfile]]) -> None:
        for kind, (topic, qos) in outputs.items():
            self._outputs[kind] = self._create_output(kind, topic, qos)

    def _create_output(self, kind: type, topic: str, qos: QoSProfile) -> Any:
        events = publisher_events(topic, self.diagnostics.problem)
        return self.create_lifecycle_publisher(kind, topic, qos, event_callbacks=events)

    def _silent(self, topics: list[str]) -> str:
        """Return whom of the topics nobody publishes, as the end of a sentence; nothing where all have a publisher."""
        silent = [name for name in map(self.resolve_topic_name, topics) if not self.count_publishers(name)]
        return f": nobody publishes {', '.join(silent)}" if silent else ""

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> Any:  # noqa: N802
        # rclpy raises where the state has no such transition, and the node ends (ros2/rclpy#1209, mended in 2024).
        try:
            return super()._LifecycleNodeMixin__change_state(transition_id)
        except RuntimeError as error:
            self.get_logger().error(f"transition {transition_id} is not possible now: {error}")
            return TransitionCallbackReturn.ERROR
