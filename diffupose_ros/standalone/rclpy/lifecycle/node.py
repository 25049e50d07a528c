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

"""Lifecycle nodes."""

from __future__ import annotations

import traceback
from typing import Any

from lifecycle_msgs.msg import State, Transition, TransitionDescription, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from ..node import Node
from ..qos import QoSProfile
from .managed_entity import ManagedEntity
from .publisher import LifecyclePublisher
from .state_machine import GRAPH, LABELS, LifecycleState, StateMachine, Step, TransitionCallbackReturn

CALLBACKS = {
    State.TRANSITION_STATE_CONFIGURING: "on_configure",
    State.TRANSITION_STATE_CLEANINGUP: "on_cleanup",
    State.TRANSITION_STATE_SHUTTINGDOWN: "on_shutdown",
    State.TRANSITION_STATE_ACTIVATING: "on_activate",
    State.TRANSITION_STATE_DEACTIVATING: "on_deactivate",
    State.TRANSITION_STATE_ERRORPROCESSING: "on_error",
}
SHUTDOWNS = {
    State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_INACTIVE_SHUTDOWN,
    State.PRIMARY_STATE_ACTIVE: Transition.TRANSITION_ACTIVE_SHUTDOWN,
}


class LifecycleNode(Node):
    """As rclpy.lifecycle.LifecycleNode: override ``on_configure`` and the others."""

    def __init__(self, node_name: str, *, enable_communication_interface: bool = True, **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        self._machine = StateMachine()
        self._managed: list[ManagedEntity] = []
        self._events: Any = None
        if enable_communication_interface:
            self._events = self.create_publisher(TransitionEvent, "~/transition_event", 10)
            for kind, name, answer in (
                (ChangeState, "change_state", self._answer_change),
                (GetState, "get_state", self._answer_state),
                (GetAvailableStates, "get_available_states", self._answer_states),
                (GetAvailableTransitions, "get_available_transitions", self._answer_transitions),
                (GetAvailableTransitions, "get_transition_graph", self._answer_graph),
            ):
                self.create_service(kind, f"~/{name}", answer)

    def create_lifecycle_publisher(
        self, msg_type: Any, topic: str, qos_profile: QoSProfile | int, **kwargs: Any
    ) -> LifecyclePublisher:
        """Return a publisher that is silent while the node is not active."""
        publisher: LifecyclePublisher = self.create_publisher(
            msg_type, topic, qos_profile, publisher_class=LifecyclePublisher, **kwargs
        )
        self._managed.append(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        if publisher in self._managed:
            self._managed.remove(publisher)
        return self.destroy_publisher(publisher)

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        self._managed.append(entity)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_cleanup", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_activate", state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_deactivate", state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_shutdown", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._tell("on_error", state)

    def trigger_configure(self) -> TransitionCallbackReturn:
        return self._transit(Transition.TRANSITION_CONFIGURE)

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        return self._transit(Transition.TRANSITION_CLEANUP)

    def trigger_activate(self) -> TransitionCallbackReturn:
        return self._transit(Transition.TRANSITION_ACTIVATE)

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        return self._transit(Transition.TRANSITION_DEACTIVATE)

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """Finalize the node.

        Raises:
            RuntimeError: it is finalized already.
        """
        if self._machine.state not in SHUTDOWNS:
            raise RuntimeError("Shutdown transition not possible")
        return self._transit(SHUTDOWNS[self._machine.state])

    def _tell(self, callback: str, state: LifecycleState) -> TransitionCallbackReturn:
        for entity in list(self._managed):
            result: TransitionCallbackReturn = getattr(entity, callback)(state)
            if result != TransitionCallbackReturn.SUCCESS:
                return result
        return TransitionCallbackReturn.SUCCESS

    def _transit(self, transition_id: int) -> TransitionCallbackReturn:
        before = self._machine.current
        step = self._machine.request(transition_id)
        if step is None:
            self._logger.error(f"Unable to start transition {transition_id} from current state {tuple(before)}")
            return TransitionCallbackReturn.ERROR
        self._announce_step(step)
        result = self._run_callback(before)
        self._announce_step(self._machine.finish(result))
        if result == TransitionCallbackReturn.ERROR:
            self._announce_step(self._machine.finish(self._run_callback(before)))
        return result

    def _run_callback(self, before: LifecycleState) -> TransitionCallbackReturn:
        name = CALLBACKS[self._machine.state]
        try:
            result = getattr(self, name)(before)
        except Exception:  # noqa: BLE001 - whatever it is, rclpy makes it ERROR
            self._logger.error(f"{name} raised an exception:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        if not isinstance(result, TransitionCallbackReturn):
            self._logger.error(f"{name} returned {result!r} instead of a TransitionCallbackReturn")
            return TransitionCallbackReturn.ERROR
        return result

    def _announce_step(self, step: Step) -> None:
        if self._events is not None:
            self._events.publish(
                TransitionEvent(
                    timestamp=self._clock.now().nanoseconds,
                    transition=Transition(id=step.transition_id, label=step.label),
                    start_state=_state(step.start),
                    goal_state=_state(step.goal),
                )
            )

    def _answer_change(self, request: Any, response: Any) -> Any:
        wanted: int | None = request.transition.id
        if request.transition.label:
            wanted = self._machine.by_label(request.transition.label)
        response.success = wanted is not None and self._transit(wanted) == TransitionCallbackReturn.SUCCESS
        return response

    def _answer_state(self, request: Any, response: Any) -> Any:
        response.current_state = _state(self._machine.state)
        return response

    def _answer_states(self, request: Any, response: Any) -> Any:
        response.available_states = [_state(number) for number in LABELS]
        return response

    def _answer_transitions(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_description(step) for step in self._machine.available()]
        return response

    def _answer_graph(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_description(step) for step in GRAPH]
        return response


def _state(number: int) -> State:
    return State(id=number, label=LABELS[number])


def _description(step: Step) -> TransitionDescription:
    return TransitionDescription(
        transition=Transition(id=step.transition_id, label=step.label),
        start_state=_state(step.start),
        goal_state=_state(step.goal),
    )
