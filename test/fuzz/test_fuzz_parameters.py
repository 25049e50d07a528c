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

"""Whatever a user writes as a parameter, into a parameter file, or on a command line: taken, or refused on one line."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import rclpy
from hypothesis import given
from hypothesis import strategies as st
from rclpy.parameter import Parameter as RosParameter
from support.fuzz import JSON, clear, fuzzed, rewritten

from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.standalone.rclpy import arguments

NODES = ("detect", "lift", "people", "planner", "replay", "video", "yolo", "hri")
ROWS = [row for name in NODES for row in importlib.import_module(f"diffupose_ros.nodes.{name}.node").PARAMETERS]
KINDS = (st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8))
BYTES = st.lists(st.binary(min_size=1, max_size=1), max_size=2)
VALUES = st.one_of(*KINDS, BYTES, *(st.lists(kind, max_size=3) for kind in KINDS))
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=6)
FILE = """/**:
  ros__parameters:
    steps: 5
    min_score: 0.1
    input_topics: [ a , b ]
    nested: { deep: { er: 1 } }
lift_node:
  ros__parameters: { flip: true , weights: default }
"""
WORDS = (
    *("--ros-args", "--", "-p", "-r", "--params-file", "--log-level", "--param=a:=1", "-e", "--x", "", "=", ":="),
    *("a:=1", "a:=[1, 2.0]", "n:a:=x", "a:=", "__node:=x", "x:__ns:=/y", "rostopic://a:=b", "debug", "a:=debug"),
)


@pytest.fixture(scope="module")
def context() -> Any:
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@fuzzed(0.3)
@given(row=st.sampled_from(ROWS), first=VALUES, then=VALUES)
def test_nodes_start_with_a_good_value_and_keep_one(context: Any, row: Parameter, first: Any, then: Any) -> None:
    with clear(ValueError):
        overrides = [RosParameter(row.name, value=first)]
        node = rclpy.create_node("fuzzed", parameter_overrides=overrides, start_parameter_services=False)
        try:
            parameters = Parameters(node, (row,))
            before = parameters[row.name]
            result = node.set_parameters([RosParameter(row.name, value=then)])[0]
            assert result.successful or result.reason
            after = parameters[row.name]
            assert result.successful or after == before
            assert type(after) is type(row.default) or isinstance(row.default, list)
        finally:
            node.destroy_node()


@fuzzed()
@given(text=rewritten(FILE) | JSON.map(str) | st.text())
def test_parameter_files(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "parameters.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with clear(ValueError):
        found = list(arguments.read_parameter_file(Path(path)))
        assert all(isinstance(name, str) for _, name, _ in found)


@fuzzed()
@given(words=st.lists(st.sampled_from(WORDS) | LINES, max_size=8), node=st.sampled_from(["/lift_node", "/a/b"]))
def test_command_lines(words: list[str], node: str) -> None:
    with clear(ValueError):
        arguments.parse(["--ros-args", *words]).overrides(node)
