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

"""ros2 launch diffupose_ros moveit.launch.py: MoveIt's Panda, and a recorded person who walks into its cell."""

import sys

from launch import LaunchDescription
from launch.actions import ExecuteProcess, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node, SetParameter
from launch_ros.substitutions import FindPackageShare

from diffupose_ros.resources import resource_path


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; arguments are those of lift.launch.py."""
    lift = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(resource_path("launch/lift.launch.py"))),
        launch_arguments={
            "demo": "true",
            "target_frame": "map",
            "floor_frame": "map",
            "planner_outputs": "[planning_scene, speed_scale, capsules]",
            "params_file": str(resource_path("config/tutorials/moveit.yaml")),
        }.items(),
    )
    # The camera stands 3.4 m to the left of the robot and looks past its front.
    place = ["--x", "1.5", "--y", "3.4", "--yaw", "-1.5708", "--frame-id", "world", "--child-frame-id", "map"]
    cell = Node(package="tf2_ros", executable="static_transform_publisher", arguments=place)
    panda = FindPackageShare("moveit_resources_panda_moveit_config")
    moveit = GroupAction(
        [  # a slowed trajectory takes longer than planned: MoveIt would cancel it
            SetParameter("trajectory_execution.execution_duration_monitoring", False),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(PathJoinSubstitution([panda, "launch", "demo.launch.py"]))
            ),
        ]
    )
    slow = ExecuteProcess(
        cmd=[
            sys.executable,
            str(resource_path("examples/slow_trajectory.py")),
            *("--ros-args", "-r", "speed_scaling_input:=/panda_arm_controller/speed_scaling_input"),
        ],
        output="screen",
    )
    return LaunchDescription([lift, cell, moveit, slow])
