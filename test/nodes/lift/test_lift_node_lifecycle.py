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

"""The lift node's lifecycle, driven from another process through its services."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
import torch
from lifecycle_msgs.msg import Transition
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from support.nodes import Operator, connected, node_process

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


def test_the_model_computes_with_as_many_threads_as_the_user_says(operator: Operator) -> None:
    before = torch.get_num_threads()
    node = LiftNode()
    try:
        for threads in (3, 2):
            node.set_parameters([Parameter("threads", value=threads)])
            assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
            assert torch.get_num_threads() == threads
            assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    finally:
        torch.set_num_threads(before)
        node.destroy_node()


def test_broken_weights_leave_the_node_unconfigured_and_alive(
    operator: Operator, tmp_path: Path, other_architecture: Path
) -> None:
    shipped = resource_path("resource/weights/default.safetensors").read_bytes()
    missing, truncated, text = (tmp_path / f"{name}.safetensors" for name in ("missing", "truncated", "text"))
    truncated.write_bytes(shipped[: len(shipped) // 2])
    text.write_text("these are no weights")
    reasons = {truncated: "truncated", text: "safetensors", other_architecture: "do not fit"}

    def refused_then_answered(reason: str) -> None:
        operator.spin_until(lambda: operator.status() is not None and reason in operator.status().message)
        assert operator.state() == "unconfigured"
        assert operator.set("weights", "default").successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)
        assert operator.change(Transition.TRANSITION_ACTIVATE)
        operator.diagnostics.clear()
        operator.see()
        assert operator.answer(operator.good()).skeletons

    with node_process("lift_node", "-p", f"weights:={missing}"):
        refused_then_answered("no weights")
        for path, reason in reasons.items():
            assert operator.change(Transition.TRANSITION_DEACTIVATE)
            assert operator.change(Transition.TRANSITION_CLEANUP)
            assert operator.set("weights", str(path)).successful
            assert not operator.change(Transition.TRANSITION_CONFIGURE)
            refused_then_answered(reason)


def test_deactivate_and_interrupt_do_not_wait_for_a_crowd(operator: Operator) -> None:
    crowd = operator.good(people=0)
    one = operator.good().skeletons[0]
    crowd.skeletons = [type(one)(id=str(i), layout=one.layout, keypoints=one.keypoints) for i in range(200)]
    with node_process("lift_node", "-p", "hypotheses:=50", "-p", "steps:=20"):  # one step is soon over
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
