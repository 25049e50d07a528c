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

"""People over time as messages."""

import numpy as np
from geometry_msgs.msg import Pose, PoseWithCovariance, Twist, TwistWithCovariance
from std_msgs.msg import Header

from diffupose_ros.estimation import People
from diffupose_ros.estimation.orientation import Orientation, orientation_of
from diffupose_ros.msg import People as PeopleMessage
from diffupose_ros.msg import Person, PersonJoint
from diffupose_ros.nodes.common.conversions import FloatArray, points, quaternions, vectors


def people_message(header: Header, people: People) -> PeopleMessage:
    """Return the message of people, whose time and frame the header tells."""
    if not len(people):  # older scipy has no rotations of nobody
        return PeopleMessage(header=header)
    turned, flags = orientation_of(people), people.flags
    columns = (
        _joints(people),
        _roots(people, turned),
        _root_velocities(people, turned),
        people.stature.tolist(),
        people.age.tolist(),
        np.stack([flags.coasting, flags.sides_uncertain, flags.novel, flags.depth_used], 1).tolist(),
    )
    return PeopleMessage(
        header=header,
        people=[
            Person(
                id=name, joints=joints, root=root, root_velocity=velocity,
                stature=stature, stature_deviation=deviation, age=age,
                coasting=coasting, sides_uncertain=sides_uncertain, novel=novel, depth_used=depth_used,
            )
            for name, joints, root, velocity, (stature, deviation), age, (
                coasting, sides_uncertain, novel, depth_used
            ) in zip(people.ids, *columns, strict=True)
        ],
    )  # fmt: skip


def _joints(people: People) -> list[list[PersonJoint]]:
    columns = (
        points(people.positions.reshape(-1, 3)),
        people.covariance.reshape(-1, 9),
        vectors(people.velocities.reshape(-1, 3)),
        people.velocity_covariance.reshape(-1, 9),
    )
    joints = [
        PersonJoint(
            position=position, position_covariance=covariance, velocity=velocity, velocity_covariance=of_velocity
        )
        for position, covariance, velocity, of_velocity in zip(*columns, strict=True)
    ]
    return [joints[i : i + 17] for i in range(0, len(joints), 17)]


def _roots(people: People, turned: Orientation) -> list[PoseWithCovariance]:
    poses = zip(points(people.root), quaternions(turned.axes), strict=True)
    covariances = _both(people.root_covariance, turned.covariance)
    return [
        PoseWithCovariance(pose=Pose(position=place, orientation=turn), covariance=covariance)
        for (place, turn), covariance in zip(poses, covariances, strict=True)
    ]


def _root_velocities(people: People, turned: Orientation) -> list[TwistWithCovariance]:
    twists = zip(vectors(people.root_velocity), vectors(turned.angular_velocity), strict=True)
    covariances = _both(people.root_velocity_covariance, turned.angular_velocity_covariance)
    return [
        TwistWithCovariance(twist=Twist(linear=linear, angular=angular), covariance=covariance)
        for (linear, angular), covariance in zip(twists, covariances, strict=True)
    ]


def _both(linear: FloatArray, angular: FloatArray) -> FloatArray:
    covariance = np.zeros((len(linear), 6, 6))
    covariance[:, :3, :3], covariance[:, 3:, 3:] = linear, angular
    return covariance.reshape(-1, 36)
