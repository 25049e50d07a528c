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



"""Other people than those who were recorded: sizes, proportions, limbs of one on the body of another."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import (
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
    across,
    unit,
)

FloatArray = npt.NDArray[np.float64]
_ARMS = ([11, 12, 13], [14, 15, 16])
_LEGS = ([4, 5, 6], [1, 2, 3])


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
