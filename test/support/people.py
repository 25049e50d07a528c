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

"""People who walk in circles, and what a lifter that errs as it says makes of them."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting import Lifted
from diffupose_ros.skeleton import H36M17, MIRROR, PELVIS, Status, pelvis_axes, unit

FloatArray = npt.NDArray[np.float64]
SIZE_SPREAD = 0.05
"""Of the logarithm of people's sizes, as far as covariances of lifted people know of it."""

_HEIGHT = {"pelvis": 0.93, "hip": 0.92, "knee": 0.51, "ankle": 0.09, "spine": 1.15, "thorax": 1.39, "neck": 1.47}
_HEIGHT |= {"head": 1.59, "shoulder": 1.36, "elbow": 1.08, "wrist": 0.84}
_ASIDE = {"hip": 0.11, "knee": 0.10, "ankle": 0.09, "shoulder": 0.17, "elbow": 0.22, "wrist": 0.24}
_SWING = {"knee": 0.12, "ankle": 0.25, "elbow": -0.08, "wrist": -0.2}  # m forward and back, the arms against the legs
_STEPS = 0.9  # full ones a second


def _table(of_parts: dict[str, float], odd: bool) -> FloatArray:
    parts = [name.removeprefix("left_").removeprefix("right_") for name in H36M17]
    sides = [-1 if odd and name.startswith("right_") else 1 for name in H36M17]
    return np.array([side * of_parts.get(part, 0) for part, side in zip(parts, sides, strict=True)])


STANDING = np.stack([np.zeros(17), _table(_ASIDE, True), _table(_HEIGHT, False)], -1)
"""(17, 3) metres: an adult who stands at the origin of a floor and looks along x; z up."""


def limbs_anywhere(people: int = 200) -> FloatArray:
    """Return (people, 17, 3) the joints of people who stand, and whose arms and legs point anywhere."""
    rng = np.random.default_rng(0)
    poses = np.repeat(STANDING[None], people, 0)
    for joints in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        for side in ("left", "right"):
            start, middle, end = (H36M17.index(f"{side}_{joint}") for joint in joints)
            poses[:, middle] = poses[:, start] + 0.3 * unit(rng.normal(size=(people, 3)))
            poses[:, end] = poses[:, middle] + 0.3 * unit(rng.normal(size=(people, 3)))
    return poses


def walker(time: float, speed: float = 1.0, radius: float = 1.0, centre: npt.ArrayLike = (0, 0, 0)) -> FloatArray:
    """Return (17, 3) the joints of somebody who walks round a circle; at time 0 at its +x side."""
    angle = speed * time / radius
    forward, left = np.array([-np.sin(angle), np.cos(angle), 0]), np.array([-np.cos(angle), -np.sin(angle), 0])
    swing = _table(_SWING, True) * np.sin(2 * np.pi * _STEPS * time) * min(speed, 1)
    pose = (STANDING[:, :1] + swing[:, None]) * forward + STANDING[:, 1:2] * left + STANDING[:, 2:] * [0, 0, 1]
    return np.asarray(pose - radius * left + centre)


def camera_pose(centre: npt.ArrayLike, towards: npt.ArrayLike = (0, 0, 1)) -> FloatArray:
    """Return (4, 4) the pose in the world of a camera's optical frame that looks at a point, upright."""
    pose = np.eye(4)
    pose[:3, 3] = centre
    forward = unit(np.asarray(towards, float) - pose[:3, 3])
    right = unit(np.cross(forward, (0, 0, 1)))
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], -1)
    return pose


def lifted_people(
    positions: npt.ArrayLike,
    pose: FloatArray,
    error: npt.ArrayLike = 0.0,
    deviation: float = 0.03,
    depth_deviation: float = 0.06,
    size: float = 1.0,
) -> Lifted:
    """Return what a lifter says of people's joints (P, 17, 3) in the world.

    Args:
        positions: true ones.
        pose: (4, 4) of the camera.
        error: (P, 17, 3) in standard deviations of the joints relative to the pelvis, row 0 of the pelvis; there the
            last one is along the ray.
        deviation: m, of the joints, and of the pelvis across the ray.
        depth_deviation: m, of the pelvis along the ray, people's size left out.
        size: of the people over that which the lifter takes them for: it sees them nearer or further.
    """
    local = (np.asarray(positions, float).reshape(-1, 17, 3) - pose[:3, 3]) @ pose[:3, :3] / size
    people = len(local)
    ray = unit(local[:, 0])
    across = np.eye(3) - ray[:, :, None] * ray[:, None]
    root_covariance = deviation**2 * across + depth_deviation**2 * ray[:, :, None] * ray[:, None]
    errors = np.broadcast_to(np.asarray(error, float), local.shape)
    root_spread = deviation * across + depth_deviation * ray[:, :, None] * ray[:, None]
    relative = local - local[:, :1] + deviation * errors
    relative[:, 0] = 0
    root = local[:, 0] + (root_spread @ errors[:, 0, :, None])[..., 0]
    mean = root[:, None] + relative
    covariance = deviation**2 * np.eye(3) + SIZE_SPREAD**2 * relative[..., :, None] * relative[..., None, :]
    axes = pelvis_axes(mean)
    return Lifted(
        mean=mean,
        covariance=covariance,
        freedom=np.full((people, 17), np.inf),
        hypotheses=mean[:, None],
        root=root,
        root_covariance=root_covariance + SIZE_SPREAD**2 * root[:, :, None] * root[:, None],
        orientation=axes,
        orientation_covariance=np.tile(np.eye(3) * 0.1**2, (people, 1, 1)),
        reprojection_error=np.zeros(people),
        novelty=np.ones(people),
        scores=np.ones((people, 17)),
        status=np.full((people, 17), Status.MEASURED, np.int8),
        valid=np.ones(people, bool),
    )


def mirrored(positions: FloatArray, camera: npt.ArrayLike) -> FloatArray:
    """Return the joints (P, 17, 3) as they are lifted if left and right are exchanged: mirrored in depth."""
    root = positions[:, :1]
    ray = unit(root - camera)
    offset = positions - root
    return np.asarray(root + (offset - 2 * (offset * ray).sum(-1, keepdims=True) * ray)[:, MIRROR])


def pelvis_error(found: FloatArray, truth: FloatArray) -> float:
    """Return metres between the pelves of two poses (..., 17, 3), the largest."""
    return float(np.linalg.norm(found[..., PELVIS, :] - truth[..., PELVIS, :], axis=-1).max())
