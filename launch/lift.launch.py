"""ros2 launch diffupose_ros lift.launch.py: the lift node, and on demand people to lift and RViz."""

from typing import List

from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

SHARE = FindPackageShare("diffupose_ros")
ARGUMENTS = {
    "namespace": ("", "Namespace of all nodes"),
    "input_topics": ("[skeletons_2d]", "Topics of diffupose_ros/msg/Skeleton2DArray, as a YAML list"),
    "camera_info_topic": ("camera_info", "The CameraInfo of the image that the skeletons were found in"),
    "weights": ("default", "Name of a shipped checkpoint, or path of a file"),
    "device": ("auto", "auto, cpu, cuda, cuda:1, ..."),
    "hypotheses": ("10", "Poses sampled for each person"),
    "steps": ("5", "DDIM steps"),
    "params_file": (PathJoinSubstitution([SHARE, "config", "lift.yaml"]), "Parameters; overrides the arguments"),
    "use_sim_time": ("false", "Take the time from /clock"),
    "log_level": ("info", "debug, info, warn, error"),
    "demo": ("false", "Start the replay node: recorded people, no camera needed"),
    "rviz": ("false", "Start RViz; its fixed frame is map, which only demo:=true makes: set your own"),
}


def generate_launch_description() -> LaunchDescription:
    """Return the nodes; arguments are described by --show-args."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    argument = {name: LaunchConfiguration(name) for name in ARGUMENTS}
    sim_time = {"use_sim_time": ParameterValue(argument["use_sim_time"], value_type=bool)}
    lift = Node(
        package="diffupose_ros",
        executable="lift_node",
        name="lift_node",
        namespace=argument["namespace"],
        parameters=[
            sim_time,
            {
                "input_topics": ParameterValue(argument["input_topics"], value_type=List[str]),
                "weights": ParameterValue(argument["weights"], value_type=str),
                "device": ParameterValue(argument["device"], value_type=str),
                "hypotheses": ParameterValue(argument["hypotheses"], value_type=int),
                "steps": ParameterValue(argument["steps"], value_type=int),
            },
            argument["params_file"],
        ],
        remappings=[("camera_info", argument["camera_info_topic"])],
        ros_arguments=["--log-level", argument["log_level"]],
        output="screen",
    )
    replay = Node(
        package="diffupose_ros",
        executable="replay_node",
        name="replay_node",
        namespace=argument["namespace"],
        parameters=[sim_time],
        remappings=[("camera_info", argument["camera_info_topic"])],
        output="screen",
        condition=IfCondition(argument["demo"]),
    )
    # RViz looks along x with z up; the optical frame looks along z with y down.
    camera_frame = Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        name="demo_camera_frame",
        arguments=[
            *("--z", "1.3", "--qx", "-0.5", "--qy", "0.5", "--qz", "-0.5", "--qw", "0.5"),
            *("--frame-id", "map", "--child-frame-id", "camera_optical_frame"),
        ],
        condition=IfCondition(argument["demo"]),
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        arguments=["-d", PathJoinSubstitution([SHARE, "config", "lift.rviz"])],
        parameters=[sim_time],
        remappings=[("/markers", [argument["namespace"], "/markers"])],
        condition=IfCondition(argument["rviz"]),
    )
    return LaunchDescription([*declared, lift, replay, camera_frame, rviz])
