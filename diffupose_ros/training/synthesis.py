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

"""From motion capture poses to pairs of 2D skeletons and 3D poses, as a robot's camera would see them.

Everything is vectorised over the batch and driven by one ``numpy.random.Generator``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.simulation import detector_joints, detector_noise
from diffupose_ros.skeleton import (
    H36M17,
    HEAD,
    LEFT_HIP,
    LEFT_SHOULDER,
    MIRROR,
    NECK,
    PARENTS,
    PELVIS,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    THORAX,
    Skeletons2D,
    across,
    layout_joints,
    to_h36m,
    unit,
)
from diffupose_ros.training.activities import activity_of
from diffupose_ros.training.observations import Observations, Pairs, pairs

FloatArray = npt.NDArray[np.float64]
_LIMBS = ([13], [12, 13], [16], [15, 16], [3], [2, 3], [6], [5, 6], [3, 6], [2, 3, 5, 6], [1, 2, 3, 4, 5, 6], [9, 10])
_ARMS = ([11, 12, 13], [14, 15, 16])
_LEGS = ([4, 5, 6], [1, 2, 3])
_SEEN = ("keypoints", "scores", "status")  # of Skeletons2D


SEED = 1
"""Of the cameras and the 2D noise that mocap is measured with: two runs see the same."""


@dataclass(frozen=True)
class Conditions:
    """What happens to the 2D joints.

    Attributes:
        noise: probability that a person's joints carry detector noise.
        occlusion: probability that joints are missing.
        truncation: probability that joints outside of the image are missing.
        layouts: detector layouts to draw from; ``h36m17`` has no derived joints.
    """

    noise: float = 0.0
    occlusion: float = 0.0
    truncation: float = 0.0
    layouts: tuple[str, ...] = ("h36m17",)


CLEAN = Conditions()
NOISY = Conditions(noise=1, layouts=("h36m17", "coco17"))
OCCLUDED = Conditions(noise=1, occlusion=1, layouts=("h36m17", "coco17"))
TRAINING = Conditions(noise=0.6, occlusion=0.35, truncation=0.5, layouts=("h36m17", "h36m17", "coco17", "openpose18"))


def cmu_observations(clips: dict[str, FloatArray], conditions: Conditions, every: int = 1) -> Observations:
    """Return every ``every``-th frame of mocap clips, by name, as random cameras see it; always the same."""
    poses = [clip[::every] for clip in clips.values()]
    activity = [activity_of(name) for name in clips]
    names = np.repeat(np.array(activity, dtype=np.str_), [len(p) for p in poses])
    return observe(np.concatenate(poses), np.random.default_rng(SEED), conditions, activity=names)


def vary_bodies(poses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the poses (B, 17, 3) on other bodies: size, bone lengths, mirrored; some near H36M's proportions.

    Some have the arms or legs of another pose of the batch.
    """
    batch, ground = len(poses), poses[..., 2].min(1)
    poses = _recombine(poses, rng, _ARMS, share=0.3)
    poses = _recombine(poses, rng, _LEGS, share=0.1)
    factor = np.exp(rng.normal(0, 0.05, (batch, 17)) * (rng.random((batch, 1)) < 0.7))
    factor = (factor + factor[:, MIRROR]) / 2  # left and right alike
    # From the mocap's skeleton towards Human3.6M's: hips up to 1.7 times as wide, neck and head down to 2/3.
    towards = (rng.random(batch) < 0.25) * rng.random(batch)
    factor[:, [LEFT_HIP, RIGHT_HIP]] *= (1 + 0.7 * towards)[:, None]
    factor[:, [NECK, HEAD]] *= (1 - towards / 3)[:, None]
    factor *= np.exp(rng.normal(0, 0.05, (batch, 1)))
    varied = poses.copy()
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = poses[:, child] - poses[:, parent]
            varied[:, child] = varied[:, parent] + bone * factor[:, child, None]
    varied[..., 2] += (ground - varied[..., 2].min(1))[:, None]  # feet stay on the ground
    mirror = rng.random(batch) < 0.5
    varied[mirror] = varied[mirror][:, MIRROR] * (-1, 1, 1)
    return varied


def _recombine(poses: FloatArray, rng: np.random.Generator, limbs: tuple[list[int], ...], share: float) -> FloatArray:
    """The poses, each limb replaced by that of another pose of the batch with probability ``share``."""
    donor = rng.permutation(len(poses))
    torso = _torso_frames(poses)
    turn = np.einsum("bij,bkj->bik", torso, torso[donor])
    mixed = poses.copy()
    for first, *rest in limbs:
        taken = rng.random(len(poses)) < share
        offsets = poses[donor][:, rest] - poses[donor][:, [first]]
        moved = poses[:, [first]] + np.einsum("bij,bkj->bki", turn, offsets)
        mixed[:, rest] = np.where(taken[:, None, None], moved, poses[:, rest])
    return mixed


def _torso_frames(poses: FloatArray) -> FloatArray:
    """Rotations (B, 3, 3) whose columns are the torso's right, forward and up."""
    up = unit(poses[:, THORAX] - poses[:, PELVIS])
    right = poses[:, RIGHT_SHOULDER] - poses[:, LEFT_SHOULDER]
    right = unit(across(right, up))
    return np.stack([right, np.cross(up, right), up], -1)


