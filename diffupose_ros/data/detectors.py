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


"""What a 2D detector makes of people: its joints, its errors, its scores, and what it does not see."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.draws import Draws, OfPeople
from diffupose_ros.skeleton import (
    H36M17,
    HEAD,
    LEFT_SHOULDER,
    NECK,
    RIGHT_SHOULDER,
    across,
    apparent_size,
    layout_joints,
    unit,
)

FloatArray = npt.NDArray[np.float64]

LIMBS = ([13], [12, 13], [16], [15, 16], [3], [2, 3], [6], [5, 6], [3, 6], [2, 3, 5, 6], [1, 2, 3, 4, 5, 6], [9, 10])
"""H36M joints that hide together."""
GUESSED = 0.6
"""Share of people whose hidden joints a real detector guesses; the others' are left out."""
FACES = 0.02
"""m, by which faces differ."""
HEAD_YAW = 0.4
"""rad, by which heads are turned against the shoulders."""
_HARD = {"wrist": 1.5, "ankle": 1.5, "elbow": 1.2, "knee": 1.2, "hip": 1.3}
"""Factor on the error of joints that detectors find harder."""
_WORST = 0.8  # deviation that a score can tell of
_EXCHANGED = (("knee", "ankle"), ("elbow", "wrist"))
_LIMB_NAMES = tuple(
    tuple(f"{side}_{part}" for part in parts)
    for side in ("left", "right")
    for parts in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
)
# Face of an average adult in metres: right of, forward of and above the neck joint.
_FACE = {
    "nose": (0.0, 0.11, 0.01),
    "left_eye": (-0.032, 0.085, 0.045), "right_eye": (0.032, 0.085, 0.045),
    "left_ear": (-0.075, 0.01, 0.025), "right_ear": (0.075, 0.01, 0.025),
}  # fmt: skip


def detector_joints(pose: npt.ArrayLike, layout: str, head_yaw: npt.ArrayLike = 0.0) -> FloatArray:
    """Return where a detector of ``layout`` would see the joints of an H36M-17 pose.

    The face is an average one, turned by ``head_yaw`` (radians, to the left) against the shoulders.

    Args:
        pose: (..., 17, 3) metres, any right-handed frame.
        layout: a key of ``LAYOUTS``.
        head_yaw: broadcastable to (...).

    Returns:
        (..., J, 3); NaN for joints that H36M-17 says nothing about (fingers, toes, ...).

    Raises:
        ValueError: unknown layout.
    """
    pose = np.asarray(pose, np.float64)
    yaw = np.asarray(head_yaw, np.float64)[..., None]
    up = unit(pose[..., HEAD, :] - pose[..., NECK, :])
    right = pose[..., RIGHT_SHOULDER, :] - pose[..., LEFT_SHOULDER, :]
    right = unit(across(right, up))
    forward = np.cross(up, right)
    right, forward = np.cos(yaw) * right + np.sin(yaw) * forward, np.cos(yaw) * forward - np.sin(yaw) * right
    joints = np.full((*pose.shape[:-2], len(layout_joints(layout)), 3), np.nan)
    for index, name in enumerate(layout_joints(layout)):
        if name == "thorax" and layout != "h36m17":  # OpenPose's neck
            joints[..., index, :] = (pose[..., LEFT_SHOULDER, :] + pose[..., RIGHT_SHOULDER, :]) / 2
        elif name in H36M17:
            joints[..., index, :] = pose[..., H36M17.index(name), :]
        elif name in _FACE:
            x, y, z = _FACE[name]
            joints[..., index, :] = pose[..., NECK, :] + x * right + y * forward + z * up
    return joints


@dataclass(frozen=True)
class Detected:
    """Image points with a detector's errors, and what it is known to be good for.

    Attributes:
        xy: (B, J, 2) in the unit of the points that it was given.
        deviations: (B, J) that a profile reads from the scores, in units of the apparent size.
    """

    xy: FloatArray
    deviations: FloatArray

    @property
    def scores(self) -> FloatArray:
        """Scores (B, J) from which the profile ``simulated`` reads the deviations."""
        return np.asarray(np.exp(-5 * self.deviations))

    def where(self, condition: npt.NDArray[np.bool_], other: "Detected") -> "Detected":
        """Return these people where ``condition`` (B,) holds, elsewhere the others."""
        xy = np.where(condition[:, None, None], self.xy, other.xy)
        return Detected(xy, np.where(condition[:, None], self.deviations, other.deviations))


