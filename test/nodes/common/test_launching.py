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

"""What the launch file starts for its arguments: each has an effect, and what is refused says what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diffupose_ros.nodes.common.launching import ARGUMENTS, NODES, Argument, Plan, plan
from diffupose_ros.nodes.detect.node import PARAMETERS as OF_DETECT
from diffupose_ros.nodes.hri.node import PARAMETERS as OF_HRI
from diffupose_ros.nodes.lift.node import PARAMETERS as OF_LIFT
from diffupose_ros.nodes.people.node import PARAMETERS as OF_PEOPLE
from diffupose_ros.nodes.planner.node import PARAMETERS as OF_PLANNER
from diffupose_ros.nodes.replay.node import PARAMETERS as OF_REPLAY
from diffupose_ros.nodes.video.node import PARAMETERS as OF_VIDEO
from diffupose_ros.nodes.yolo.node import PARAMETERS as OF_YOLO

TABLES = {
    "detect_node": OF_DETECT,
    "hri_node": OF_HRI,
    "lift_node": OF_LIFT,
    "people_node": OF_PEOPLE,
    "planner_node": OF_PLANNER,
    "replay_node": OF_REPLAY,
    "video_node": OF_VIDEO,
    "yolo_node": OF_YOLO,
}
DEFAULTS = {argument.name: argument.default for argument in ARGUMENTS}
EVERYTHING = {
    "detector": "blazepose",
    "video": "0",
    "demo": "true",
    "hri": "true",
    "yolo_topic": "/yolo/tracking",
    "planner_outputs": "[obstacles]",
    "rviz": "true",
}
STARTERS = ("detector", "yolo_topic", "planner_outputs")
"""By default they start no node; what these have as default is another thing."""


def planned(**given: str) -> Plan:
    return plan(DEFAULTS | given, given)


def another(argument: Argument, tmp_path: Path) -> str:
    """Return a value that is not the one in a launch with ``EVERYTHING``."""
    if argument.name == "params_file":
        (tmp_path / "mine.yaml").touch()
        return str(tmp_path / "mine.yaml")
    before = EVERYTHING.get(argument.name, argument.default)
    return next((choice for choice in argument.choices if choice != before), "7")


@pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda argument: str(argument.name))
def test_every_argument_has_an_effect(argument: Argument, tmp_path: Path) -> None:
    changed = planned(**{**EVERYTHING, argument.name: another(argument, tmp_path)})
    assert changed != planned(**EVERYTHING)
    for node in {*argument.nodes} & {*changed.nodes}:
        assert (argument.parameter or argument.name) in changed.nodes[node]


@pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda argument: str(argument.name))
def test_arguments_are_parameters_of_their_nodes_with_the_same_default_and_choices(argument: Argument) -> None:
    for node in argument.nodes:
        if argument.name == "use_sim_time":  # which every node has
            continue
        row = next(row for row in TABLES[node] if row.name == (argument.parameter or argument.name))
        assert type(row.default) is argument.kind
        if argument.name not in STARTERS:
            assert row.default == argument.value(argument.default)
        if argument.name == "detector":
            assert argument.choices == ("none", *row.choices)


def test_what_is_not_given_is_left_to_the_file_and_what_is_given_is_not(tmp_path: Path) -> None:
    (tmp_path / "my file.yaml").touch()
    told = planned(params_file=f"file://{tmp_path}/my file.yaml", steps="5")
    assert told.params_file == tmp_path / "my file.yaml"
    assert told.nodes == {"lift_node": {"steps": 5}, "people_node": {}}
    assert planned().params_file.name == "lift.yaml" and planned().params_file.is_file()


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("/x", ["/x"]),
        ("[/x]", ["/x"]),
        ("['/x', \"y\"]", ["/x", "y"]),
        ("[/x,/y]", ["/x", "/y"]),
        ("/x, y", ["/x", "y"]),
    ],
)
def test_one_topic_needs_no_brackets(text: str, topics: list[str]) -> None:
    assert planned(input_topics=text).nodes["lift_node"]["input_topics"] == topics


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"params_file": "/no/such.yaml"}, "params_file: there is no file /no/such.yaml"),
        ({"params_file": "/"}, "params_file: there is no file /"),
        ({"steps": "few"}, "steps: expected a whole number, got 'few'"),
        ({"hypotheses": "10.5"}, "hypotheses: expected a whole number, got '10.5'"),
    ],
)
def test_what_is_refused_says_what_was_expected(given: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        planned(**given)


def test_a_video_waits_for_the_last_nodes_of_the_chain() -> None:
    assert planned(video="a.mp4").nodes["video_node"] == {"source": "a.mp4", "wait_for": ["skeletons_3d", "people"]}
    assert planned(video="a.mp4", people="false").nodes["video_node"]["wait_for"] == ["skeletons_3d"]


@pytest.mark.parametrize(
    ("given", "camera_info"),
    [
        ({}, "camera_info"),
        ({"image_topic": "/camera/image_raw"}, "/camera/camera_info"),
        ({"image_topic": "/camera/image_raw", "camera_info_topic": "/info"}, "/info"),
    ],
)
def test_camera_info_is_beside_the_image_unless_it_is_told(given: dict[str, Any], camera_info: str) -> None:
    assert planned(**given).remappings == {"image": given.get("image_topic", "image"), "camera_info": camera_info}


def test_every_node_can_be_started() -> None:
    assert {*planned(**EVERYTHING).nodes} == {*NODES} == {*TABLES}


def test_the_planner_takes_single_images_where_nobody_follows_people() -> None:
    assert planned(planner_outputs="capsules").nodes["planner_node"] == {"outputs": ["capsules"]}
    assert not any("planner_node" in planned(planner_outputs=nothing).nodes for nothing in ("", "[]", "[ ]"))
    alone = planned(planner_outputs="[capsules, obstacles]", people="false").nodes["planner_node"]
    assert alone == {"outputs": ["capsules", "obstacles"], "input": "skeletons_3d"}
