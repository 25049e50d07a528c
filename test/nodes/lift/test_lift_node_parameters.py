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

"""The lift node's parameters, set from another process while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import DescribeParameters
from support.nodes import Operator, connected, node_process

from diffupose_ros.nodes.lift.node import main
from diffupose_ros.profiles import Profile


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """One lift node for all tests, which leave it active, with the parameters it had; one that it is told is gone."""
    with node_process("lift_node", "-p", "device:=cpu", "-p", "latency_budget_ms:=20"):
        yield


@pytest.fixture
def operator() -> Iterator[Operator]:
    with connected(lambda: Operator(("skeletons_3d", "hypotheses"))) as operator:
        yield operator


@contextlib.contextmanager
def changed(operator: Operator, **values: Any) -> Iterator[None]:
    """Set live parameters, and at the end their values from before."""
    before = {name: operator.get(name).integer_value for name in values}
    for name, value in values.items():
        assert operator.set(name, value).successful
    yield
    for name, value in before.items():
        assert operator.set(name, value).successful


def restart(operator: Operator) -> None:
    """Take an active node back to unconfigured, and then to active again."""
    assert operator.change(Transition.TRANSITION_DEACTIVATE)
    assert operator.change(Transition.TRANSITION_CLEANUP)
    assert operator.change(Transition.TRANSITION_CONFIGURE)
    assert operator.change(Transition.TRANSITION_ACTIVATE)
    operator.diagnostics.clear()
    operator.see()


def test_an_activation_that_fails_leaves_nothing_behind(operator: Operator) -> None:
    operator.see()
    assert operator.change(Transition.TRANSITION_DEACTIVATE)
    assert operator.set("input_topics", ["bad topic"]).successful
    assert not operator.change(Transition.TRANSITION_ACTIVATE)
    operator.spin_until(lambda: "cannot activate" in operator.status().message)
    assert operator.state() == "inactive"
    assert operator.node.count_subscribers("camera_info") == 0
    assert not operator.set("input_topics", []).successful
    assert not operator.set("input_topics", ["twice", "twice"]).successful
    assert operator.set("input_topics", ["skeletons_2d"]).successful
    assert operator.change(Transition.TRANSITION_ACTIVATE)
    operator.diagnostics.clear()
    operator.see()
    assert operator.answer(operator.good()).skeletons


def test_a_profile_reads_the_scores_of_detectors_that_do_not_say_who_they_are(
    operator: Operator, tmp_path: Path
) -> None:
    def poses() -> tuple[Any, Any]:
        """What a message that names its detector becomes, and one that does not."""
        named, nameless = operator.good(), operator.good()
        nameless.detector = ""
        return tuple(operator.answer(message).skeletons[0].joints for message in (named, nameless))

    Profile("mine", "", (1.0,), (0.3,)).save(tmp_path / "mine.json")
    operator.see()
    with changed(operator, seed=7):
        before = poses()
        assert operator.set("detector_profile", str(tmp_path / "mine.json")).successful
        restart(operator)
        after = poses()
        assert operator.values()["detector profile"].endswith("mine.json")
        assert operator.change(Transition.TRANSITION_DEACTIVATE)
        assert operator.change(Transition.TRANSITION_CLEANUP)
        assert operator.set("detector_profile", "nobodys").successful
        assert not operator.change(Transition.TRANSITION_CONFIGURE)
        operator.spin_until(lambda: "no detector profile 'nobodys'" in operator.status().message)
        assert operator.set("detector_profile", "generic").successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.diagnostics.clear()
        operator.see()
    assert after[0] == before[0] and after[1] != before[1]


def test_parameters_are_described_checked_and_live(operator: Operator) -> None:
    operator.see()
    described = operator.call(
        DescribeParameters, "describe_parameters", DescribeParameters.Request(names=["steps", "autostart"])
    ).descriptors
    assert described[0].integer_range[0].to_value == 100
    assert "DDIM" in described[0].description
    assert described[1].read_only

    for name, value in (("steps", 101), ("hypotheses", 100000), ("ellipsoid_probability", 1.5), ("seed", -2)):
        result = operator.set(name, value)
        assert not result.successful
        assert result.reason
    assert not operator.set("steps", "five").successful  # of another type
    result = operator.set("precision", "foo")
    assert not result.successful and "expected one of auto, float32, bfloat16, float16, got 'foo'" in result.reason
    assert not operator.set("autostart", False).successful  # read-only
    assert operator.get("steps").integer_value == 0
    assert operator.get("hypotheses").integer_value == 10
    assert operator.answer(operator.good()).skeletons

    with changed(operator, hypotheses=3):
        message = operator.good()
        operator.answer(message)
        hypotheses = operator.received["hypotheses"]
        operator.spin_until(lambda: [m for m in hypotheses if m.header == message.header])
        assert next(m for m in hypotheses if m.header == message.header).people[0].count == 3


def test_steps_are_as_many_as_suit_the_model_or_as_many_as_asked_for(operator: Operator) -> None:
    def pose(steps: int) -> Any:
        assert operator.set("steps", steps).successful
        return operator.answer(operator.good()).skeletons[0].joints

    operator.see()
    with changed(operator, steps=0, seed=7):
        suited = pose(0)
        usual = int(operator.values()["steps"])
        assert {"waiting p99 ms", "besides the model p99 ms"} <= set(operator.values())
        assert pose(usual) == suited
        assert pose(7) != suited
        operator.spin_until(lambda: operator.values()["steps"] == "7")


def test_a_parameter_out_of_range_at_the_start_ends_the_node_with_the_reason(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["--ros-args", "-p", "steps:=101"]) == 1
    said = capfd.readouterr().err
    assert "steps" in said
    assert "Traceback" not in said


def test_the_same_seed_gives_the_same_pose(operator: Operator) -> None:
    operator.see()
    with changed(operator, seed=7):
        first, second = (operator.answer(operator.good()).skeletons[0] for _ in range(2))
        assert first == second
