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

"""A small recording: a recorded person, seen by three cameras around it with a simulated detector."""

from typing import Any

import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.recordings import JOINTS, Recording
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17

CAMERAS, SIZE, RATE = 3, (1280, 720), 30.0
K = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
LENS = (-0.05, 0.01, 0.0, 0.0, 0.0)


def recording_arrays(frames: int = 20, noise: float = 0.0, layout: str = "coco17") -> dict[str, Any]:
    """Return what a ``Recording`` is made of; without noise the 2D is that of the truth, exactly."""
    poses = load_clips(resource_path("resource/clips/people.npz"))["5_walk"][:frames]
    views = [_look_at(poses[:, 0].mean(0), angle) for angle in (0.3, 2.3, 4.5)]
    rotations, translations = (np.array(part) for part in zip(*views, strict=True))
    truth = poses[:, [H36M17.index(name) for name in JOINTS]]
    detector, lens = SimulatedDetector(layout, noise), Camera(K, LENS, width=SIZE[0], height=SIZE[1])
    seen = [detector.observe(poses @ R.T + t, lens, 0.0) for R, t in views]
    scores = np.array([s for _, s in seen])
    return {
        "keypoints": np.where((scores > 0)[..., None], [xy for xy, _ in seen], np.nan),
        "scores": scores,
        "layout": layout,
        "detector": "Simulated, errors as those of a good one",
        "rate": RATE,
        "K": np.array([K] * CAMERAS),
        "D": np.array([LENS] * CAMERAS),
        "R": rotations,
        "t": translations,
        "size": np.array([SIZE] * CAMERAS),
        "gt_names": JOINTS,
        "gt_world": truth,
        "gt_camera": _in_cameras(truth, rotations, translations),
    }


def recording(frames: int = 20, noise: float = 0.0, **changed: Any) -> Recording:
    """Return a recording, some of whose arrays are other ones."""
    return Recording(**recording_arrays(frames, noise) | changed)


def moved_truth(arrays: dict[str, Any], by: np.ndarray) -> dict[str, Any]:
    """Return the arrays of the truth, moved by (T, 12, 3), or what broadcasts to it, in the world."""
    world = arrays["gt_world"] + by
    return {"gt_world": world, "gt_camera": _in_cameras(world, arrays["R"], arrays["t"])}


def _in_cameras(world: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    return np.einsum("cij,tgj->ctgi", rotations, world) + translations[:, None, None]


def _look_at(target: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and translation, world to camera, of a camera 4 m from the target and 0.5 m above it."""
    position = target + (4 * np.cos(angle), 4 * np.sin(angle), 0.5)
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return rotation, -rotation @ position
