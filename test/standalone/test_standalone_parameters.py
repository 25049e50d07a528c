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

"""Parameters: declared, overridden, refused; here and through services from another process."""

from __future__ import annotations

from support.standalone import call, peer, running

# isort: split
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python

from diffupose_ros.standalone.rclpy.arguments import parse_value, read_parameter_file

FILE = """
/**:
  ros__parameters:
    gain: 2.5
    names: [x, y]
/robot/echo:
  ros__parameters: {count: 20, nested: {deep: true}}
other:
  ros__parameters: {count: 95}
"""


@pytest.fixture
def node() -> Iterator[Node]:
    with running():
        made = rclpy.create_node("tester")
        yield made
        made.destroy_node()


def test_declare_get_set(node: Node) -> None:
    assert node.declare_parameter("speed", 1.5).value == 1.5
    assert node.get_parameter("speed").type_ == Parameter.Type.DOUBLE
    assert [r.successful for r in node.set_parameters([Parameter("speed", value=2.0)])] == [True]
    assert node.get_parameter("speed").value == 2.0
    assert node.has_parameter("speed") and not node.has_parameter("other")
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter("speed", 1.0)
    with pytest.raises(ParameterNotDeclaredException):
        node.get_parameter("other")


def test_a_wrong_type_a_range_and_read_only_are_refused_with_the_reason(node: Node) -> None:
    limits = FloatingPointRange(from_value=0.0, to_value=1.0)
    node.declare_parameter("share", 0.5, ParameterDescriptor(floating_point_range=[limits]))
    node.declare_parameter("fixed", 1, ParameterDescriptor(read_only=True))
    changes = [Parameter("share", value=2.0), Parameter("share", value=1), Parameter("fixed", value=2)]
    reasons = [result.reason for result in node.set_parameters(changes)]
    assert reasons[0].startswith("Parameter share out of range. Min: 0.0, Max: 1.0, value: 2.0")
    assert reasons[1].startswith("Wrong parameter type, expected 'Type.DOUBLE' got 'Type.INTEGER'")
    assert reasons[2] == "Trying to set a read-only parameter: fixed."
    assert (node.get_parameter("share").value, node.get_parameter("fixed").value) == (0.5, 1)


def test_callbacks_refuse_and_atomic_changes_are_all_or_nothing(node: Node) -> None:
    node.declare_parameters("", [("a", 1), ("b", 1)])

    def check(parameters: list[Parameter]) -> SetParametersResult:
        return SetParametersResult(successful=all(p.value < 10 for p in parameters), reason="too big")

    node.add_on_set_parameters_callback(check)
    result = node.set_parameters_atomically([Parameter("a", value=5), Parameter("b", value=50)])
    assert (result.successful, result.reason, node.get_parameter("a").value) == (False, "too big", 1)


def test_overrides_from_code_and_command_line() -> None:
    with running("--ros-args", "-p", "one:=5", "-p", "tester:two:=[1.5, 2.5]", "-p", "other:three:=1"):
        node = rclpy.create_node("tester", parameter_overrides=[Parameter("four", value="x")])
        names = node.declare_parameters("", [("one", 1), ("two", [0.0]), ("three", 0), ("four", "")])
        assert [p.value for p in names] == [5, [1.5, 2.5], 0, "x"]
        node.destroy_node()


@pytest.mark.parametrize(
    ("argument", "error"),
    [("share:=true", InvalidParameterTypeException), ("share:=3.0", InvalidParameterValueException)],
)
def test_a_bad_override_stops_the_declaration(argument: str, error: type[Exception]) -> None:
    limits = FloatingPointRange(from_value=0.0, to_value=1.0)
    with running("--ros-args", "-p", argument):
        node = rclpy.create_node("tester")
        with pytest.raises(error):
            node.declare_parameter("share", 0.5, ParameterDescriptor(floating_point_range=[limits]))
        node.destroy_node()


@pytest.mark.parametrize("args", [["-p", "x"], ["--params-file", "/none"], ["--nonsense"], ["-r"]])
def test_bad_ros_arguments_are_refused(args: list[str]) -> None:
    with pytest.raises(ValueError), running("--ros-args", *args):
        pass


def test_parameter_file_reaches_the_node_it_names(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(FILE)
    with running("--ros-args", "--params-file", str(path), "-r", "__ns:=/robot"):
        node = rclpy.create_node("echo", automatically_declare_parameters_from_overrides=True)
        values = {name: node.get_parameter(name).value for name in ("gain", "names", "count", "nested.deep")}
        node.destroy_node()
    assert values == {"gain": 2.5, "names": ["x", "y"], "count": 20, "nested.deep": True}


def test_services_of_another_process(node: Node) -> None:
    with peer("echo", "--ros-args", "-p", "gain:=4.0"):
        listed = call(node, ListParameters, "/echo/list_parameters", ListParameters.Request())
        assert {"gain", "count", "mode", "names", "use_sim_time"} <= set(listed.result.names)

        changes = [("gain", 5.0), ("gain", 11.0), ("count", 7), ("mode", "new"), ("nonsense", 1)]
        wanted = [Parameter(name, value=value).to_parameter_msg() for name, value in changes]
        request = SetParameters.Request(parameters=wanted)
        results = call(node, SetParameters, "/echo/set_parameters", request).results
        assert [result.successful for result in results] == [True, False, False, False, False]
        for result, reason in zip(
            results[1:], ("out of range", "not a valid step", "read-only", "undeclared"), strict=True
        ):
            assert reason in result.reason

        request = GetParameters.Request(names=["gain", "count", "mode", "names"])
        values = call(node, GetParameters, "/echo/get_parameters", request).values
        assert [parameter_value_to_python(value) for value in values] == [5.0, 10, "fixed", ["a"]]

        request = DescribeParameters.Request(names=["gain"])
        described = call(node, DescribeParameters, "/echo/describe_parameters", request).descriptors
        assert described[0].floating_point_range[0].to_value == 10.0


@pytest.mark.parametrize("text", ["a: b: c\nd: [", "[" * 3000, "a: 2001-99-01"])
def test_broken_yaml_is_refused_on_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    for read in (lambda: list(read_parameter_file(path)), lambda: parse_value(text)):
        with pytest.raises(ValueError, match=r"parameter") as raised:
            read()
        assert "\n" not in str(raised.value)
