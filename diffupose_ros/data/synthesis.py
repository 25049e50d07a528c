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

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.activities import activity_of
from diffupose_ros.data.bodies import vary_bodies
from diffupose_ros.data.detectors import (
    FACES,
    GUESSED,
    HEAD_YAW,
    Detected,
    detector_joints,
    independent_errors,
    occlude,
    of_layout,
    real_errors,
)
from diffupose_ros.data.observations import Observations, Pairs, pairs
from diffupose_ros.data.postures import draw_postures
from diffupose_ros.data.views import random_views
from diffupose_ros.skeleton import H36M17, Skeletons2D, layout_joints, to_h36m

FloatArray = npt.NDArray[np.float64]
_SEEN = ("keypoints", "deviations", "status")  # of Skeletons2D


SEED = 1
"""Of the cameras and the 2D noise that mocap is measured with: two runs see the same."""


@dataclass(frozen=True)
class Conditions:
    """Who is seen, and what happens to the 2D joints.

    Attributes:
        noise: probability that a person's joints carry a detector's errors.
        real: probability that these are as real detectors', not each joint's own.
        occlusion: probability that joints are missing, or, of a real detector, guessed.
        truncation: probability that joints outside of the image are missing.
        layouts: detector layouts to draw from; ``h36m17`` has no derived joints.
        bodies: whose: ``recorded`` as they are, ``varied`` people, or ``children``.
    """

    noise: float = 0.0
    real: float = 0.0
    occlusion: float = 0.0
    truncation: float = 0.0
    layouts: tuple[str, ...] = ("h36m17",)
    bodies: Literal["recorded", "varied", "children"] = "recorded"


CLEAN = Conditions()
NOISY = Conditions(noise=1, layouts=("h36m17", "coco17"))
OCCLUDED = Conditions(noise=1, occlusion=1, layouts=("h36m17", "coco17"))
BODIES = Conditions(bodies="varied")
REAL = Conditions(
    noise=1,
    real=1,
    occlusion=0.5,
    truncation=0.5,
    layouts=("coco17", "coco17", "openpose18", "body25"),
    bodies="varied",
)
TRAINING = Conditions(
    noise=0.75,
    real=0.75,
    occlusion=0.4,
    truncation=0.5,
    layouts=("h36m17", "coco17", "coco17", "openpose18", "body25"),
    bodies="varied",
)
CONDITIONS = {
    "clean": CLEAN,
    "noisy": NOISY,
    "occluded": OCCLUDED,
    "bodies": BODIES,
    "real": REAL,
    "children": replace(REAL, bodies="children"),
}
"""What models are measured on, by name."""
POSTURE_PEOPLE = 300
"""People of each kind of posture that models are measured on."""


def cmu_observations(clips: dict[str, FloatArray], conditions: Conditions, every: int = 1) -> Observations:
    """Return every ``every``-th frame of mocap clips, by name, as random cameras see it; always the same.

    Args:
        clips: (T, 17, 3) metres, world frame, z up, by name.
        conditions: whose bodies they are put on, and what happens to the 2D joints.
        every: frames from one that is taken to the next.
    """
    poses = [clip[::every] for clip in clips.values()]
    activity = [activity_of(name) for name in clips]
    names = np.repeat(np.array(activity, dtype=np.str_), [len(p) for p in poses])
    return observe(np.concatenate(poses), np.random.default_rng(SEED), conditions, names)


def posture_observations(kind: str, people: int, conditions: Conditions = REAL) -> Observations:
    """Return people of varied bodies in one kind of posture, as random cameras see them; always the same."""
    rng = np.random.default_rng(SEED)
    return observe(draw_postures(people, rng, kind)[0], rng, conditions, np.full(people, kind))


def make_pairs(poses: FloatArray, rng: np.random.Generator, conditions: Conditions = CLEAN) -> Pairs:
    """Make one pair of each pose (B, 17, 3) that is far enough from its camera to be seen."""
    return pairs(observe(poses, rng, conditions))


def observe(
    poses: FloatArray,
    rng: np.random.Generator,
    conditions: Conditions = CLEAN,
    activity: npt.NDArray[np.str_] | None = None,
) -> Observations:
    """Look at poses with random cameras and detectors; people too near to their camera are left out.

    Args:
        poses: (B, 17, 3) metres, world frame, z up.
        rng: source of everything random.
        conditions: whose bodies they are put on, and what happens to the 2D joints.
        activity: (B,) of each pose.
    """
    activity = np.full(len(poses), "", dtype=np.str_) if activity is None else activity
    if conditions.bodies != "recorded":
        poses = vary_bodies(poses, rng, children=conditions.bodies == "children")
    joints, half = random_views(poses, rng)
    shown = (joints[..., 2] > 0.1).all(1)
    joints, half, activity = joints[shown], half[shown], activity[shown]
    parts = np.array_split(rng.permutation(len(joints)), len(conditions.layouts))
    seen = [
        _detect(joints[part], half[part], layout, conditions, rng)
        for part, layout in zip(parts, conditions.layouts, strict=True)
    ]
    order = np.concatenate(parts)
    xy, deviations, status = (np.concatenate([getattr(s, name) for s in seen]) for name in _SEEN)
    rays = np.concatenate([xy, np.ones((*xy.shape[:2], 1))], -1)
    return Observations(rays, xy / half[order][:, None, :1], deviations, status, joints[order], activity[order])


def _detect(
    joints: FloatArray, half: FloatArray, layout: str, conditions: Conditions, rng: np.random.Generator
) -> Skeletons2D:
    """What a detector of ``layout`` sees of joints (B, 17, 3), in the plane z = 1."""
    batch, names = len(joints), layout_joints(layout)
    seen = detector_joints(joints, layout, head_yaw=rng.normal(0, HEAD_YAW, batch))
    if conditions.real:
        face = [name not in H36M17 for name in names]
        seen[:, face] += rng.normal(0, FACES, (batch, 1, 3))
    xy = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    hidden = of_layout(occlude(batch, rng) & (rng.random((batch, 1)) < conditions.occlusion), names)
    level = np.exp(rng.uniform(np.log(0.005), np.log(0.12), (batch, 1)))
    found = independent_errors(xy, names, level, rng)
    if conditions.real:
        real = rng.random(batch) < conditions.real
        guessed = hidden & real[:, None] & (rng.random((batch, 1)) < GUESSED)
        found = real_errors(xy, names, guessed, rng).where(real, found)
        hidden = hidden & ~guessed
    found = found.where(rng.random(batch) < conditions.noise, Detected(xy, np.zeros(xy.shape[:2])))
    xy, scores = found.xy, np.where(hidden, 0.0, 1.0)
    outside = (np.abs(xy) > half[:, None]).any(-1)
    scores = np.where(outside & (rng.random((batch, 1)) < conditions.truncation), 0, scores)
    return to_h36m(xy, scores, layout, deviations=found.deviations)
