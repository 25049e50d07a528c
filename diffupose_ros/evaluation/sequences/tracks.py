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

"""One person followed over time, beside the truth and what single frames say. All in the world's frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import JOINTS, Recording
from diffupose_ros.estimation.estimator import Estimator
from diffupose_ros.estimation.people import People
from diffupose_ros.evaluation.recordings.tracks import LEAST_JOINTS
from diffupose_ros.evaluation.sequences.bodies import INTERVAL, Held, held_bodies
from diffupose_ros.evaluation.sequences.scenes import Scene
from diffupose_ros.lifting import Lifted
from diffupose_ros.skeleton import H36M17, PELVIS, Status

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

HORIZONS = (0.1, 0.3, 0.5)
"""s, for which people are predicted."""
SETTLING = 0.5
"""s at the start that do not count."""
_RENAMED = 0.5  # s out of sight, after which trackers give people another name
_PLACES = ("positions", "covariance")
_HIPS = [JOINTS.index(name) for name in ("left_hip", "right_hip")]
_COLUMNS = [PELVIS, *(H36M17.index(name) for name in JOINTS)]


class Belief(NamedTuple):
    """What is said of the pelvis and the twelve ``JOINTS`` in T frames; NaN where nothing is.

    Attributes:
        mean: (T, 13, 3) metres or m/s.
        covariance: (T, 13, 3, 3) of it.
    """

    mean: FloatArray
    covariance: FloatArray


class Single(NamedTuple):
    """What one camera's single frames say.

    Attributes:
        positions: (T, 13, 3) metres.
        covariance: (T, 13, 3, 3) m^2, of the whole error.
        freedom: (T, 13) of the distributions.
        measured: (T, 12) bool, joints that the detector gave.
    """

    positions: FloatArray
    covariance: FloatArray
    freedom: FloatArray
    measured: BoolArray


@dataclass(frozen=True)
class Track:
    """A person in T frames: the pelvis and the twelve ``JOINTS``.

    Attributes:
        rate: Hz.
        truth: (T, 13, 3) metres, the pelvis the middle of the hips; NaN where not known.
        now: as estimated.
        velocity: as estimated.
        ahead: by each of ``HORIZONS``, what was predicted for then.
        single: of each camera.
        measured: (T, 12) bool, joints that some camera's detector gave.
        hidden: (T,) bool, when nobody sees the person.
        centre: (3,) where the first camera is.
        distance: (T,) m from the cameras, their mean.
        ids: T times the names of everybody who is estimated: one, if all goes well.
        flags: (T,) bool, by name.
        held: how well planners' capsules hold the body, every ``bodies.INTERVAL``; of no frame if not all joints are
            known.
    """

    rate: float
    truth: FloatArray
    now: Belief
    velocity: Belief
    ahead: Mapping[float, Belief]
    single: tuple[Single, ...]
    measured: BoolArray
    hidden: BoolArray
    centre: FloatArray
    distance: FloatArray
    ids: tuple[tuple[str, ...], ...]
    flags: Mapping[str, BoolArray]
    held: Held

    @property
    def frames(self) -> BoolArray:
        """Those that count (T,): settled, the true pelvis known, six joints or more with 2D and truth."""
        enough = (self.measured & np.isfinite(self.truth[:, 1:]).all(-1)).sum(1) >= LEAST_JOINTS
        return np.asarray(enough & ~self.hidden & self._known)

    @property
    def counted(self) -> BoolArray:
        """Joints (T, 12) that count: with 2D and truth."""
        return np.asarray(self.measured & np.isfinite(self.truth[:, 1:]).all(-1) & self.frames[:, None])

    @property
    def unseen(self) -> BoolArray:
        """Joints (T, 12) without 2D of a person who is seen."""
        return np.asarray(~self.measured & np.isfinite(self.truth[:, 1:]).all(-1) & self.frames[:, None])

    @property
    def awaited(self) -> BoolArray:
        """Joints (T, 12) of a person whom nobody sees."""
        return np.asarray(np.isfinite(self.truth[:, 1:]).all(-1) & (self.hidden & self._known)[:, None])

    @property
    def true_velocity(self) -> FloatArray:
        """(T, 13, 3) m/s, over the frames before and after; NaN where not known."""
        velocity = np.full_like(self.truth, np.nan)
        velocity[1:-1] = (self.truth[2:] - self.truth[:-2]) * (self.rate / 2)
        return velocity

    @property
    def _known(self) -> BoolArray:
        settled = np.arange(len(self.truth)) >= SETTLING * self.rate
        return np.asarray(settled & np.isfinite(self.truth[:, 0]).all(-1) & np.isfinite(self.now.mean[:, 0]).all(-1))


def ahead_by(horizon: float, rate: float) -> int:
    """Return the frames of a horizon at a rate in Hz, one at least."""
    return max(1, round(horizon * rate))


def estimates(scene: Scene, lifted: Mapping[int, Lifted]) -> list[People]:
    """Return whom the estimator knows of, in each frame of a scene.

    Args:
        scene: which cameras see the person, and what else is known.
        lifted: by the camera, the person in each frame.
    """
    recording, hidden, poses = scene.recording, scene.is_hidden(), _poses(scene)
    estimator, frames = Estimator(), []
    names = {camera: _names(lifted[camera].valid & ~hidden, recording.rate) for camera in scene.cameras}
    for t in range(len(recording.gt_world)):
        for camera in scene.cameras:
            name = names[camera][t]
            seen = lifted[camera][t : t + 1 if name else t]
            people = estimator.update(
                t / recording.rate, [name] if name else [], seen, poses[camera], scene.evidence(camera, t), str(camera)
            )
        frames.append(people)
    return frames


def follow(scene: Scene, lifted: Mapping[int, Lifted]) -> Track:
    """Return how the estimator follows the person of a scene.

    Args:
        scene: which cameras see the person, and what else is known.
        lifted: by the camera, the person in each frame.
    """
    recording, hidden, poses = scene.recording, scene.is_hidden(), _poses(scene)
    frames = estimates(scene, lifted)
    truth = recording.gt_world[:, [recording.gt_names.index(name) for name in JOINTS]]
    truth = np.concatenate([truth[:, _HIPS].mean(1, keepdims=True), truth], 1)
    single = tuple(_single(lifted[camera], poses[camera]) for camera in scene.cameras)
    centres = np.array([poses[camera][:3, 3] for camera in scene.cameras])
    flags = ("coasting", "sides_uncertain", "novel", "depth_used")
    rate = recording.rate
    return Track(
        rate=rate,
        truth=truth,
        now=_belief(frames, *_PLACES),
        velocity=_belief(frames, "velocities", "velocity_covariance"),
        ahead={h: _belief([p.predict(ahead_by(h, rate) / rate) for p in frames], *_PLACES) for h in HORIZONS},
        single=single,
        measured=np.any([of.measured for of in single], 0) & ~hidden[:, None],
        hidden=hidden,
        centre=centres[0],
        distance=np.linalg.norm(truth[:, :1] - centres, axis=-1).mean(1),
        ids=tuple(p.ids for p in frames),
        flags={name: np.array([bool(len(p)) and bool(getattr(p.flags, name)[0]) for p in frames]) for name in flags},
        held=_held(frames, recording),
    )


def _held(frames: list[People], recording: Recording) -> Held:
    known = recording.gt_names == H36M17
    taken = range(0, len(frames) if known else 0, max(1, round(INTERVAL * recording.rate)))
    return held_bodies(((t, frames[t]) for t in taken), recording.gt_world)


def _names(seen: BoolArray, rate: float) -> list[str]:
    """What a tracker calls somebody in T frames: another name after a while out of sight, and "" without a sight."""
    names, number, last = [], 1, -np.inf
    for t, sees in enumerate(seen):
        if sees:
            number += bool(np.isfinite(last)) and t - last > _RENAMED * rate
            last = t
        names.append(str(number) if sees else "")
    return names


def _poses(scene: Scene) -> dict[int, FloatArray]:
    """(4, 4) of the cameras in the world, from the world's axes in them."""
    poses = {camera: np.eye(4) for camera in scene.cameras}
    for camera, pose in poses.items():
        rotation = scene.recording.R[camera].T
        pose[:3, :3], pose[:3, 3] = rotation, -rotation @ scene.recording.t[camera]
    return poses


def _single(lifted: Lifted, pose: FloatArray) -> Single:
    rotation, centre = pose[:3, :3], pose[:3, 3]
    covariance = lifted.covariance[:, _COLUMNS] + lifted.root_covariance[:, None]
    covariance[:, 0] = lifted.root_covariance
    freedom = lifted.freedom[:, _COLUMNS].copy()
    measured = (lifted.status[:, _COLUMNS[1:]] == Status.MEASURED) & lifted.valid[:, None]
    return Single(lifted.mean[:, _COLUMNS] @ rotation.T + centre, rotation @ covariance @ rotation.T, freedom, measured)


def _belief(frames: list[People], mean: str, covariance: str) -> Belief:
    """Of whoever has been known longest."""
    nobody = np.full((17, 3), np.nan), np.full((17, 3, 3), np.nan)
    said = [(getattr(p, mean)[0], getattr(p, covariance)[0]) if len(p) else nobody for p in frames]
    means, covariances = (np.array(part)[:, _COLUMNS] for part in zip(*said, strict=True))
    return Belief(means, covariances)
