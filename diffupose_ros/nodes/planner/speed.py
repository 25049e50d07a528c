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

"""How fast the robot may be, by the newest people and by where its links are."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from std_msgs.msg import Header
from tf2_ros import TransformException

from diffupose_ros.nodes.common.conversions import stamp_ns
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.common.transforms import Transforms
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.planning import PARTS, Links, Settings, separation


@dataclass(frozen=True)
class Decision:
    """A part of the robot's full speed, 0 to 1, and why no more."""

    scale: float
    reason: str


@dataclass(frozen=True)
class _Known:
    """People, and when they were received, by ``time.monotonic``."""

    header: Header
    people: Bodies
    received: float


class SpeedScale:
    """Decides by all that is known now. What is not known stops the robot.

    Args:
        parameters: of the node; ``robot_links`` and ``robot_radii`` are read now, the others with each decision.
        transforms: where the links are.
        problem: told the kind and the details of what is wrong.

    Raises:
        ValueError: not as many radii as links.
    """

    def __init__(self, parameters: Parameters, transforms: Transforms, problem: Callable[[str, str], None]) -> None:
        self._parameters, self._transforms, self._problem = parameters, transforms, problem
        self._links, self._radii = parameters["robot_links"], np.array(parameters["robot_radii"])
        if len(self._links) != len(self._radii):
            links = f"{len(self._links)} ({', '.join(self._links)})"
            raise ValueError(f"robot_radii: expected one for each of robot_links, {links}, got {len(self._radii)}")
        self._known: _Known | None = None
        self._empty = False

    def take(self, header: Header, people: Bodies) -> None:
        """Take the newest people.

        That nobody is there counts once two messages in a row say so. The people node says it once while its own input
        is silent, when it forgets the last: the cameras have failed then, nobody has left.
        """
        again, self._empty = self._empty, not (len(people) or people.problems)
        if again or not self._empty:
            self._known = _Known(header, people, time.monotonic())

    def decide(self, now: int) -> Decision:
        """Return how fast the robot may be at a time, ns of the node's clock."""
        known, limit = self._known, self._parameters["max_age"]
        if known is None:
            return Decision(0.0, "no people received yet")
        # A stamp in the future shows clocks that disagree: by as much its age is unknown.
        age = max(abs(now - stamp_ns(known.header)) * 1e-9, time.monotonic() - known.received)
        if age > limit:
            return Decision(0.0, f"no people younger than {limit:g} s: the newest are {age:.2f} s old")
        if known.people.problems:
            return Decision(0.0, f"somebody is there, nobody knows where: {known.people.problems[0]}")
        try:
            links = self._where(known.header.frame_id, now)
        except TransformException as error:
            self._problem("no transform", f"the robot must stop: {error}")
            return Decision(0.0, str(error))
        if not len(known.people):
            return Decision(1.0, "nobody in sight")
        return self._decide(known.people, links, age)

    def _where(self, frame: str, now: int) -> Links:
        """The links, where they are now: larger by as far as they may have moved since tf told.

        Raises:
            TransformException: of one that is not known, or not any more; names it.
        """
        centres, ages, limit = [], [], self._parameters["max_age"]
        for link in self._links:
            try:
                pose, stamp = self._transforms.latest(frame, link)
            except TransformException as error:
                raise TransformException(f"where {link!r} is in {frame!r} is not known: {error}") from None
            ages.append(abs(now - stamp) * 1e-9 if stamp else 0.0)
            if ages[-1] > limit:
                raise TransformException(
                    f"where {link!r} is in {frame!r} is not known any more: tf is {(now - stamp) * 1e-9:.2f} s old"
                )
            centres.append(pose[:3, 3])
        return Links(np.array(centres), self._radii + self._parameters["robot_speed"] * np.array(ages))

    def _decide(self, people: Bodies, links: Links, age: float) -> Decision:
        found = separation(
            people.positions,
            people.covariance,
            people.velocities,
            people.velocity_covariance,
            people.stature,
            links,
            Settings(**{each.name: self._parameters[each.name] for each in fields(Settings)}),
            age,
            people.freedom,
        )
        who = f"{PARTS[found.part].name} of {people.ids[found.person]} at {found.distance:.2f} m"
        return Decision(found.scale, f"{who} of {self._links[found.link]}; full speed needs {found.needed:.2f} m")
