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

"""What the frames of one picture have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.demo.arrays import Estimate
from diffupose_ros.demo.recording import Frame, Recording
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import person_colours

FloatArray = npt.NDArray[np.floating]

_ANKLES, _SOLE = (3, 6), 0.09  # an ankle joint's height above the floor, m


@dataclass(frozen=True)
class Stage:
    """What the frames of one picture have in common, in the scene frame of ``view``.

    Attributes:
        low, high: (3,) metres, the box that all people stay in; ``low[2]`` is the floor.
        azimuth: radians, from where people hide each other least.
        colours: of each person.
        recording: that the frames are of.
    """

    low: FloatArray
    high: FloatArray
    azimuth: float
    colours: Mapping[str, str]
    recording: Recording

    @classmethod
    def of(cls, recording: Recording, frames: list[Frame]) -> "Stage":
        """Measure the frames of a picture; single wild joints do not count.

        Raises:
            ValueError: nobody in them.
        """
        poses = [
            body.mean
            for frame in frames
            for body in (*frame.estimates.values(), *frame.people.values())
            if np.isfinite(body.mean).all()
        ]
        if not poses:
            raise ValueError("the recording has no 3D skeletons: nothing to draw")
        joints = view.to_scene(np.stack(poses))
        low, high = np.percentile(joints.reshape(-1, 3), [0.5, 99.5], axis=0)
        low[2] = np.percentile(joints[:, _ANKLES, 2].min(1), 10) - _SOLE
        low[:2], high[:2] = np.floor(2 * (low[:2] - 0.15)) / 2, np.ceil(2 * (high[:2] + 0.15)) / 2
        high[2] = max(high[2] + 0.2, low[2] + 2.0)
        return cls(low, high, _best_azimuth(frames), person_colours(recording.people()), recording)


def _best_azimuth(frames: list[Frame]) -> float:
    """Return the azimuth from which the two people nearest to each other are the furthest apart on average."""

    def separation(azimuth: float) -> float:
        gaps = []
        for frame in frames:
            roots = np.array([view.to_scene(e.mean[0]) for _, e in far_to_near(frame)]).reshape(-1, 3)
            across = np.sort(roots @ view.oblique(azimuth, 0.0)[0])
            if len(across) > 1:
                gaps.append(min(np.diff(across).min(), 1.0))
        return float(np.mean(gaps)) if gaps else 0.0

    return max((float(a) for a in np.radians([30, -30, 25, -25, 20, -20, 35, -35])), key=separation)


def far_to_near(frame: Frame) -> list[tuple[str, Estimate]]:
    """Return the people of single images that have a pose, those behind first."""
    people = [(person, e) for person, e in frame.estimates.items() if np.isfinite(e.mean).all()]
    return sorted(people, key=lambda pair: -pair[1].mean[0, 2])
