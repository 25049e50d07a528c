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

"""What tests of the planner node share: people who stand, and the messages of MoveIt, Nav2 and people."""

from __future__ import annotations

from typing import Any

import numpy as np
from diffupose_ros.msg import People, Person, PersonJoint
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import points, vectors
from support.messages import add_messages
from support.people import STANDING

DEVIATION = 0.03  # m, and m/s, of the joints of people who stand

_OBJECT_RECOGNITION = {"ObjectType": "string key\nstring db"}
_OCTOMAP = {
    "Octomap": "std_msgs/Header header\nbool binary\nstring id\nfloat64 resolution\nint8[] data",
    "OctomapWithPose": "std_msgs/Header header\ngeometry_msgs/Pose origin\noctomap_msgs/Octomap octomap",
}
_MOVEIT = {
    "AllowedCollisionEntry": "bool[] enabled",
    "AllowedCollisionMatrix": (
        "string[] entry_names\nmoveit_msgs/AllowedCollisionEntry[] entry_values\n"
        "string[] default_entry_names\nbool[] default_entry_values"
    ),
    "LinkPadding": "string link_name\nfloat64 padding",
    "LinkScale": "string link_name\nfloat64 scale",
    "ObjectColor": "string id\nstd_msgs/ColorRGBA color",
    "CollisionObject": (
        "std_msgs/Header header\ngeometry_msgs/Pose pose\nstring id\nobject_recognition_msgs/ObjectType type\n"
        "shape_msgs/SolidPrimitive[] primitives\ngeometry_msgs/Pose[] primitive_poses\n"
        "shape_msgs/Mesh[] meshes\ngeometry_msgs/Pose[] mesh_poses\n"
        "shape_msgs/Plane[] planes\ngeometry_msgs/Pose[] plane_poses\n"
        "string[] subframe_names\ngeometry_msgs/Pose[] subframe_poses\n"
        "byte ADD=0\nbyte REMOVE=1\nbyte APPEND=2\nbyte MOVE=3\nbyte operation"
    ),
    "AttachedCollisionObject": (
        "string link_name\nmoveit_msgs/CollisionObject object\nstring[] touch_links\n"
        "trajectory_msgs/JointTrajectory detach_posture\nfloat64 weight"
    ),
    "RobotState": (
        "sensor_msgs/JointState joint_state\nsensor_msgs/MultiDOFJointState multi_dof_joint_state\n"
        "moveit_msgs/AttachedCollisionObject[] attached_collision_objects\nbool is_diff"
    ),
    "PlanningSceneWorld": ("moveit_msgs/CollisionObject[] collision_objects\noctomap_msgs/OctomapWithPose octomap"),
    "PlanningScene": (
        "string name\nmoveit_msgs/RobotState robot_state\nstring robot_model_name\n"
        "geometry_msgs/TransformStamped[] fixed_frame_transforms\n"
        "moveit_msgs/AllowedCollisionMatrix allowed_collision_matrix\nmoveit_msgs/LinkPadding[] link_padding\n"
        "moveit_msgs/LinkScale[] link_scale\nmoveit_msgs/ObjectColor[] object_colors\n"
        "moveit_msgs/PlanningSceneWorld world\nbool is_diff"
    ),
}  # of moveit_msgs 2.6
_NAV2_DYNAMIC = {
    "Obstacle": (
        "unique_identifier_msgs/UUID uuid\nfloat32 score\ngeometry_msgs/Point position\n"
        "geometry_msgs/Vector3 velocity\ngeometry_msgs/Vector3 size\n"
        "float64[9] position_covariance\nfloat64[9] velocity_covariance"
    ),
    "ObstacleArray": "std_msgs/Header header\nnav2_dynamic_msgs/Obstacle[] obstacles",
}
_PEOPLE = {
    "Person": (
        "string name\ngeometry_msgs/Point position\ngeometry_msgs/Point velocity\nfloat64 reliability\n"
        "string[] tagnames\nstring[] tags"
    ),
    "People": "std_msgs/Header header\npeople_msgs/Person[] people",
}


def add_planning_messages() -> bool:
    """Make the messages of all outputs importable; return whether they are, on whichever runtime."""
    packages = {
        "object_recognition_msgs": _OBJECT_RECOGNITION,
        "octomap_msgs": _OCTOMAP,
        "moveit_msgs": _MOVEIT,
        "nav2_dynamic_msgs": _NAV2_DYNAMIC,
        "people_msgs": _PEOPLE,
    }
    return all([add_messages(name, fields) for name, fields in packages.items()])


def standing(header: Header, *places: tuple[float, float], velocity: tuple[float, float, float] = (0, 0, 0)) -> People:
    """Return people who stand upright at places (x, y) of a frame whose z is up."""
    return People(header=header, people=[person(f"p{i}", place, velocity) for i, place in enumerate(places)])


def person(name: str, place: tuple[float, float], velocity: tuple[float, float, float] = (0, 0, 0)) -> Person:
    """Return one person who stands at a place (x, y)."""
    covariance = (DEVIATION**2 * np.eye(3)).ravel()
    columns = points(STANDING + (*place, 0)), vectors(np.tile(np.array(velocity, float), (17, 1)))
    joints: list[Any] = [
        PersonJoint(position=p, position_covariance=covariance, velocity=v, velocity_covariance=covariance)
        for p, v in zip(*columns, strict=True)
    ]
    return Person(id=name, joints=joints, stature=1.75, stature_deviation=0.05, age=3.0)
