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

"""The lift node on the engine onnx, and how an engine's refusals show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from support.models import tiny_file
from support.nodes import Operator, connected, node_process

from diffupose_ros.lifting.engine.onnx.export import export


@pytest.fixture
def operator() -> Iterator[Operator]:
    with connected(lambda: Operator(("skeletons_3d",))) as operator:
        yield operator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    export(tiny_file(folder), folder / "out.onnx", 2)
    return folder / "out.onnx"


def test_it_lifts_says_which_steps_it_lacks_and_goes_on(operator: Operator, model: Path) -> None:
    with node_process("lift_node", "-p", f"weights:={model}", "-p", "steps:=2"):
        operator.see()
        assert operator.answer(operator.good()).skeletons
        assert operator.set("steps", 5).successful
        operator.spin_until(lambda: operator.count("no such steps") or operator.publish(operator.good()))
        assert operator.set("steps", 2).successful
        assert operator.answer(operator.good()).skeletons


def test_steps_that_the_file_lacks_leave_it_unconfigured(operator: Operator, model: Path) -> None:
    with node_process("lift_node", "-p", f"weights:={model}", "-p", "engine:=onnx", "-p", "steps:=5"):
        operator.spin_until(lambda: operator.status() is not None and "takes 2, not 5" in operator.status().message)
        assert operator.set("steps", 0).successful
        assert operator.change(Transition.TRANSITION_CONFIGURE)


def test_too_little_memory_for_one_person_is_a_problem_and_the_node_stays(
    operator: Operator, model: Path, tmp_path: Path
) -> None:
    script = tmp_path / "small_gpu.py"
    script.write_text(
        """
from diffupose_ros import standalone
standalone.activate()
from diffupose_ros.lifting.engine.onnx.model import OnnxModel
from diffupose_ros.nodes.lift.node import main

run = OnnxModel.run

def small(model, features, seen, sampling, interrupted):
    if sampling.hypotheses > 20:
        raise MemoryError("not enough memory for the 30 hypotheses of one person")
    return run(model, features, seen, sampling, interrupted)

OnnxModel.run = small
raise SystemExit(main())
"""
    )
    with node_process(str(script), "-p", f"weights:={model}", "-p", "steps:=2"):
        operator.see()
        assert operator.set("hypotheses", 30).successful
        operator.spin_until(lambda: operator.count("too little memory") or operator.publish(operator.good()))
        assert operator.set("hypotheses", 10).successful
        assert operator.answer(operator.good()).skeletons
