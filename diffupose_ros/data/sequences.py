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


"""One simulated person for seconds at a time, as the ``Recording`` of a real one: with truth that is exact."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from diffupose_ros.camera import Camera
from diffupose_ros.data import clips as mocap
from diffupose_ros.data.bodies import vary_body
from diffupose_ros.data.detectors import (
    FACES,
    GUESSED,
    HEAD_YAW,
    LIMBS,
    Detected,
    RealDetectors,
    detector_joints,
    of_layout,
)
from diffupose_ros.data.draws import OfFrames
from diffupose_ros.data.recordings import Recording
from diffupose_ros.data.views import cameras_around
from diffupose_ros.skeleton import H36M17, layout_joints

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Bodies = Literal["recorded", "varied", "children"]

SEED = 1
"""Of the standard set."""
SIZE = (1280, 720)
"""px, of the images."""
_RATES = (5.0, 120.0)  # Hz
_MEMORY = (0.06, 0.2)  # s, of a detector's errors
_STEADY = (0.1, 0.4)  # part of their variance that is what the detector takes for a joint
_HIDING = (0.3, 1.5)  # s
_SHORTEST = 3.0  # s
_OF_A_SUBJECT = 2


@dataclass(frozen=True)
class World:
    """Who is recorded, by which cameras, and what happens to the 2D joints.

    Attributes:
        rate: Hz of the recording, 5 to 120.
        cameras: how many, 1 to 4.
        layout: joint order of the detectors, a key of ``LAYOUTS``.
        bodies: whose: ``recorded`` as they are, ``varied`` people, or ``children``.
        errors: the 2D has a detector's; else it is exact.
        occlusion: part of the time that a limb is hidden from a camera, 0 up to, but not including, 1.
        gap: start and length in seconds of the time in which no camera detects anybody.

    Raises:
        ValueError: none of these; says what was expected.
    """

    rate: float = mocap.RATE
    cameras: int = 1
    layout: str = "coco17"
    bodies: Bodies = "varied"
    errors: bool = True
    occlusion: float = 0.2
    gap: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        layout_joints(self.layout)  # raises
        if not _RATES[0] <= self.rate <= _RATES[1]:
            raise ValueError(f"rate: expected {_RATES[0]:g} to {_RATES[1]:g} Hz, got {self.rate}")
        if self.cameras not in (1, 2, 3, 4):
            raise ValueError(f"cameras: expected 1 to 4, got {self.cameras}")
        if self.bodies not in get_args(Bodies):
            raise ValueError(f"bodies: expected one of {', '.join(get_args(Bodies))}, got {self.bodies!r}")
        if not 0 <= self.occlusion < 1:
            raise ValueError(f"occlusion: expected a part of the time from 0 to below 1, got {self.occlusion}")
        if self.gap is not None and not (self.gap[0] >= 0 and self.gap[1] > 0):
            raise ValueError(f"gap: expected a start from 0 s on and a length above 0 s, got {self.gap}")


def simulate_recording(
    clip: FloatArray, rng: np.random.Generator, world: World | None = None, source: str = "simulated"
) -> Recording:
    """Return what cameras around a person see of a clip, and the truth of all 17 joints.

    The body stays the same throughout, and so does the detector of each camera, drawn as those of single images are
    (``RealDetectors``). Its errors last: most of them for about 0.1 s, exchanged sides for 0.3 s, a part for seconds.
    Hidden joints are guessed, or, by other detectors, left out. Joints outside of the image are not detected.
    The profile ``simulated`` reads the scores.

    Args:
        clip: (T, 17, 3) metres, world frame, z up, at ``clips.RATE``; two frames at least.
        rng: source of everything random.
        world: by default ``World()``.
        source: what the recording says of where it is from.

    Raises:
        ValueError: not a clip.
    """
    world = World() if world is None else world
    poses = resample(clip, world.rate)
    if world.bodies != "recorded":
        poses = vary_body(poses, rng, children=world.bodies == "children")
    R, t, K = cameras_around(poses, world.cameras, SIZE, rng)
    in_cameras = np.einsum("cij,tgj->ctgi", R, poses) + t[:, None, None]
    joints = _joints(in_cameras, world, rng)
    seen = [_see(*of_camera, world, rng) for of_camera in zip(joints, K, strict=True)]
    keypoints, scores = (np.array(part) for part in zip(*seen, strict=True))
    if world.gap is not None:
        time, (start, length) = np.arange(len(poses)) / world.rate, world.gap
        scores[:, (time >= start) & (time < start + length)] = 0
    return Recording(
        keypoints=np.where((scores > 0)[..., None], keypoints, np.nan),
        scores=scores,
        layout=world.layout,
        detector="simulated",
        rate=world.rate,
        K=K,
        D=np.zeros((world.cameras, 0)),
        R=R,
        t=t,
        size=np.full((world.cameras, 2), SIZE),
        gt_names=H36M17,
        gt_world=poses,
        gt_camera=in_cameras,
        source=source,
    )


def sequences(
    clips: Mapping[str, FloatArray], seed: int = SEED, world: World | None = None, seconds: float = 8.0
) -> dict[str, Recording]:
    """Return the standard set, always the same: recordings of the two longest clips of each subject, by name.

    Args:
        clips: (T, 17, 3) at ``clips.RATE``, by <set>/<subject>/<clip>, or by a name of their own. Those below 3 s are
            left out.
        seed: of the set.
        world: by default ``World()``.
        seconds: of the clips that are longer, this much from the middle.

    Raises:
        ValueError: none of the clips is long enough.
    """
    long = sorted((name for name in clips if len(clips[name]) >= _SHORTEST * mocap.RATE), key=lambda n: -len(clips[n]))
    if not long:
        raise ValueError(f"no clip of {_SHORTEST:g} s or more among {len(clips)}")
    subjects = [name.rpartition("/")[0] or name for name in long]
    taken = [name for i, name in enumerate(long) if subjects[:i].count(subjects[i]) < _OF_A_SUBJECT]
    frames = max(round(seconds * mocap.RATE), 2)
    simulated = {}
    for name in sorted(taken):
        first = max(len(clips[name]) - frames, 0) // 2
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])  # whatever else is in the set
        simulated[name] = simulate_recording(clips[name][first : first + frames], rng, world, f"{name}, simulated")
    return simulated


def resample(clip: FloatArray, rate: float) -> FloatArray:
    """Return a clip (T, 17, 3) at ``clips.RATE`` as poses (N, 17, 3) at another rate in Hz, from the same first one on.

    Raises:
        ValueError: not a clip of two frames or more, or not finite.
    """
    clip = np.asarray(clip, np.float64)
    if clip.ndim != 3 or clip.shape[1:] != (17, 3) or len(clip) < 2 or not np.isfinite(clip).all():
        raise ValueError(f"clip: expected finite metres (T, 17, 3) with two frames or more, got shape {clip.shape}")
    if rate == mocap.RATE:
        return clip
    time = np.arange(len(clip)) / mocap.RATE
    return np.asarray(CubicSpline(time, clip)(np.arange(0, time[-1] + 1e-9, 1 / rate)))


def _joints(in_cameras: FloatArray, world: World, rng: np.random.Generator) -> FloatArray:
    """The layout's joints (C, T, J, 3) of poses (C, T, 17, 3), with one face that turns."""
    if not world.errors:
        return detector_joints(in_cameras, world.layout)
    yaw = HEAD_YAW * OfFrames(in_cameras.shape[1], world.rate, 1.0, 0.0, rng).slow()
    joints = detector_joints(in_cameras, world.layout, head_yaw=yaw)
    joints[..., [name not in H36M17 for name in layout_joints(world.layout)], :] += rng.normal(0, FACES, 3)
    return joints


