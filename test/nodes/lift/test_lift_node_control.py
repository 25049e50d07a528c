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

"""The lift node's lifecycle and parameters, driven from another process through their services."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import DescribeParameters
from rclpy.lifecycle import TransitionCallbackReturn
from support.nodes import Operator, Planner, connected, node_process

from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig, save_checkpoint
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.nodes.lift.node import LiftNode
from diffupose_ros.resources import resource_path


@pytest.fixture
def operator() -> Iterator[Operator]:
    with connected(lambda: Operator(("skeletons_3d", "hypotheses"))) as operator:
        yield operator


@pytest.fixture
def other_architecture(tmp_path: Path) -> Path:
    """A checkpoint whose weights are of another d than its metadata says."""
    path = tmp_path / "other.safetensors"
    weights = Denoiser(DenoiserConfig(channels=64)).state_dict()
    save_checkpoint(Checkpoint(DenoiserConfig(channels=32), DiffusionConfig(), weights), path)
    return path


def test_every_transition_and_another_checkpoint_at_the_next_configure(operator: Operator, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.safetensors"
    save_checkpoint(
        Checkpoint(DenoiserConfig(channels=32), DiffusionConfig(), Denoiser(DenoiserConfig(channels=32)).state_dict()),
        tiny,
    )
    with node_process("lift_node", "-p", "autostart:=false"):
        assert operator.state() == "unconfigured"
        assert operator.change(Transition.TRANSITION_CONFIGURE)
        assert operator.state() == "inactive"
        assert not operator.change(Transition.TRANSITION_CONFIGURE)  # not from here; the node goes on
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        assert operator.state() == "active"
        operator.see()
        assert operator.answer(operator.good()).skeletons
        assert operator.change(Transition.TRANSITION_DEACTIVATE)
        received = len(operator.skeletons)
        operator.publish(operator.good())
        operator.spin_until(lambda: operator.status().message == "not active")
        assert len(operator.skeletons) == received
        assert operator.change(Transition.TRANSITION_CLEANUP)
        assert operator.state() == "unconfigured"
        assert operator.set("weights", str(tiny)).successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        assert operator.answer(operator.good()).skeletons
        assert operator.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert operator.state() == "finalized"


def test_cleanup_frees_the_model(operator: Operator) -> None:
    node = LiftNode()
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    model = weakref.ref(node._lifter.sampler._network)
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert model() is not None
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    gc.collect()
    assert model() is None
    node.destroy_node()


def test_a_detector_profile_that_is_not_there_leaves_the_node_unconfigured_and_alive(operator: Operator) -> None:
    with node_process("lift_node", "-p", "detector_profile:=my_own"):
        operator.spin_until(lambda: operator.status() is not None)
        assert operator.state() == "unconfigured"
        assert "no detector profile 'my_own'" in operator.status().message
        assert operator.set("detector_profile", "openpose").successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("missing", "no weights"), ("truncated", "truncated"), ("text", "safetensors"), ("other", "do not fit")],
)
def test_broken_weights_leave_the_node_unconfigured_and_alive(
    operator: Operator, tmp_path: Path, other_architecture: Path, broken: str, reason: str
) -> None:
    shipped = resource_path("resource/weights/default.safetensors").read_bytes()
    path = tmp_path / "broken.safetensors"
    if broken == "truncated":
        path.write_bytes(shipped[: len(shipped) // 2])
    elif broken == "text":
        path.write_text("these are no weights")
    elif broken == "other":
        path = other_architecture
    with node_process("lift_node", "-p", f"weights:={path}"):
        operator.spin_until(lambda: operator.status() is not None)
        assert operator.state() == "unconfigured"
        assert reason in operator.status().message
        assert operator.set("weights", "default").successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.see()
        assert operator.answer(operator.good()).skeletons


def test_an_activation_that_fails_leaves_nothing_behind(operator: Operator) -> None:
    with node_process("lift_node", "-p", "input_topics:=['bad topic']"):
        operator.spin_until(lambda: operator.status() is not None)
        assert operator.state() == "inactive"
        assert "cannot activate" in operator.status().message
        assert operator.node.count_subscribers("camera_info") == 0
        assert not operator.set("input_topics", []).successful
        assert not operator.set("input_topics", ["twice", "twice"]).successful
        assert operator.set("input_topics", ["skeletons_2d"]).successful
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.see()
        assert operator.answer(operator.good()).skeletons


def test_deactivate_and_interrupt_do_not_wait_for_a_crowd(operator: Operator) -> None:
    crowd = operator.good(people=0)
    one = operator.good().skeletons[0]
    crowd.skeletons = [type(one)(id=str(i), layout=one.layout, keypoints=one.keypoints) for i in range(200)]
    with node_process("lift_node", "-p", "hypotheses:=50"):
        operator.see()
        assert operator.answer(operator.good()).skeletons
        received, sent = len(operator.skeletons), max(1, int(operator.values().get("messages in", 1)))
        operator.publish(crowd)
        operator.spin_until(lambda: int(operator.values().get("messages in", 0)) > sent)
        assert operator.change(Transition.TRANSITION_DEACTIVATE)
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.see()
        assert operator.answer(operator.good()).skeletons
        assert all(len(m.skeletons) == 1 for m in operator.skeletons[received:])
        operator.publish(crowd)
        rclpy.spin_once(operator.node, timeout_sec=0.3)
        # node_process ends it in the middle of that, and wants exit code 0.


def test_parameters_are_described_checked_and_live(operator: Operator) -> None:
    with node_process("lift_node"):
        operator.see()
        described = operator.call(
            DescribeParameters, "describe_parameters", DescribeParameters.Request(names=["steps", "autostart"])
        ).descriptors
        assert described[0].integer_range[0].to_value == 100
        assert "DDIM" in described[0].description
        assert described[1].read_only

        for name, value in (("steps", 0), ("hypotheses", 100000), ("ellipsoid_probability", 1.5), ("seed", -2)):
            result = operator.set(name, value)
            assert not result.successful
            assert result.reason
        assert not operator.set("steps", "five").successful  # of another type
        assert not operator.set("autostart", False).successful  # read-only
        assert operator.get("steps").integer_value == 5
        assert operator.get("hypotheses").integer_value == 10
        assert operator.answer(operator.good()).skeletons

        assert operator.set("hypotheses", 3).successful
        message = operator.good()
        operator.answer(message)
        hypotheses = operator.received["hypotheses"]
        operator.spin_until(lambda: [m for m in hypotheses if m.header == message.header])
        assert next(m for m in hypotheses if m.header == message.header).people[0].count == 3


def test_a_latency_budget_chooses_the_steps_and_says_when_none_hold_it(operator: Operator) -> None:
    def shown() -> tuple[str | None, ...]:
        values = operator.values()
        return values.get("latency budget"), values.get("steps")

    def lifting_with(budget: str, steps: str) -> None:
        operator.spin_until(lambda: shown() == (budget, steps) or operator.publish(operator.good()))
        assert len(operator.answer(operator.good(people=2)).skeletons) == 2

    with node_process("lift_node", "-p", "device:=cpu", "-p", "latency_budget_ms:=1", "-p", "steps:=7"):
        operator.see()
        lifting_with("1 ms", "2")
        operator.spin_until(lambda: operator.count("over budget"))
        operator.spin_until(lambda: "over budget" in operator.status().message or operator.publish(operator.good()))
        assert not operator.set("latency_budget_ms", -1).successful
        assert operator.set("latency_budget_ms", 10000).successful
        lifting_with("10000 ms", "20")
        assert operator.set("latency_budget_ms", 0).successful
        lifting_with("off", "7")
        assert {"waiting p99 ms", "besides the model p99 ms"} <= set(operator.values())
        assert operator.change(Transition.TRANSITION_DEACTIVATE)
        assert operator.change(Transition.TRANSITION_CLEANUP)
        assert operator.change(Transition.TRANSITION_CONFIGURE)  # without a budget: its steps are measured later
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.diagnostics.clear()
        operator.see()
        lifting_with("off", "7")
        assert operator.set("latency_budget_ms", 10000).successful
        lifting_with("10000 ms", "20")


def test_a_parameter_out_of_range_at_the_start_ends_the_node_with_the_reason() -> None:
    command = [sys.executable, "-m", "diffupose_ros.nodes.lift.node", "--ros-args", "-p", "steps:=0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "steps" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_same_seed_gives_the_same_pose_and_nothing_is_lifted_for_nobody(operator: Operator) -> None:
    with node_process("lift_node", "-p", "seed:=7"):
        operator.see()
        first, second = (operator.answer(operator.good()).skeletons[0] for _ in range(2))
        assert first == second
    operator.node.destroy_node()
    rclpy.try_shutdown()
    with connected(lambda: Planner(outputs=())) as alone, node_process("lift_node"):
        alone.see()
        idle = "not lifted (nobody subscribes)"
        alone.spin_until(lambda: alone.values().get(idle) or alone.publish(alone.good()))
        assert "messages out" not in alone.values()
