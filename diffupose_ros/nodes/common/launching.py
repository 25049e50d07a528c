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

"""What lift.launch.py starts for its arguments: a table of them, and a plan. It knows nothing of ``launch`` itself."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from diffupose_ros.defaults import Engine
from diffupose_ros.detection.names import DETECTORS
from diffupose_ros.files import user_path
from diffupose_ros.resources import resource_path

NODES = (
    "lift_node",
    "people_node",
    "planner_node",
    "detect_node",
    "video_node",
    "replay_node",
    "hri_node",
    "yolo_node",
)
_BOOLEAN = ("true", "false")


@dataclass(frozen=True)
class Argument:
    """One row of the table.

    Attributes:
        name: of the argument.
        default: its value unless the user gives another, as text.
        description: one line.
        choices: values allowed; none: any.
        nodes: executables of those that it is a parameter of, with the same default where that starts them.
        kind: of that parameter.
        parameter: what they call it; empty: as the argument.
    """

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    kind: type = str
    parameter: str = ""

    def value(self, text: str) -> Any:
        """Return the parameter's value.

        Raises:
            ValueError: not of its kind; says what was expected.
        """
        if self.kind is bool:
            return text == "true"
        if self.kind is list:  # of names, which hold no commas and no quotes
            return [name.strip(" '\"") for name in text.strip("[] ").split(",")]
        try:
            return self.kind(text)
        except ValueError:
            raise ValueError(f"{self.name}: expected a whole number, got {text!r}") from None


ARGUMENTS = (
    Argument("namespace", "", "Namespace of all nodes"),
    Argument("input_topics", "skeletons_2d", "Topic of Skeleton2DArray, or several in brackets, [a, b]",
             nodes=("lift_node",), kind=list),
    Argument("camera_info_topic", "", "The CameraInfo of the image that the skeletons were found in; empty: "
             "camera_info beside image_topic"),
    Argument("detector", "none", "Find people in image_topic by this; none: input_topics have their 2D skeletons",
             ("none", *DETECTORS), nodes=("detect_node",)),
    Argument("detector_weights", "", "Name of known weights, or path of a file; empty: the detector's own default",
             nodes=("detect_node",), parameter="weights"),
    Argument("image_topic", "image", "Image to find people in, such as /camera/image_raw"),
    Argument("compressed", "false", "Take (and of a video: publish) <image_topic>/compressed in place of image_topic",
             _BOOLEAN, nodes=("detect_node", "video_node"), kind=bool),
    Argument("video", "", "Publish this file, folder of images, or camera (a number) as image_topic; a file starts "
             "when the other nodes are ready", nodes=("video_node",), parameter="source"),
    Argument("loop", "false", "Start the video again at its end", _BOOLEAN, nodes=("video_node",), kind=bool),
    Argument("hri", "false", "Take 2D skeletons from ROS4HRI bodies (REP-155); needs the package hri_msgs", _BOOLEAN),
    Argument("yolo_topic", "", "Take 2D skeletons from this yolo_msgs/DetectionArray, as /yolo/tracking; empty: none",
             nodes=("yolo_node",), parameter="detections_topic"),
    Argument("weights", "default", "Name of a shipped checkpoint, or path of a file", nodes=("lift_node",)),
    Argument("engine", "auto", "What runs the lifter: torch, onnx (onnxruntime, without PyTorch), or auto, torch where "
             "it is installed", get_args(Engine), nodes=("lift_node",)),
    Argument("device", "auto", "Where the models run: auto (CUDA if there is any), cpu, cuda, cuda:1, ...",
             nodes=("lift_node", "detect_node")),
    Argument("detector_profile", "generic", "What scores mean whose message does not say what made them: name of a "
             "shipped profile, or a .json file", nodes=("lift_node",)),
    Argument("hypotheses", "10", "Poses sampled for each person, 1 to 200", nodes=("lift_node",), kind=int),
    Argument("steps", "0", "DDIM steps, 1 to 100; 0: as many as suit the model", nodes=("lift_node",), kind=int),
    Argument("publish_tf", "false", "Broadcast the frames body_<id> and those of the joints (REP-155)", _BOOLEAN,
             nodes=("lift_node",), kind=bool),
    Argument("people", "true", "Start the people node: people over time", _BOOLEAN),
    Argument("target_frame", "", "Frame that people are estimated in, such as odom; empty: the camera's",
             nodes=("people_node",)),
    Argument("floor_frame", "", "Frame whose plane z = 0 is the floor, z up; empty: the floor is not known",
             nodes=("people_node",)),
    Argument("depth_topic", "", "Depth image registered to the image people were found in; empty: none",
             nodes=("people_node",)),
    Argument("planner_outputs", "[]", "Start the planner node with these outputs, as [obstacles, planning_scene, "
             "speed_scale]; []: not", nodes=("planner_node",), kind=list, parameter="outputs"),
    Argument("params_file", "", "Parameters of the nodes, by their names; arguments that are given go before the file, "
             "and the file before the defaults of those that are not; empty: config/lift.yaml of this package"),
    Argument("use_sim_time", "false", "Take the time from /clock, as with ros2 bag play --clock", _BOOLEAN,
             nodes=NODES, kind=bool),
    Argument("log_level", "info", "Of all these nodes", ("debug", "info", "warn", "error", "fatal")),
    Argument("demo", "false", "Start the replay node: recorded people, no camera needed", _BOOLEAN),
    Argument("rviz", "false", "Start RViz", _BOOLEAN),
    Argument("fixed_frame", "map", "What RViz stands still in; without demo:=true: a frame of your robot",
             nodes=("replay_node",)),
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is started.

    Attributes:
        nodes: executables, each with the parameters that go before those of the file.
        params_file: the file.
        namespace: of all nodes.
        remappings: of topics, for all nodes.
        log_level: of all nodes.
        rviz: the fixed frame of RViz; None: it is not started.
        sim_time: whether RViz takes the time from /clock.
    """

    nodes: dict[str, dict[str, Any]]
    params_file: Path
    namespace: str
    remappings: dict[str, str]
    log_level: str
    rviz: str | None
    sim_time: bool


