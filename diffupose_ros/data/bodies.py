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


"""Other people than those who were recorded: statures, proportions, limbs of one on the body of another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.skeleton import H36M17, LEFT_SHOULDER, MIRROR, PARENTS, PELVIS, RIGHT_SHOULDER, THORAX, across, unit

FloatArray = npt.NDArray[np.float64]
_ARMS = ([11, 12, 13], [14, 15, 16])
_LEGS = ([4, 5, 6], [1, 2, 3])
_LEG_BONES = [2, 3, 5, 6]
_RECORDED = 0.35
"""Share of people who keep about the proportions of the person who was recorded."""
_CHILDREN = 0.12
_CHILDS_STATURE = (1.0, 1.5)  # m
_CHILDS_LIMBS = 1.35
"""m, a stature from which down a child's proportions hold in full; up to 1.55 m they pass into an adult's."""


@dataclass(frozen=True)
class Bone:
    """The bone that ends in a joint, on either side.

    Attributes:
        ratio: length over stature, adults.
        spread: standard deviation of its logarithm: of people, and of what a detector or a motion capture takes for the
            joints at its ends.
        child: factor on the ratio at seven years.
    """

    ratio: float
    spread: float
    child: float = 1.0


BONES = {
    "hip": Bone(0.061, 0.17),
    "knee": Bone(0.235, 0.06, 0.99),
    "ankle": Bone(0.231, 0.06, 0.985),
    "spine": Bone(0.130, 0.07),
    "thorax": Bone(0.137, 0.06),
    "neck": Bone(0.112, 0.18, 1.1),
    "head": Bone(0.055, 0.15, 1.12),
    "shoulder": Bone(0.106, 0.09, 0.96),
    "elbow": Bone(0.165, 0.06),
    "wrist": Bone(0.150, 0.06),
}
"""By the joint that each ends in. Means lie between Drillis and Contini's segment lengths (1966), MakeHuman's bodies
(ages by those) and what real detectors' joints triangulate to; the neck is a detector's nose, the hips' width a matter
of definition."""
_SWINGING = np.array([any(part in name for part in ("knee", "ankle", "elbow", "wrist")) for name in H36M17])
_SHARED = {"knee": 0, "ankle": 0, "spine": 1, "thorax": 1, "elbow": 2, "wrist": 2}
_SHARED_SPREAD = 0.05  # of long legs, trunks and arms: what the bones of each have in common
_MOVED = 0.4  # share of people whose limbs point elsewhere than recorded
_BY = 0.15  # rad, that much
_LEANING = 0.3  # share of people who lean as a whole
_LEAN = 0.2  # rad
_OFFSET = 0.012  # m, of a joint as a detector defines it, in the trunk's frame


def vary_bodies(poses: FloatArray, rng: np.random.Generator, children: bool = False) -> FloatArray:
    """Return the poses (B, 17, 3) on other bodies: stature, bone lengths, joint definitions, mirrored.

    A third keep about the proportions that were recorded; the others have those of people of 1.0 to 2.05 m, children
    among them. Some have the arms or legs of another pose of the batch, limbs that point a little elsewhere, or lean as
    a whole: motion capture knows few of the poses that there are. Whatever is lowest stays on the ground.

    Args:
        poses: (B, 17, 3) metres, world frame, z up.
        rng: source of the bodies.
        children: all are children of 1.0 to 1.5 m.
    """
    batch, ground = len(poses), poses[..., 2].min(1)
    poses = _recombine(poses, rng, _ARMS, share=0.45)
    poses = _lean(_recombine(poses, rng, _LEGS, share=0.3), rng)
    swing = rng.normal(0, _BY, poses.shape) * (rng.random((batch, 1, 1)) < _MOVED) * _SWINGING[:, None]
    varied = _rebuild(poses, _draw_lengths(poses, rng, children), swing)
    varied = _redefine(varied, _draw_offsets(batch, rng))
    varied[..., 2] += (ground - varied[..., 2].min(1))[:, None]
    mirror = rng.random(batch) < 0.5
    varied[mirror] = _mirrored(varied[mirror])
    return varied


def vary_body(clip: FloatArray, rng: np.random.Generator, children: bool = False) -> FloatArray:
    """Return a clip (T, 17, 3) on one other body, drawn as those of ``vary_bodies`` but with the limbs as recorded.

    Its bones keep their lengths throughout. The path grows with the legs, so that feet that stood still about do, and
    what is lowest in the clip stays as low.

    Args:
        clip: (T, 17, 3) metres, world frame, z up.
        rng: source of the body.
        children: it is a child of 1.0 to 1.5 m.
    """
    varied = _redefine(_rebuild(clip, _draw_lengths(clip[:1], rng, children)), _draw_offsets(1, rng))
    varied = _rebuild(varied, np.median(_lengths(varied), 0)[None])  # the trunk's frame is not that of the limbs
    growth = _lengths(varied[:1])[0, _LEG_BONES].sum() / _lengths(clip[:1])[0, _LEG_BONES].sum()
    start = clip[0, PELVIS]
    varied = varied - varied[:, [PELVIS]] + start + growth * (clip[:, [PELVIS]] - start)
    varied[..., 2] += clip[..., 2].min() - varied[..., 2].min()
    return _mirrored(varied) if rng.random() < 0.5 else varied


def draw_stature(batch: int, rng: np.random.Generator) -> FloatArray:
    """Return statures (B,) in metres: adults of both sexes, and 12 % children from 1.0 m on."""
    sex = rng.random(batch) < 0.5
    adult = np.where(sex, rng.normal(1.76, 0.075, batch), rng.normal(1.63, 0.07, batch)).clip(1.40, 2.05)
    return np.where(rng.random(batch) < _CHILDREN, rng.uniform(*_CHILDS_STATURE, batch), adult)


def draw_bones(batch: int, rng: np.random.Generator, stature: FloatArray | None = None) -> FloatArray:
    """Return the lengths (B, 17) in metres of the bones that end in each joint, left and right alike.

    Args:
        batch: B.
        rng: source of the bodies.
        stature: (B,) metres; drawn where not given.
    """
    stature = draw_stature(batch, rng) if stature is None else stature
    child = np.clip((1.55 - stature) / (1.55 - _CHILDS_LIMBS), 0, 1)
    shared = rng.normal(0, _SHARED_SPREAD, (batch, 1 + max(_SHARED.values())))
    drawn = {}
    for name, bone in BONES.items():
        deviation = rng.normal(0, bone.spread, batch)
        if name in _SHARED:
            deviation = deviation + shared[:, _SHARED[name]]
        drawn[name] = stature * bone.ratio * bone.child**child * np.exp(deviation)
    names = [joint.removeprefix("left_").removeprefix("right_") for joint in H36M17]
    return np.stack([np.zeros(batch) if name == "pelvis" else drawn[name] for name in names], 1)


def _draw_lengths(poses: FloatArray, rng: np.random.Generator, children: bool) -> FloatArray:
    """Bone lengths (B, 17): near the recorded ones, or those of other people."""
    batch = len(poses)
    recorded = rng.random(batch) < (0 if children else _RECORDED)
    drawn = draw_bones(batch, rng, rng.uniform(*_CHILDS_STATURE, batch) if children else None)
    return np.where(recorded[:, None], _recorded(poses, rng), drawn)


def _recorded(poses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Bone lengths (B, 17) near the recorded ones."""
    factor = np.exp(rng.normal(0, 0.05, (len(poses), 17)) * (rng.random((len(poses), 1)) < 0.7))
    factor = (factor + factor[:, MIRROR]) / 2
    return np.asarray(_lengths(poses) * factor * np.exp(rng.normal(0, 0.05, (len(poses), 1))))


