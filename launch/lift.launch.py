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

"""ros2 launch diffupose_ros lift.launch.py: the lift and the people node; on demand detector, video, RViz, planner."""

from typing import Any, Dict, List

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from diffupose_ros.detection.names import DETECTORS

SHARE = FindPackageShare("diffupose_ros")
BOOLEAN = ["true", "false"]
ARGUMENTS = (
    # name, default, choices (None: any), description
    ("namespace", "", None, "Namespace of all nodes"),
    ("input_topics", "[skeletons_2d]", None, "Topics of diffupose_ros/msg/Skeleton2DArray, as a YAML list"),
    (
        "camera_info_topic",
        "",
        None,
        "The CameraInfo of the image that the skeletons were found in; empty: camera_info beside image_topic",
    ),
    (
        "detector",
        "none",
        ["none", *DETECTORS],
        "Find people in image_topic by this; none: input_topics have their 2D skeletons",
    ),
    ("detector_weights", "", None, "Name of known weights, or path of a file; empty: the detector's own default"),
    ("image_topic", "image", None, "Image to find people in, such as /camera/image_raw"),
    ("compressed", "false", BOOLEAN, "Take (and of a video: publish) <image_topic>/compressed in place of image_topic"),
    ("video", "", None, "Publish this file, folder of images, or camera (a number) as image_topic"),
    ("hri", "false", BOOLEAN, "Take 2D skeletons from ROS4HRI bodies (REP-155); needs the package hri_msgs"),
    ("yolo_topic", "", None, "Take 2D skeletons from this yolo_msgs/DetectionArray, as /yolo/tracking; empty: none"),
    ("weights", "default", None, "Name of a shipped checkpoint, or path of a file"),
    ("device", "auto", None, "Where the models run: auto (CUDA if there is any), cpu, cuda, cuda:1, ..."),
    (
        "detector_profile",
        "generic",
        None,
        "What scores mean whose message does not say what made them: name of a shipped profile, or a .json file",
    ),
    ("hypotheses", "10", None, "Poses sampled for each person, 1 to 200"),
    ("steps", "5", None, "DDIM steps, 1 to 100"),
    ("publish_tf", "false", BOOLEAN, "Broadcast the frames body_<id> and those of the joints (REP-155)"),
    ("people", "true", BOOLEAN, "Start the people node: people over time"),
    ("target_frame", "", None, "Frame that people are estimated in, such as odom; empty: the camera's"),
    ("floor_frame", "", None, "Frame whose plane z = 0 is the floor, z up; empty: the floor is not known"),
    ("depth_topic", "", None, "Depth image registered to the image people were found in; empty: none"),
    (
        "planner_outputs",
        "[]",
        None,
        "Start the planner node with these outputs, as [obstacles, planning_scene, speed_scale]; []: not",
    ),
    (
        "params_file",
        PathJoinSubstitution([SHARE, "config", "lift.yaml"]),
        None,
        "Parameters of the nodes, by their names; what stands there overrides the arguments",
    ),
    ("use_sim_time", "false", BOOLEAN, "Take the time from /clock, as with ros2 bag play --clock"),
    ("log_level", "info", ["debug", "info", "warn", "error", "fatal"], "Of the lift, people, planner and detect node"),
    ("demo", "false", BOOLEAN, "Start the replay node: recorded people, no camera needed"),
    ("rviz", "false", BOOLEAN, "Start RViz"),
    ("fixed_frame", "map", None, "What RViz stands still in; without demo:=true: a frame of your robot"),
)


def camera_info_topic(argument: Dict[str, LaunchConfiguration]) -> PythonExpression:
    """Return the topic that is told, or else the one beside the image, as cameras publish it."""
    told, image = (["'", argument[name], "'"] for name in ("camera_info_topic", "image_topic"))
    return PythonExpression([*told, " or ", *image, "[:", *image, ".rfind('/') + 1] + 'camera_info'"])


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; --show-args describes the arguments."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, choices=choices, description=description)
        for name, default, choices, description in ARGUMENTS
    ]
    argument = {name: LaunchConfiguration(name) for name, *_ in ARGUMENTS}
    file, log_level = argument["params_file"], ["--log-level", argument["log_level"]]
    remappings = [("image", argument["image_topic"]), ("camera_info", camera_info_topic(argument))]

    def our_node(executable: str, **options: Any) -> Node:
        return Node(
            package="diffupose_ros",
            executable=executable,
            name=executable,
            namespace=argument["namespace"],
            remappings=remappings,
            output="screen",
            **options,
        )

    def value(name: str, kind: Any = str) -> ParameterValue:
        return ParameterValue(argument[name], value_type=kind)

    def unless(name: str, nothing: str) -> IfCondition:
        return IfCondition(PythonExpression(["'", argument[name], f"' != '{nothing}'"]))

    sim_time = {"use_sim_time": value("use_sim_time", bool)}
    lifting = {
        "input_topics": value("input_topics", List[str]),
        "weights": value("weights"),
        "device": value("device"),
        "detector_profile": value("detector_profile"),
        "hypotheses": value("hypotheses", int),
        "steps": value("steps", int),
        "publish_tf": value("publish_tf", bool),
    }
    detecting = {
        "detector": value("detector"),
        "weights": value("detector_weights"),
        "device": value("device"),
        "compressed": value("compressed", bool),
    }
    following = {name: value(name) for name in ("target_frame", "floor_frame", "depth_topic")}
    planning = {
        "input": PythonExpression(["'people' if '", argument["people"], "' == 'true' else 'skeletons_3d'"]),
        "outputs": value("planner_outputs", List[str]),
    }
    playing = {"source": value("video"), "compressed": value("compressed", bool)}
    lift = our_node("lift_node", parameters=[sim_time, lifting, file], ros_arguments=log_level)
    detect = our_node(
        "detect_node",
        parameters=[sim_time, detecting, file],
        ros_arguments=log_level,
        condition=unless("detector", "none"),
    )
    people = our_node(
        "people_node",
        parameters=[sim_time, following, file],
        ros_arguments=log_level,
        condition=IfCondition(argument["people"]),
    )
    planner = our_node(
        "planner_node",
        parameters=[sim_time, planning, file],
        ros_arguments=log_level,
        condition=unless("planner_outputs", "[]"),
    )
    video = our_node("video_node", parameters=[sim_time, playing, file], condition=unless("video", ""))
    replay = our_node("replay_node", parameters=[sim_time], condition=IfCondition(argument["demo"]))
    hri = our_node("hri_node", parameters=[sim_time], condition=IfCondition(argument["hri"]))
    yolo = our_node(
        "yolo_node",
        parameters=[sim_time, {"detections_topic": value("yolo_topic")}],
        condition=unless("yolo_topic", ""),
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        namespace=argument["namespace"],
        arguments=["-d", PathJoinSubstitution([SHARE, "config", "lift.rviz"]), "-f", argument["fixed_frame"]],
        parameters=[sim_time],
        output="screen",
        condition=IfCondition(argument["rviz"]),
    )
    # RViz first: where it is not installed, nothing else is left running.
    return LaunchDescription([*declared, rviz, lift, people, planner, detect, video, replay, hri, yolo])
