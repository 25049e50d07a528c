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


"""Random cameras of robots, and of rooms, and where they see people."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

_ENOUGH = 0.95  # of a clip's joints in the image
_TRIES = 100


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
    roll = np.radians(rng.normal(0, 1, batch) * np.where(rng.random(batch) < 0.2, 15, 4))
    rotation = look_along(axis, roll)
    return np.einsum("bij,bkj->bki", rotation, poses - position[:, None]), half


def look_along(axis: FloatArray, roll: FloatArray) -> FloatArray:
    """Return rotations (B, 3, 3) from a world with z up to the optical frames of cameras that look along ``axis``.

    Args:
        axis: (B, 3) of length 1, not vertical.
        roll: (B,) rad, about that axis.
    """
    right = unit(np.cross(axis, (0, 0, 1)))
    down = np.cross(axis, right)
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([cos * right + sin * down, cos * down - sin * right, axis], 1)


def cameras_around(
    clip: FloatArray, count: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return cameras of a room that look at the middle of a clip from different sides, nearly all of it in the image.

    Heights 1-2.5 m above the ground, 2.5-6 m away, horizontal fields of view 60-100 degrees.

    Args:
        clip: (T, 17, 3) metres, world frame, z up.
        count: C.
        size: px, width and height.
        rng: source of the cameras.

    Returns:
        R (C, 3, 3) and t (C, 3) from the world to the optical frames, and K (C, 3, 3) px.
    """
    start, step = rng.uniform(-np.pi, np.pi), 2 * np.pi / max(count, 3)  # two do not face each other
    drawn = [_camera_at(start + step * index, clip, size, rng) for index in range(count)]
    rotations, translations, matrices = (np.array(part) for part in zip(*drawn, strict=True))
    return rotations, translations, matrices


def _camera_at(
    azimuth: float, clip: FloatArray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """R, t and K of a camera about in that direction: the first drawn one that sees enough, or who sees most."""
    root, ground = clip[:, 0], clip[..., 2].min()
    middle = (root.min(0) + root.max(0)) / 2
    width, height = size
    best, most = None, -1.0
    for _ in range(_TRIES):
        angle, away = azimuth + rng.uniform(-0.3, 0.3), rng.uniform(2.5, 6)
        position = middle + away * np.array([np.cos(angle), np.sin(angle), 0])
        position[2] = ground + rng.uniform(1, 2.5)
        rotation = look_along(unit(middle - position)[None], np.radians(rng.normal(0, 2, 1)))[0]
        focal = width / 2 / np.tan(np.radians(rng.uniform(60, 100)) / 2)
        seen = (clip - position) @ rotation.T
        inside = (np.abs(seen[..., :2]) * focal < np.array([width, height]) / 2 * seen[..., 2:]).all(-1).mean()
        if inside > most:
            matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
            best, most = (rotation, -rotation @ position, matrix), inside
        if best is not None and most >= _ENOUGH:
            break
    assert best is not None
    return best
