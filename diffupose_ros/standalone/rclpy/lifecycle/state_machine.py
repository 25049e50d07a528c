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

"""The states and transitions of the managed node design, as rcl_lifecycle has them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from lifecycle_msgs.msg import State, Transition


class TransitionCallbackReturn(Enum):
    """How a transition callback ended."""

    SUCCESS = Transition.TRANSITION_CALLBACK_SUCCESS
    FAILURE = Transition.TRANSITION_CALLBACK_FAILURE
    ERROR = Transition.TRANSITION_CALLBACK_ERROR


class LifecycleState(NamedTuple):
    """A state's number and name."""

    state_id: int
    label: str


class Step(NamedTuple):
    """One transition."""

    transition_id: int
    label: str
    start: int
    goal: int


LABELS = {
    State.PRIMARY_STATE_UNKNOWN: "unknown",
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
    State.PRIMARY_STATE_ACTIVE: "active",
    State.PRIMARY_STATE_FINALIZED: "finalized",
    State.TRANSITION_STATE_CONFIGURING: "configuring",
    State.TRANSITION_STATE_CLEANINGUP: "cleaningup",
    State.TRANSITION_STATE_SHUTTINGDOWN: "shuttingdown",
    State.TRANSITION_STATE_ACTIVATING: "activating",
    State.TRANSITION_STATE_DEACTIVATING: "deactivating",
    State.TRANSITION_STATE_ERRORPROCESSING: "errorprocessing",
}

UNCONFIGURED, INACTIVE = State.PRIMARY_STATE_UNCONFIGURED, State.PRIMARY_STATE_INACTIVE
ACTIVE, FINALIZED = State.PRIMARY_STATE_ACTIVE, State.PRIMARY_STATE_FINALIZED
ERROR = State.TRANSITION_STATE_ERRORPROCESSING

REQUESTS = [
    Step(Transition.TRANSITION_CONFIGURE, "configure", UNCONFIGURED, State.TRANSITION_STATE_CONFIGURING),
    Step(Transition.TRANSITION_CLEANUP, "cleanup", INACTIVE, State.TRANSITION_STATE_CLEANINGUP),
    Step(Transition.TRANSITION_ACTIVATE, "activate", INACTIVE, State.TRANSITION_STATE_ACTIVATING),
    Step(Transition.TRANSITION_DEACTIVATE, "deactivate", ACTIVE, State.TRANSITION_STATE_DEACTIVATING),
    Step(
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
        "shutdown",
        UNCONFIGURED,
        State.TRANSITION_STATE_SHUTTINGDOWN,
    ),
    Step(Transition.TRANSITION_INACTIVE_SHUTDOWN, "shutdown", INACTIVE, State.TRANSITION_STATE_SHUTTINGDOWN),
    Step(Transition.TRANSITION_ACTIVE_SHUTDOWN, "shutdown", ACTIVE, State.TRANSITION_STATE_SHUTTINGDOWN),
]

# Where success, failure and error of a callback lead, and the id of the success transition.
OUTCOMES = {
    State.TRANSITION_STATE_CONFIGURING: (INACTIVE, UNCONFIGURED, ERROR),
    State.TRANSITION_STATE_CLEANINGUP: (UNCONFIGURED, INACTIVE, ERROR),
    State.TRANSITION_STATE_SHUTTINGDOWN: (FINALIZED, FINALIZED, ERROR),
    State.TRANSITION_STATE_ACTIVATING: (ACTIVE, INACTIVE, ERROR),
    State.TRANSITION_STATE_DEACTIVATING: (INACTIVE, ACTIVE, ERROR),
    ERROR: (UNCONFIGURED, FINALIZED, FINALIZED),
}
_IDS = {state: first for first, state in zip((10, 20, 50, 30, 40, 60), OUTCOMES, strict=True)}
_RESULTS = list(TransitionCallbackReturn)

GRAPH = REQUESTS + [
    Step(_IDS[state] + n, f"transition_{result.name.lower()}", state, goal)
    for state, goals in OUTCOMES.items()
    for n, (result, goal) in enumerate(zip(_RESULTS, goals, strict=True))
]


class StateMachine:
    """Where a node is, and where it can go."""

    def __init__(self) -> None:
        self.state = UNCONFIGURED

    @property
    def current(self) -> LifecycleState:
        return LifecycleState(self.state, LABELS[self.state])

    def request(self, transition_id: int) -> Step | None:
        """Start a transition; None where it cannot start from here."""
        step = next((s for s in REQUESTS if s.transition_id == transition_id and s.start == self.state), None)
        if step is not None:
            self.state = step.goal
        return step

    def finish(self, result: TransitionCallbackReturn) -> Step:
        """Go where the callback's result leads."""
        label = f"transition_{result.name.lower()}"
        step = next(s for s in GRAPH if s.start == self.state and s.label == label)
        self.state = step.goal
        return step

    def available(self) -> list[Step]:
        """Return the transitions that can start here."""
        return [step for step in GRAPH if step.start == self.state]

    def by_label(self, label: str) -> int | None:
        """Return the id of the transition of that name that can start here."""
        return next((step.transition_id for step in self.available() if step.label == label), None)
