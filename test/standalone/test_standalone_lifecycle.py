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

"""Lifecycle nodes: every transition, by call and by service from another process."""

from __future__ import annotations

from support.standalone import peer, running, spin_until

# isort: split
from collections.abc import Iterator

import pytest
import rclpy
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.node import Node
from std_msgs.msg import String
from support.standalone import call

SUCCESS, FAILURE, ERROR = TransitionCallbackReturn


class Recorder(LifecycleNode):
    """Remembers its callbacks; each ends as ``outcome`` says."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.seen: list[tuple[str, str]] = []
        self.outcome: dict[str, TransitionCallbackReturn | Exception] = {}

    def _record(self, name: str, state: State) -> TransitionCallbackReturn:
        self.seen.append((name, state.label))
        outcome = self.outcome.get(name)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or getattr(super(), name)(state)

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        return self._record("on_configure", state)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        return self._record("on_activate", state)

    def on_error(self, state: State) -> TransitionCallbackReturn:
        return self._record("on_error", state)


@pytest.fixture
def node() -> Iterator[Recorder]:
    with running():
        made = Recorder()
        yield made
        made.destroy_node()


def label(node: LifecycleNode) -> str:
    return node._machine.current.label


def test_every_transition(node: Recorder) -> None:
    steps = [
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("shutdown", "finalized"),
    ]
    for name, state in steps:
        assert getattr(node, f"trigger_{name}")() == SUCCESS
        assert label(node) == state
    assert node.seen == [("on_configure", "unconfigured"), ("on_activate", "inactive")]
    with pytest.raises(RuntimeError):
        node.trigger_shutdown()


def test_a_transition_that_cannot_start_changes_nothing(node: Recorder) -> None:
    assert node.trigger_activate() == ERROR
    assert (label(node), node.seen) == ("unconfigured", [])


@pytest.mark.parametrize(
    ("outcome", "recovers", "state"),
    [
        (FAILURE, SUCCESS, "unconfigured"),
        (ERROR, SUCCESS, "unconfigured"),
        (ERROR, FAILURE, "finalized"),
        (ValueError("broken"), SUCCESS, "unconfigured"),
    ],
)
def test_failures_and_errors(node: Recorder, outcome: object, recovers: object, state: str) -> None:
    node.outcome = {"on_configure": outcome, "on_error": recovers}
    assert node.trigger_configure() == (FAILURE if outcome == FAILURE else ERROR)
    assert label(node) == state
    assert (("on_error", "unconfigured") in node.seen) == (outcome != FAILURE)


def test_a_lifecycle_publisher_is_silent_unless_active(node: Recorder) -> None:
    got: list[str] = []
    node.create_subscription(String, "out", lambda msg: got.append(msg.data), 10)
    publisher = node.create_lifecycle_publisher(String, "out", 10)
    publisher.publish(String(data="too early"))
    node.trigger_configure()
    node.trigger_activate()
    publisher.publish(String(data="now"))
    spin_until(node, lambda: got)
    node.trigger_deactivate()
    publisher.publish(String(data="too late"))
    rclpy.spin_once(node, timeout_sec=0.2)
    assert got == ["now"]


def change(node: Node, number: int, name: str = "") -> bool:
    request = ChangeState.Request(transition=Transition(id=number, label=name))
    return bool(call(node, ChangeState, "/managed/change_state", request).success)


def test_services_of_another_process() -> None:
    with running(), peer("managed"):
        node = rclpy.create_node("tester")
        events: list[str] = []
        node.create_subscription(
            TransitionEvent, "/managed/transition_event", lambda msg: events.append(msg.goal_state.label), 10
        )
        spin_until(node, lambda: node.subscriptions[-1].get_publisher_count() == 1)

        def state() -> str:
            return str(call(node, GetState, "/managed/get_state", GetState.Request()).current_state.label)

        assert state() == "unconfigured"
        assert change(node, Transition.TRANSITION_CONFIGURE) and state() == "inactive"
        assert not change(node, Transition.TRANSITION_ACTIVATE)  # raises the first time
        assert state() == "unconfigured"
        assert change(node, 0, "configure") and change(node, 0, "activate") and state() == "active"
        assert not change(node, 0, "nonsense")
        offered = call(
            node,
            GetAvailableTransitions,
            "/managed/get_available_transitions",
            GetAvailableTransitions.Request(),
        ).available_transitions
        assert {each.transition.label for each in offered} == {"deactivate", "shutdown"}
        states = call(
            node, GetAvailableStates, "/managed/get_available_states", GetAvailableStates.Request()
        ).available_states
        assert len(states) == 11
        assert change(node, Transition.TRANSITION_ACTIVE_SHUTDOWN) and state() == "finalized"
        spin_until(node, lambda: "finalized" in events)
        assert "errorprocessing" in events and "active" in events
        node.destroy_node()
