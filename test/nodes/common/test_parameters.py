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

"""Parameters as people write them, in files and on command lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.parameter import Parameter as RosParameter

from diffupose_ros.nodes.common.parameters import DEVICES, Parameter, Parameters
from diffupose_ros.nodes.detect.node import PARAMETERS as OF_DETECT
from diffupose_ros.nodes.hri.node import PARAMETERS as OF_HRI
from diffupose_ros.nodes.lift.node import PARAMETERS as OF_LIFT
from diffupose_ros.nodes.people.node import PARAMETERS as OF_PEOPLE
from diffupose_ros.nodes.planner.node import PARAMETERS as OF_PLANNER
from diffupose_ros.nodes.replay.node import PARAMETERS as OF_REPLAY
from diffupose_ros.nodes.video.node import PARAMETERS as OF_VIDEO
from diffupose_ros.nodes.yolo.node import PARAMETERS as OF_YOLO

TABLE = (
    Parameter("rate", 30.0, "A number", 0.0, 240.0, effect="live"),
    Parameter("people", 3, "A whole number", 0, 200, effect="live"),
    Parameter("loop", True, "A switch", effect="live"),
    Parameter("source", "", "A path or a number", effect="live", or_number=True),
    Parameter("precision", "auto", "A choice", choices=("auto", "float32")),
    Parameter("topics", ["a"], "A list", effect="live"),
    Parameter("extra", [], "A list that may be empty", effect="live"),
    Parameter("device", "auto", "A device", choices=DEVICES),
    Parameter("kinds", ["a", "b"], "A list of choices", choices=("a", "b", "c")),
    Parameter("radii", [0.5], "A list of numbers", 0.0, 2.0),
)

NODES = (OF_DETECT, OF_HRI, OF_LIFT, OF_PEOPLE, OF_PLANNER, OF_REPLAY, OF_VIDEO, OF_YOLO)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parameters.yaml"


Start = Callable[..., tuple[Any, Parameters]]


@pytest.fixture
def started() -> Iterator[Start]:
    """A function that starts a node with arguments, and returns it and its parameters."""
    nodes = []

    def start(*arguments: str) -> tuple[Any, Parameters]:
        rclpy.init(args=["--ros-args", *arguments])
        nodes.append(rclpy.create_node("parameter_tester"))
        return nodes[0], Parameters(nodes[0], TABLE)

    yield start
    nodes[0].destroy_node()
    rclpy.try_shutdown()


def test_whole_numbers_of_a_file_are_numbers(file: Path, started: Start) -> None:
    file.write_text("/**:\n  ros__parameters:\n    rate: 25\n    source: 0\n    topics: [b, c]\n")
    node, values = started("--params-file", str(file))
    assert values["rate"] == 25.0 and isinstance(values["rate"], float)
    assert values["source"] == "0" and list(values["topics"]) == ["b", "c"]
    (result,) = node.set_parameters([RosParameter("rate", value=12)])
    assert result.successful and values["rate"] == 12.0 and isinstance(values["rate"], float)


def test_lists_of_numbers_may_be_whole_and_equal(started: Start) -> None:
    _, values = started("-p", "radii:=[1, 1]")
    assert values["radii"] == [1.0, 1.0] and all(isinstance(radius, float) for radius in values["radii"])


def test_a_command_line_gives_whole_numbers_and_the_only_one_of_a_list(started: Start) -> None:
    node, values = started("-p", "rate:=1", "-p", "topics:=/x", "-p", "device:=cuda:1")
    assert values["rate"] == 1.0 and isinstance(values["rate"], float)
    assert values["topics"] == ["/x"] and values["extra"] == [] and values["device"] == "cuda:1"
    for value, expected in (("/y", ["/y"]), (["/y", "/z"], ["/y", "/z"])):
        (result,) = node.set_parameters([RosParameter("topics", value=value)])
        assert result.successful and values["topics"] == expected


@pytest.mark.parametrize("row", [row for table in NODES for row in table if row.choices], ids=lambda row: str(row.name))
def test_every_choice_is_taken_and_all_else_is_refused_with_the_choices(row: Parameter) -> None:
    assert not row.refusal(row.default)
    assert not any(row.refusal(choice.replace("N", "0")) for choice in row.choices)
    for value in ("", "foo", f"{row.choices[0]} ", row.choices[0].upper()):
        assert row.refusal(value) == f"{row.name}: expected one of {', '.join(row.choices)}, got {value!r}"


@pytest.mark.parametrize("row", [row for table in NODES for row in table], ids=lambda row: str(row.name))
def test_every_default_is_taken(row: Parameter) -> None:
    assert not row.refusal(row.default)


@pytest.mark.parametrize("value", [True, "fast", 241, -1, float("nan"), None])
def test_what_is_no_such_number_is_refused(value: Any, started: Start) -> None:
    node, values = started()
    (result,) = node.set_parameters([RosParameter("rate", value=value)])
    assert not result.successful and "rate" in result.reason
    assert values["rate"] == 30.0


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("topics:=[]", "topics: expected at least one, all different"),
        ("topics:=[b, b]", "topics: expected at least one, all different"),
        ("topics:=3", r"topics: expected a text, or several in brackets, \[a, b\], got 3"),
        ("extra:=[b, b]", "extra: expected all different"),
        ("device:=cuda:N", "device: expected one of auto, cpu, cuda, cuda:N, got 'cuda:N'"),
        ("device:=gpu", "device: expected one of auto, cpu, cuda, cuda:N, got 'gpu'"),
        ("people:=3.0", "people: expected a whole number"),
        ("loop:=1", "loop: expected true or false"),
        ("precision:=1", "precision: expected text"),
        ("precision:=foo", "precision: expected one of auto, float32, got 'foo'"),
        ("rate:=fast", "rate: expected a number, got 'fast'"),
        ("rate:=true", "rate: expected a number, got True"),
        ("kinds:=[a, d]", "kinds: expected one of a, b, c, got 'd'"),
        ("kinds:=[a, a]", "kinds: expected at least one, all different"),
        ("radii:=[0.1, 3.0]", "radii: expected 0 to 2, got 3"),
        ("radii:=true", "radii: expected a number, got True"),
        ("radii:=[a]", "radii: expected a number, got 'a'"),
    ],
)
def test_a_start_with_a_wrong_value_says_what_was_expected(argument: str, reason: str, started: Start) -> None:
    with pytest.raises(ValueError, match=reason):
        started("-p", argument)


def test_numbers_out_of_range_at_the_start_are_refused_as_all_else(started: Start) -> None:
    with pytest.raises(ValueError, match=r"rate: .*out of range"):
        started("-p", "rate:=241.0")
