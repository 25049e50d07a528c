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

"""ros2 launch diffupose_ros speed_scale.launch.py: a mobile robot that slows down for recorded people."""

import sys

from launch import LaunchDescription
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from diffupose_ros.resources import resource_path


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; arguments are those of lift.launch.py."""
    lift = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(resource_path("launch/lift.launch.py"))),
        launch_arguments={
            "demo": "true",
            "fixed_frame": "odom",
            "target_frame": "odom",
            "floor_frame": "odom",
            "planner_outputs": "[speed_scale, capsules]",
            "params_file": str(resource_path("config/tutorials/speed_scale.yaml")),
        }.items(),
    )
    programs = [
        ExecuteProcess(cmd=[sys.executable, str(resource_path(f"examples/{name}.py"))], output="screen")
        for name in ("slow_down", "robot")
    ]
    return LaunchDescription([lift, *programs])