def _lengths(poses: FloatArray) -> FloatArray:
    """Lengths (B, 17) of the bones that end in each joint; 0 for the pelvis."""
    return np.asarray(np.linalg.norm(poses - poses[:, np.maximum(PARENTS, 0)], axis=-1))


def _rebuild(poses: FloatArray, lengths: FloatArray, swing: FloatArray | None = None) -> FloatArray:
    """The poses from the pelvis on, with bones of the lengths (B or 1, 17), turned by ``swing`` (B, 17, 3) rad."""
    built = poses.copy()
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            direction = unit(poses[:, child] - poses[:, parent])
            if swing is not None:
                direction = unit(direction + swing[:, child])
            built[:, child] = built[:, parent] + direction * lengths[:, child, None]
    return built


def _mirrored(poses: FloatArray) -> FloatArray:
    return np.asarray(poses[:, MIRROR] * (-1, 1, 1))


def _lean(poses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The poses, some turned a little about a horizontal axis through the pelvis."""
    azimuth = rng.uniform(-np.pi, np.pi, len(poses))
    angle = rng.normal(0, _LEAN, len(poses)) * (rng.random(len(poses)) < _LEANING)
    axis = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(len(poses))], 1)
    turn = Rotation.from_rotvec(axis * angle[:, None]).as_matrix()
    return np.asarray(np.einsum("bij,bkj->bki", turn, poses - poses[:, :1]) + poses[:, :1])


def _draw_offsets(batch: int, rng: np.random.Generator) -> FloatArray:
    """Where joints are (B, 17, 3) in the trunk's frame against the recorded ones, left and right alike."""
    offset = rng.normal(0, _OFFSET, (batch, 17, 3)) * rng.exponential(1, (batch, 1, 1))
    offset[:, :, 0] = (offset[:, :, 0] - offset[:, MIRROR, 0]) / 2  # outwards; nothing on the midline
    offset[:, :, 1:] = (offset[:, :, 1:] + offset[:, MIRROR, 1:]) / 2
    offset[:, PELVIS] = 0
    return np.asarray(offset)


def _redefine(poses: FloatArray, offset: FloatArray) -> FloatArray:
    """The poses with joints a little elsewhere in the body, by (B or 1, 17, 3): what is a hip, and where?"""
    moved = poses + offset @ np.swapaxes(_torso_frames(poses), 1, 2)
    moved[:, PELVIS] = (moved[:, 1] + moved[:, 4]) / 2  # as everywhere
    return np.asarray(moved)


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
