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

"""People as the people node, or the lift node, gave them, checked; what was wrong is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffupose_ros.estimation.stature import stature_of
from diffupose_ros.lifting.uncertainty import NORMAL
from diffupose_ros.msg import People, Person, Skeleton3D, Skeleton3DArray
from diffupose_ros.nodes.common.checks import check_covariance, check_positions
from diffupose_ros.nodes.common.conversions import FloatArray
from diffupose_ros.skeleton import H36M17, PELVIS

JOINTS = len(H36M17)


@dataclass(frozen=True)
class Bodies:
    """The usable people of one message, in one frame.

    Attributes:
        ids: unique.
        positions: (P, 17, 3) metres.
        covariance: (P, 17, 3, 3) m^2, whole: of positions in the frame.
        velocities: (P, 17, 3) m/s; NaN where not known.
        velocity_covariance: (P, 17, 3, 3) m^2/s^2; zero where velocities are not known.
        stature: (P,) metres.
        flags: (P, 2) coasting, and novel.
        freedom: degrees of freedom of the positions' distribution, see ``lifting.uncertainty.radius2``.
        problems: of whom is left out, and why.
    """

    ids: list[str]
    positions: FloatArray
    covariance: FloatArray
    velocities: FloatArray
    velocity_covariance: FloatArray
    stature: FloatArray
    flags: FloatArray
    freedom: float
    problems: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def placed(self, pose: FloatArray) -> Bodies:
        """Return the same people in another frame, in which theirs has a pose (4, 4)."""
        turn = pose[:3, :3]
        return replace(
            self,
            positions=self.positions @ turn.T + pose[:3, 3],
            covariance=turn @ self.covariance @ turn.T,
            velocities=self.velocities @ turn.T,
            velocity_covariance=turn @ self.velocity_covariance @ turn.T,
        )

    def walking(self, unknown: float) -> tuple[FloatArray, FloatArray]:
        """Return the velocities (P, 3) in m/s of the pelves, and their covariances (P, 3, 3).

        Args:
            unknown: m/s, how fast somebody may be whose velocity is not known: the deviation about standing still.
        """
        velocity, covariance = self.velocities[:, PELVIS], self.velocity_covariance[:, PELVIS]
        known = np.isfinite(velocity).all(-1)
        anything = unknown**2 * np.eye(3)
        return np.where(known[:, None], velocity, 0), np.where(known[:, None, None], covariance, anything)


def read_people(message: People) -> Bodies:
    """Return the usable people of a message; one bad person costs no other."""
    return _read(message.people, _person, Person.FREEDOM)


def read_skeletons(message: Skeleton3DArray) -> Bodies:
    """Return the usable people of single images, whose velocities are not known, and statures are those of the bones.

    One bad person costs no other.
    """
    return _read(message.skeletons, _skeleton, NORMAL)


def _person(person: Person) -> tuple[Any, ...]:
    joints = person.joints
    positions, velocities = _xyz(j.position for j in joints), _xyz(j.velocity for j in joints)
    covariance = _matrices(j.position_covariance for j in joints)
    of_velocity = _matrices(j.velocity_covariance for j in joints)
    check_positions(positions)
    _check_finite("velocities", velocities)
    check_covariance("positions", covariance)
    check_covariance("velocities", of_velocity)
    _check_stature(person.stature)
    return positions, covariance, velocities, of_velocity, person.stature, (person.coasting, person.novel)


def _skeleton(skeleton: Skeleton3D) -> tuple[Any, ...]:
    positions = _xyz(j.position for j in skeleton.joints)
    relative = _matrices(j.covariance for j in skeleton.joints)
    place = np.array(skeleton.root.covariance, np.float64).reshape(6, 6)[:3, :3]
    check_positions(positions)
    relative[PELVIS] = 0  # to itself
    check_covariance("joints", np.delete(relative, PELVIS, 0))
    check_covariance("root", place)
    unknown, nothing = np.full((JOINTS, 3), np.nan), np.zeros((JOINTS, 3, 3))
    stature = stature_of(positions[None])[0, 0]
    _check_stature(stature)
    return positions, relative + place, unknown, nothing, stature, (False, skeleton.novelty >= Skeleton3D.NOVEL)


def _read(messages: Iterable[Any], numbers: Callable[[Any], tuple[Any, ...]], freedom: float) -> Bodies:
    people: dict[str, tuple[Any, ...]] = {}
    problems = []
    for message in messages:
        try:
            if message.id in people:
                raise ValueError("a second one of that id")
            people[message.id] = numbers(message)
        except ValueError as error:
            problems.append(f"{message.id!r} is left out: {error}")
    shapes = (JOINTS, 3), (JOINTS, 3, 3), (JOINTS, 3), (JOINTS, 3, 3), (), (2,)
    columns = zip(*people.values(), strict=True) if people else [()] * len(shapes)
    arrays = [np.array(c, np.float64).reshape(len(people), *s) for c, s in zip(columns, shapes, strict=True)]
    return Bodies(list(people), *arrays, freedom=freedom, problems=problems)


def _xyz(points: Iterable[Any]) -> FloatArray:
    return np.array([(p.x, p.y, p.z) for p in points], np.float64)


def _matrices(covariances: Iterable[Any]) -> FloatArray:
    return np.array(list(covariances), np.float64).reshape(JOINTS, 3, 3)


def _check_finite(whose: str, values: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{whose} that are no numbers")


def _check_stature(stature: float) -> None:
    if not 0 < stature < np.inf:
        raise ValueError(f"a stature of {stature} m")