def _see(joints: FloatArray, K: FloatArray, world: World, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Pixels (T, J, 2) and scores (T, J) that one camera's detector makes of joints (T, J, 3) in its frame."""
    names, frames = layout_joints(world.layout), len(joints)
    xy = Camera(K).project(joints)
    draws = OfFrames(frames, world.rate, rng.uniform(*_MEMORY), rng.uniform(*_STEADY), rng)
    hidden = of_layout(_hide(world.occlusion, draws), names)
    if world.errors:
        guesses = rng.random() < GUESSED
        found = RealDetectors.draw(1, rng).see(xy, names, hidden & guesses, draws)
        hidden = hidden & (not guesses)
    else:
        found = Detected(xy, np.zeros(xy.shape[:2]))
    inside = ((found.xy >= 0) & (found.xy < SIZE)).all(-1)  # False for NaN
    return found.xy, np.where(inside & ~hidden, found.scores, 0)


def _hide(share: float, draws: OfFrames) -> BoolArray:
    """Which H36M joints (T, 17) are hidden: limbs, at any of them for that share of the time."""
    limbs = draws.events(1 - (1 - share) ** (1 / len(LIMBS)), len(LIMBS), lasting=_HIDING)
    hidden = np.zeros((len(limbs), len(H36M17)), bool)
    for limb, joints in enumerate(LIMBS):
        hidden[:, joints] |= limbs[:, [limb]]
    return hidden
