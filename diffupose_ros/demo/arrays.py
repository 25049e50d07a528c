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

"""Skeleton and people messages as arrays. Takes the messages of rclpy, of our runtime and of rosbags alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Detection:
    """The 2D joints of one person.

    Attributes:
        layout: joint order, a key of ``diffupose_ros.skeleton.LAYOUTS``.
        keypoints: (J, 2) pixels; NaN where missing.
        scores: (J,) in [0, 1]; 0 where missing.
    """

    layout: str
    keypoints: FloatArray
    scores: FloatArray


@dataclass(frozen=True)
class Estimate:
    """The 3D joints of one person, H36M-17, in the camera's optical frame.

    Attributes:
        mean: (17, 3) metres.
        covariance: (17, 3, 3) m^2, of the positions relative to the root.
        status: (17,) ``Joint3D.MEASURED``, ``DERIVED`` or ``INFERRED``.
        root_covariance: (3, 3) m^2, of the root.
    """

    mean: FloatArray
    covariance: FloatArray
    status: npt.NDArray[np.int8]
    root_covariance: FloatArray

    @property
    def whole_covariance(self) -> FloatArray:
        """(17, 3, 3) m^2, of where the joints are in the camera's frame."""
        return self.covariance + self.root_covariance


@dataclass(frozen=True)
class Person:
    """One person over time, H36M-17, in the frame of the message: in the demo the camera's optical frame too.

    Attributes:
        mean: (17, 3) metres.
        covariance: (17, 3, 3) m^2, whole.
        velocity: (17, 3) m/s.
        coasting: not seen in the latest image, but predicted.
    """

    mean: FloatArray
    covariance: FloatArray
    velocity: FloatArray
    coasting: bool


def detections(message: Any) -> dict[str, Detection]:
    """Return the people of a ``Skeleton2DArray`` by id."""
    return {person.id: _detection(person) for person in message.skeletons}


def estimates(message: Any) -> dict[str, Estimate]:
    """Return the people of a ``Skeleton3DArray`` by id."""
    return {person.id: _estimate(person) for person in message.skeletons}


def people(message: Any) -> dict[str, Person]:
    """Return the people of a ``People`` by id."""
    return {person.id: _person(person) for person in message.people}


def _detection(person: Any) -> Detection:
    numbers = np.array([(k.x, k.y, k.score) for k in person.keypoints], np.float64).reshape(-1, 3)
    seen = np.isfinite(numbers).all(1) & (numbers[:, 2] > 0)
    numbers[~seen] = np.nan, np.nan, 0
    return Detection(person.layout, numbers[:, :2], numbers[:, 2])


def _estimate(person: Any) -> Estimate:
    joints = person.joints
    return Estimate(
        np.array([(j.position.x, j.position.y, j.position.z) for j in joints], np.float64),
        np.array([j.covariance for j in joints], np.float64).reshape(-1, 3, 3),
        np.array([j.status for j in joints], np.int8),
        np.array(person.root.covariance, np.float64).reshape(6, 6)[:3, :3],
    )


def _person(person: Any) -> Person:
    joints = person.joints
    return Person(
        np.array([(j.position.x, j.position.y, j.position.z) for j in joints], np.float64),
        np.array([j.position_covariance for j in joints], np.float64).reshape(-1, 3, 3),
        np.array([(j.velocity.x, j.velocity.y, j.velocity.z) for j in joints], np.float64),
        bool(person.coasting),
    )
