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

"""ros2 launch diffupose_ros lift.launch.py: the lift node, and on demand people to lift and RViz."""

from typing import Any, List

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("diffupose_ros")
BOOLEAN = ["true", "false"]
ARGUMENTS = (
    # name, default, choices (None: any), description
    ("namespace", "", None, "Namespace of all nodes"),
    ("input_topics", "[skeletons_2d]", None, "Topics of diffupose_ros/msg/Skeleton2DArray, as a YAML list"),
    ("camera_info_topic", "camera_info", None, "The CameraInfo of the image that the skeletons were found in"),
    ("hri", "false", BOOLEAN, "Take 2D skeletons from ROS4HRI bodies (REP-155); needs the package hri_msgs"),
    ("weights", "default", None, "Name of a shipped checkpoint, or path of a file"),
    ("device", "auto", None, "Where the model runs: auto (CUDA if there is any), cpu, cuda, cuda:1, ..."),
    ("hypotheses", "10", None, "Poses sampled for each person, 1 to 200"),
    ("steps", "5", None, "DDIM steps, 1 to 100"),
    ("publish_tf", "false", BOOLEAN, "Broadcast the frames body_<id> and those of the joints (REP-155)"),
    (
        "params_file",
        PathJoinSubstitution([SHARE, "config", "lift.yaml"]),
        None,
        "Parameters of the lift node; what stands there overrides the arguments",
    ),
    ("use_sim_time", "false", BOOLEAN, "Take the time from /clock, as with ros2 bag play --clock"),
    ("log_level", "info", ["debug", "info", "warn", "error", "fatal"], "Of the lift node"),
    ("demo", "false", BOOLEAN, "Start the replay node: recorded people, no camera needed"),
    ("rviz", "false", BOOLEAN, "Start RViz"),
    ("fixed_frame", "map", None, "What RViz stands still in; without demo:=true: a frame of your robot"),
)


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; --show-args describes the arguments."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, choices=choices, description=description)
        for name, default, choices, description in ARGUMENTS
    ]
    argument = {name: LaunchConfiguration(name) for name, *_ in ARGUMENTS}
    sim_time = {"use_sim_time": ParameterValue(argument["use_sim_time"], value_type=bool)}

    def our_node(executable: str, **options: Any) -> Node:
        return Node(
            package="diffupose_ros",
            executable=executable,
            name=executable,
            namespace=argument["namespace"],
            remappings=[("camera_info", argument["camera_info_topic"])],
            output="screen",
            **options,
        )

    types = {
        "input_topics": List[str],
        "weights": str,
        "device": str,
        "hypotheses": int,
        "steps": int,
        "publish_tf": bool,
    }
    chosen = {name: ParameterValue(argument[name], value_type=kind) for name, kind in types.items()}
    log_level = ["--log-level", argument["log_level"]]
    lift = our_node("lift_node", parameters=[sim_time, chosen, argument["params_file"]], ros_arguments=log_level)
    replay = our_node("replay_node", parameters=[sim_time], condition=IfCondition(argument["demo"]))
    hri = our_node("hri_node", parameters=[sim_time], condition=IfCondition(argument["hri"]))
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
    return LaunchDescription([*declared, rviz, lift, replay, hri])
