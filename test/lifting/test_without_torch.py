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

"""Lifting, in processes that load no PyTorch, or that have none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.models import tiny_file

from diffupose_ros.lifting.engine.onnx.export import export

LIFT = """
import sys
import numpy as np
from diffupose_ros.lifting import Camera, Lifter
lifter = Lifter.load(sys.argv[1], engine="onnx")
lifted = lifter.lift(300 + 50 * np.random.default_rng(0).normal(size=(2, 17, 2)), np.ones((2, 17)),
                     Camera.from_fov(1.0, 640, 480), steps=2, seed=0)
assert lifted.valid.all() and np.isfinite(lifted.covariance).all()
print(sorted({"torch", "safetensors", "onnx"} & set(sys.modules)))
"""
REFUSED = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "safetensors", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refused())
"""
NODE = """
from diffupose_ros import standalone
standalone.activate()
import rclpy
from diffupose_ros.nodes.lift.node import LiftNode
rclpy.init()
node = LiftNode(parameter_overrides=[
    rclpy.parameter.Parameter(name, value=value)
    for name, value in (("weights", sys.argv[1]), ("steps", 2), ("autostart", False))
])
done = node.trigger_configure(), node.trigger_activate()
print(*done, node._failure)
node.destroy_node()
rclpy.shutdown()
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    export(tiny_file(folder), folder / "out.onnx", 2)
    return folder / "out.onnx"


def run(program: str, *arguments: object) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_engine_onnx_loads_neither_torch_nor_what_writes_its_files(model: Path) -> None:
    assert run(LIFT, model) == "[]"


def test_it_lifts_where_they_are_not_installed(model: Path) -> None:
    assert run(REFUSED + LIFT, model) == "[]"


def test_the_lift_node_runs_where_torch_is_not_installed(model: Path) -> None:
    assert run(REFUSED + NODE, model).count("SUCCESS") == 2


def test_without_torch_and_without_a_file_it_says_what_to_do(model: Path) -> None:
    said = run(REFUSED + NODE, model.with_name("tiny.safetensors"))
    assert "FAILURE" in said and "no export of" in said and "diffupose export" in said