def plan(values: Mapping[str, str], given: Container[str]) -> Plan:
    """Return what is started for the arguments.

    Args:
        values: of all arguments, by name.
        given: names of those that are not left at their defaults.

    Raises:
        ValueError: a value is refused, or there is no such parameter file; says what was expected.
    """
    wanted = {
        "lift_node": True,
        "people_node": values["people"] == "true",
        "planner_node": values["planner_outputs"].strip("[] ") != "",
        "detect_node": values["detector"] != "none",
        "video_node": values["video"] != "",
        "replay_node": values["demo"] == "true",
        "hri_node": values["hri"] == "true",
        "yolo_node": values["yolo_topic"] != "",
    }
    nodes: dict[str, dict[str, Any]] = {name: {} for name in NODES if wanted[name]}
    for argument in ARGUMENTS:
        for node in argument.nodes:
            if argument.name in given and node in nodes:
                nodes[node][argument.parameter or argument.name] = argument.value(values[argument.name])
    if "planner_node" in nodes and not wanted["people_node"]:
        nodes["planner_node"]["input"] = "skeletons_3d"
    if "video_node" in nodes:  # the last nodes of the chain publish as soon as they have loaded
        nodes["video_node"]["wait_for"] = ["skeletons_3d"] + ["people"] * wanted["people_node"]
    image = values["image_topic"]
    beside = f"{image[: image.rfind('/') + 1]}camera_info"
    return Plan(
        nodes=nodes,
        params_file=_params_file(values["params_file"]),
        namespace=values["namespace"],
        remappings={"image": image, "camera_info": values["camera_info_topic"] or beside},
        log_level=values["log_level"],
        rviz=values["fixed_frame"] if values["rviz"] == "true" else None,
        sim_time=values["use_sim_time"] == "true",
    )


def _params_file(told: str) -> Path:
    path = user_path(told) if told else resource_path("config/lift.yaml")
    if not path.is_file():
        raise ValueError(f"params_file: there is no file {path}")
    return path