def random_views(poses: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Look at poses with random cameras of robots.

    Heights 0.2-2.5 m, distances 0.7-10 m, roll mostly within 10 degrees, horizontal fields of view
    35-110 degrees, the person anywhere in the image or partly outside of it.

    Args:
        poses: (B, 17, 3) world frame, z up.

    Returns:
        (B, 17, 3) in the camera optical frame, and (B, 2) the tangents of the half fields of view.
    """
    batch = len(poses)
    root = poses[:, 0]
    azimuth = rng.uniform(-np.pi, np.pi, batch)
    distance = np.exp(rng.uniform(np.log(0.7), np.log(10), batch))
    ground = poses[..., 2].min(1)
    height = ground + rng.uniform(0.2, 2.5, batch)
    rise = np.clip(height - root[:, 2], -0.9 * distance, 0.9 * distance)
    flat = np.sqrt(distance**2 - rise**2)
    position = root + np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), rise], -1)
    half_width = np.tan(np.radians(rng.uniform(35, 110, batch)) / 2)
    half = np.stack([half_width, half_width * rng.uniform(0.5, 0.8, batch)], -1)
    forward = unit(root - position)
    right = unit(np.cross(forward, (0, 0, 1)))
    down = np.cross(forward, right)
    # The camera does not look at the person's pelvis but elsewhere, within its field of view.
    offset = rng.uniform(-0.8, 0.8, (batch, 2)) * half
    axis = unit(forward + offset[:, :1] * right + offset[:, 1:] * down)
    right = unit(np.cross(axis, (0, 0, 1)))
    down = np.cross(axis, right)
    roll = np.radians(rng.normal(0, 1, batch) * np.where(rng.random(batch) < 0.2, 15, 4))[:, None]
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    rotation = np.stack([right, down, axis], 1)
    return np.einsum("bij,bkj->bki", rotation, poses - position[:, None]), half


def occlude(batch: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which H36M joints (B, 17) are hidden: single ones, or whole limbs."""
    hidden = rng.random((batch, 17)) < rng.choice([0.05, 0.15, 0.3], (batch, 1))
    limbs = np.zeros((len(_LIMBS) + 1, 17), bool)
    for row, limb in enumerate(_LIMBS):
        limbs[row, limb] = True
    for _ in range(2):
        hidden |= limbs[rng.integers(0, len(limbs), batch)] & (rng.random((batch, 1)) < 0.5)
    return hidden


def make_pairs(
    poses: FloatArray, rng: np.random.Generator, conditions: Conditions = CLEAN, vary: bool = False
) -> Pairs:
    """Make one pair of each pose (B, 17, 3) that is far enough from its camera to be seen."""
    return pairs(observe(poses, rng, conditions, vary))


def observe(
    poses: FloatArray,
    rng: np.random.Generator,
    conditions: Conditions = CLEAN,
    vary: bool = False,
    activity: npt.NDArray[np.str_] | None = None,
) -> Observations:
    """Look at poses with random cameras and detectors; people too near to their camera are left out.

    Args:
        poses: (B, 17, 3) metres, world frame, z up.
        rng: source of everything random.
        conditions: what happens to the 2D joints.
        vary: put the poses on other bodies.
        activity: (B,) of each pose.
    """
    activity = np.full(len(poses), "", dtype=np.str_) if activity is None else activity
    poses = vary_bodies(poses, rng) if vary else poses
    joints, half = random_views(poses, rng)
    shown = (joints[..., 2] > 0.1).all(1)
    joints, half, activity = joints[shown], half[shown], activity[shown]
    parts = np.array_split(rng.permutation(len(joints)), len(conditions.layouts))
    seen = [
        _detect(joints[part], half[part], layout, conditions, rng)
        for part, layout in zip(parts, conditions.layouts, strict=True)
    ]
    order = np.concatenate(parts)
    xy, scores, status = (np.concatenate([getattr(s, name) for s in seen]) for name in _SEEN)
    rays = np.concatenate([xy, np.ones((*xy.shape[:2], 1))], -1)
    return Observations(rays, xy / half[order][:, None, :1], scores, status, joints[order], activity[order])


def _detect(
    joints: FloatArray, half: FloatArray, layout: str, conditions: Conditions, rng: np.random.Generator
) -> Skeletons2D:
    """What a detector of ``layout`` sees of joints (B, 17, 3), in the plane z = 1."""
    batch, names = len(joints), layout_joints(layout)
    seen = detector_joints(joints, layout, head_yaw=rng.normal(0, 0.4, batch))
    xy = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    scores = np.ones(xy.shape[:2])
    level = np.exp(rng.uniform(np.log(0.005), np.log(0.12), (batch, 1)))
    noisy_xy, noisy_scores = detector_noise(xy, names, level, rng)
    noisy = rng.random((batch, 1)) < conditions.noise
    xy, scores = np.where(noisy[..., None], noisy_xy, xy), np.where(noisy, noisy_scores, scores)
    hidden = occlude(batch, rng) & (rng.random((batch, 1)) < conditions.occlusion)
    scores = np.where(_of_layout(hidden, names), 0, scores)
    outside = (np.abs(xy) > half[:, None]).any(-1)
    scores = np.where(outside & (rng.random((batch, 1)) < conditions.truncation), 0, scores)
    return to_h36m(xy, scores, layout)


def _of_layout(hidden: npt.NDArray[np.bool_], names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Hidden H36M joints (B, 17) as hidden joints of a layout (B, J); the face hides with the head."""
    source = [H36M17.index(n) if n in H36M17 else H36M17.index("head") for n in names]
    return hidden[:, source]
