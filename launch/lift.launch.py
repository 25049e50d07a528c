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

from typing import List, Set

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import TextSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from diffupose_ros.nodes.common.launching import ARGUMENTS, Plan, plan
from diffupose_ros.resources import resource_path


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; --show-args describes the arguments."""
    given: Set[str] = set()

    def look(context: LaunchContext) -> None:
        given.update(context.launch_configurations)  # later, the defaults are there too

    def start(context: LaunchContext) -> List[Node]:
        values = context.launch_configurations
        return nodes(plan({argument.name: values[argument.name] for argument in ARGUMENTS}, given))

    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            choices=list(argument.choices) or None,
            description=argument.description,
        )
        for argument in ARGUMENTS
    ]
    return LaunchDescription([OpaqueFunction(function=look), *declared, OpaqueFunction(function=start)])


def nodes(planned: Plan) -> List[Node]:
    """Return the actions that start what is planned."""
    ours = [
        Node(
            package="diffupose_ros",
            executable=executable,
            name=executable,
            namespace=planned.namespace,
            remappings=list(planned.remappings.items()),
            parameters=[planned.params_file, *([described(parameters)] if parameters else [])],
            ros_arguments=["--log-level", planned.log_level],
            output="screen",
        )
        for executable, parameters in planned.nodes.items()
    ]
    if planned.rviz is None:
        return ours
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        namespace=planned.namespace,
        arguments=["-d", str(resource_path("config/lift.rviz")), "-f", planned.rviz],
        parameters=[{"use_sim_time": planned.sim_time}],
        output="screen",
    )
    return [rviz, *ours]  # RViz first: where it is not installed, nothing else is left running


def described(parameters: dict) -> dict:
    """Return the parameters as launch_ros takes them: it would read a text as YAML, and may make a number of it."""
    kinds = {bool: bool, int: int, str: str, list: List[str]}
    return {
        name: ParameterValue(TextSubstitution(text=str(value)), value_type=kinds[type(value)])
        for name, value in parameters.items()
    }