def independent_errors(xy: FloatArray, names: tuple[str, ...], level: FloatArray, rng: np.random.Generator) -> Detected:
    """Return what a detector sees whose joints err each on its own, and which knows it.

    A joint's error is normal with a deviation around ``level``, larger for wrists, ankles and hips. One joint in a
    hundred is an outlier, one arm or pair of legs in a hundred is exchanged left and right.

    Args:
        xy: (B, J, 2) in any unit.
        names: of the J joints.
        level: (B, 1) typical deviation in units of the apparent size.
        rng: source of the noise.
    """
    batch, joints = xy.shape[:2]
    sigma = level * np.exp(rng.normal(0, 0.4, (batch, joints))) * _hardness(names)
    outlier = rng.random((batch, joints)) < 0.01
    sigma = np.where(outlier, rng.uniform(0.2, 1.0, (batch, joints)), sigma)
    noisy = xy + rng.normal(0, 1, xy.shape) * (sigma * apparent_size(xy))[..., None]
    told = (sigma + rng.normal(0, 0.02, sigma.shape)).clip(0, _WORST)
    for limb in _limb_pairs(names):
        swap = (rng.random((batch, 1)) < 0.01) & limb
        noisy = np.where(swap[..., None], noisy[:, counterparts(names)], noisy)
        told = np.where(swap, np.maximum(told, rng.uniform(0.045, 0.32, (batch, 1))), told)
    return Detected(noisy, told)


@dataclass(frozen=True)
class RealDetectors:
    """Detectors that err as real ones do: one for each of B people, or a single one (B = 1).

    Part of the error is shared by the body (shift, size, turn) and by each limb, the rest has heavy tails; hidden
    joints are guessed; whole bodies and limbs are exchanged left and right, and no score tells. What a score says of a
    joint's deviation lies between nothing and all, and its level is right but for a factor. Measured
    figures of real detectors: docs/reality.md.

    Attributes:
        level: (B, 1) typical deviation in units of the apparent size.
        by_body: (B, 1) part of the variance that a whole body shares.
        by_limb: (B, 1) part of it that each limb shares.
        informed: (B, 1) from 0, scores say nothing of a joint, to 1, all.
        factor: (B, 1) logarithm of what they say over what is right.
    """

    level: FloatArray
    by_body: FloatArray
    by_limb: FloatArray
    informed: FloatArray
    factor: FloatArray

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> "RealDetectors":
        """Return ``count`` detectors."""
        return cls(
            level=0.032 * np.exp(rng.normal(0, 0.5, (count, 1))),
            by_body=rng.uniform(0.05, 0.4, (count, 1)),
            by_limb=rng.uniform(0.05, 0.35, (count, 1)),
            informed=np.where(rng.random((count, 1)) < 0.25, 0, rng.random((count, 1))),
            factor=rng.normal(0.1, 0.3, (count, 1)),
        )

    def see(self, xy: FloatArray, names: tuple[str, ...], hidden: npt.NDArray[np.bool_], draws: Draws) -> Detected:
        """Return what they make of N people, or one of them of one person in N frames.

        Args:
            xy: (N, J, 2) in any unit.
            names: of the J joints.
            hidden: (N, J) joints that are guessed.
            draws: of N people or frames.
        """
        joints = len(names)
        sigma = self.level * np.exp(0.35 * draws.slow(joints)) * _hardness(names)
        guessed = 0.11 * np.exp(0.4 * draws.slow(joints))
        sigma = np.where(hidden | draws.events(0.02, joints), np.hypot(sigma, guessed), sigma)
        noisy = xy + self._errors(names, draws) * (sigma * apparent_size(xy))[..., None]
        growth, turn = (0.5 * self.level[..., None] * draws.normal(1, 1) for _ in range(2))
        centred = np.nan_to_num(xy - np.nanmean(xy, 1, keepdims=True))
        noisy = noisy + growth * centred + turn * centred[..., ::-1] * (-1, 1)
        middle = np.log(np.sqrt((sigma**2).mean(1, keepdims=True)))
        told = (1 - self.informed) * middle + self.informed * np.log(sigma) + self.factor + 0.1 * draws.slow(joints)
        exchanged = draws.events(0.025, 1) | np.zeros(hidden.shape, bool)
        for pair in _limb_pairs(names):
            exchanged = exchanged | (draws.events(0.015, 1) & pair)
        noisy = np.where(exchanged[..., None], noisy[:, counterparts(names)], noisy)
        return Detected(noisy, np.exp(told).clip(0, _WORST))

    def _errors(self, names: tuple[str, ...], draws: Draws) -> FloatArray:
        """Errors (N, J, 2) of variance 1, shared and own ones."""
        by_body, by_limb = self.by_body[..., None], self.by_limb[..., None]
        body, limb = draws.normal(1, 2), draws.normal(len(_LIMB_NAMES) + 1, 2)[:, _limb_of(names)]
        heavy = np.sqrt(3 / draws.chisquare(5, len(names), 1))  # Student t of unit variance
        own = draws.normal(len(names), 2) * heavy
        return np.asarray(np.sqrt(by_body) * body + np.sqrt(by_limb) * limb + np.sqrt(1 - by_body - by_limb) * own)


