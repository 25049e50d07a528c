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

"""Which cameras see a person, and what else is known: the scenarios in which people are followed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.depth_images import DepthCamera, Room, render_depth
from diffupose_ros.data.recordings import Recording
from diffupose_ros.estimation.evidence import Depth, Evidence, Floor
from diffupose_ros.skeleton import H36M17

FloatArray = npt.NDArray[np.float64]

HIDDEN = (1.2, 1.0)
"""s: when somebody is hidden, and for how long."""
_AFTER = 0.5  # s in which the person is seen again, at least
_FLAT = 0.15  # m, the median height of the lower ankle of those who walk on the floor, at most; others climb
_DEPTH_EVERY = 3  # frames
_DEPTH_WIDTH = 320  # px
_WALL = 2.0  # m behind the person
_ANKLES = [H36M17.index(f"{side}_ankle") for side in ("left", "right")]


def nothing_else(camera: int, t: int) -> Sequence[Evidence]:
    """Return no evidence."""
    return ()


@dataclass(frozen=True)
class Scene:
    """A person whom cameras of a recording see together.

    Attributes:
        recording: of the person.
        cameras: which of its cameras.
        evidence: what else is known, of a camera and a frame.
        hidden: start and length in seconds of a time in which nobody sees the person.
    """

    recording: Recording
    cameras: tuple[int, ...]
    evidence: Callable[[int, int], Sequence[Evidence]] = nothing_else
    hidden: tuple[float, float] | None = None

    def is_hidden(self) -> npt.NDArray[np.bool_]:
        """Return in which frames (T,) nobody sees the person."""
        time = np.arange(len(self.recording.gt_world)) / self.recording.rate
        start, length = self.hidden or (np.inf, 0)
        return np.asarray((time >= start) & (time < start + length))


def sighted(recording: Recording) -> list[int]:
    """Return the cameras whose detector gave anything."""
    return [camera for camera in range(recording.cameras) if (recording.scores[camera] > 0).any()]


def alone(recording: Recording) -> list[Scene]:
    """Return each camera on its own."""
    return [Scene(recording, (camera,)) for camera in sighted(recording)]


def pairs(recording: Recording) -> list[Scene]:
    """Return every two cameras together."""
    return [Scene(recording, pair) for pair in combinations(sighted(recording), 2)]


def hidden(recording: Recording) -> list[Scene]:
    """Return each camera on its own, which does not see the person for a second; if the recording is long enough."""
    start, length = HIDDEN
    enough = len(recording.gt_world) / recording.rate > start + length + _AFTER
    return [Scene(recording, (camera,), hidden=HIDDEN) for camera in sighted(recording) if enough]


def on_floor(recording: Recording) -> list[Scene]:
    """Return the first camera, which knows the floor (z = 0); nothing of who climbs."""
    floor = (Floor(),)
    heights = recording.gt_world[:, _ANKLES, 2].min(1)
    if np.median(heights) > _FLAT:
        return []
    return [Scene(recording, (camera,), lambda camera, t: floor) for camera in sighted(recording)[:1]]


def with_depth(recording: Recording) -> list[Scene]:
    """Return the first camera, which sees depth too: a stereo camera's images of every third frame."""
    return [Scene(recording, (camera,), _DepthOf(recording)) for camera in sighted(recording)[:1]]


@dataclass(frozen=True)
class _DepthOf:
    """The depth images of a recording whose truth is of all joints, in a world with z up."""

    recording: Recording

    def __call__(self, camera: int, t: int) -> Sequence[Evidence]:
        if t % _DEPTH_EVERY:
            return ()
        R, translation = self.recording.R[camera], self.recording.t[camera]
        width, height = self.recording.size[camera]
        factor = _DEPTH_WIDTH / width
        matrix = np.diag([factor, factor, 1]) @ self.recording.K[camera]
        lens = Camera(matrix, (), "plumb_bob", _DEPTH_WIDTH, round(height * factor))
        person = self.recording.gt_camera[camera][[t]]
        away = float(np.linalg.norm((self.recording.gt_world[t, 0] + R.T @ translation)[:2]))
        floor = min(0.0, float(self.recording.gt_world[..., 2].min()))
        exact = render_depth(person, lens, Room(R, translation, floor, away + _WALL))
        return (Depth(DepthCamera.stereo().measure(exact, lens, np.random.default_rng([camera, t])), lens),)


Scenario = Callable[[Recording], list[Scene]]

OF_RECORDINGS: Mapping[str, Scenario] = {"one camera": alone, "two cameras": pairs, "a second hidden": hidden}
"""Real cameras: each alone, and every two of them."""
OF_CLIPS: Mapping[str, Scenario] = {
    "one camera": lambda recording: alone(recording)[:1],
    "two cameras": pairs,
    "floor": on_floor,
    "depth": with_depth,
    "a second hidden": lambda recording: hidden(recording)[:1],
}
"""Simulated cameras, of which there are as many people as one likes: the first one alone, and two of them."""
