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



"""Random cameras of robots, and where they see people."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]


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