def real_errors(
    xy: FloatArray, names: tuple[str, ...], hidden: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Detected:
    """Return what detectors see as real ones do, each person by a detector of its own (``RealDetectors``).

    Args:
        xy: (B, J, 2) in any unit.
        names: of the J joints.
        hidden: (B, J) joints that are guessed.
        rng: source of the detectors and their errors.
    """
    return RealDetectors.draw(len(xy), rng).see(xy, names, hidden, OfPeople(len(xy), rng))


def _hardness(names: tuple[str, ...]) -> FloatArray:
    return np.array([next((f for part, f in _HARD.items() if part in name), 1.0) for name in names])


def _limb_pairs(names: tuple[str, ...]) -> list[npt.NDArray[np.bool_]]:
    """Joints (J,) of the lower legs, and of the arms: what a detector exchanges left and right."""
    return [np.array([any(s in name for s in side) for name in names]) for side in _EXCHANGED]


def _limb_of(names: tuple[str, ...]) -> list[int]:
    """Which of the limbs each joint belongs to; the trunk and the head are the last one."""
    return [next((i for i, parts in enumerate(_LIMB_NAMES) if name in parts), len(_LIMB_NAMES)) for name in names]


def counterparts(names: tuple[str, ...]) -> list[int]:
    """Return the index of each joint's left or right counterpart, itself on the midline."""

    def other(name: str) -> str:
        if "left" in name:
            return name.replace("left", "right")
        return name.replace("right", "left")

    return [names.index(other(name)) for name in names]


def of_layout(hidden: npt.NDArray[np.bool_], names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Return hidden H36M joints (B, 17) as hidden joints of a layout (B, J); the face hides with the head."""
    source = [H36M17.index(n) if n in H36M17 else HEAD for n in names]
    return hidden[:, source]


def occlude(batch: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which H36M joints (B, 17) are hidden: single ones, or whole limbs."""
    hidden = rng.random((batch, 17)) < rng.choice([0.05, 0.15, 0.3], (batch, 1))
    limbs = np.zeros((len(LIMBS) + 1, 17), bool)
    for row, limb in enumerate(LIMBS):
        limbs[row, limb] = True
    for _ in range(2):
        hidden |= limbs[rng.integers(0, len(limbs), batch)] & (rng.random((batch, 1)) < 0.5)
    return hidden


TYPICAL_NOISE = 0.02
"""A good detector's deviation as a part of a person's apparent size (about 1 cm on the body)."""
_HIDDEN_LIMBS = (
    ("right_wrist",), ("left_elbow", "left_wrist"), ("right_knee", "right_ankle"),
    ("left_wrist",), ("left_knee", "left_ankle"), ("right_elbow", "right_wrist"),
)  # fmt: skip
_OCCLUSION_PERIOD = 4.0  # s


class SimulatedDetector:
    """Sees people with a detector's errors, and from time to time not all of a limb.

    Args:
        layout: joint order of what it returns.
        noise: factor on a good detector's errors; 0 = exact.
        occlusion: part of the time that one limb of a person is hidden, 0 to 1.
        seed: of the errors.
    """

    def __init__(self, layout: str, noise: float = 1.0, occlusion: float = 0.0, seed: int = 0) -> None:
        self.layout, self.names = layout, layout_joints(layout)
        self.noise, self.occlusion = noise, occlusion
        self._rng = np.random.default_rng(seed)

    def observe(self, poses: FloatArray, camera: Camera, time: float) -> tuple[FloatArray, FloatArray]:
        """Return pixels (P, J, 2) and scores (P, J) of poses (P, 17, 3) in the camera frame at ``time`` s.

        Joints outside of the image, hidden, or unknown to the layout's face and body model have score 0.
        """
        pixels = camera.project(detector_joints(poses, self.layout))
        scores = np.ones(pixels.shape[:2])
        if self.noise > 0:
            level = np.full((len(poses), 1), TYPICAL_NOISE * self.noise)
            found = independent_errors(pixels, self.names, level, self._rng)
            pixels, scores = found.xy, found.scores
        inside = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(-1)  # False for NaN
        visible = inside & ~self._hidden(len(poses), time)
        return np.where(visible[..., None], pixels, 0), np.where(visible, scores, 0)

    def _hidden(self, people: int, time: float) -> npt.NDArray[np.bool_]:
        hidden = np.zeros((people, len(self.names)), bool)
        for person in range(people):
            cycle, phase = divmod(time / _OCCLUSION_PERIOD + 0.37 * person, 1)
            if phase < self.occlusion:
                limb = _HIDDEN_LIMBS[int(cycle + person) % len(_HIDDEN_LIMBS)]
                hidden[person] = [name in limb for name in self.names]
        return hidden
