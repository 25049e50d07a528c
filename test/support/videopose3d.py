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

"""Makes files of VideoPose3D's structure, of people seen by the data sets' own cameras."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.observations import Observations
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import Status

Project = Callable[[np.ndarray, int], np.ndarray]
"""From points (..., 3) in the camera's frame and the camera's number to pixels."""


def people(frames: int, seed: int) -> np.ndarray:
    """Poses (T, 17, 3) in metres, somewhere within 1.5 m of the middle of the studio, z up."""
    rng = np.random.default_rng(seed)
    clips = np.concatenate([clip[::5] for clip in load_clips(resource_path("resource/clips/people.npz")).values()])
    poses = clips[rng.choice(len(clips), frames)]
    poses = poses - poses[:, :1] * (1, 1, 0)
    return poses + np.concatenate([rng.uniform(-1.5, 1.5, (frames, 1, 2)), np.zeros((frames, 1, 1))], -1)


def to_camera(world: np.ndarray, pose: tuple) -> np.ndarray:
    """World points in the frame of a camera at a published pose: quaternion (w, x, y, z) and millimetres."""
    (w, x, y, z), millimetres = pose
    moved = (world - np.array(millimetres) / 1000).reshape(-1, 3)
    return Rotation.from_quat([x, y, z, w]).inv().apply(moved).reshape(world.shape)


def seen(world: np.ndarray, poses: tuple, project: Project) -> list[np.ndarray]:
    """What the files hold for each camera: float32 pixels."""
    return [project(to_camera(world, pose), i).astype(np.float32) for i, pose in enumerate(poses)]


def save(path: Path, **objects: dict) -> None:
    """Write dictionaries as VideoPose3D does."""
    np.savez_compressed(path, **{name: np.array(value, dtype=object) for name, value in objects.items()})


def evaluated(dataset: str, folder: Path, keypoints: str, protocol: str, report: Path) -> dict:
    """The report of ``diffupose evaluate``, with as little work as it can be asked for."""
    options = ["--dataset", dataset, "--data", str(folder), "--keypoints", keypoints, "--protocol", protocol]
    outcome = CliRunner().invoke(
        app, ["evaluate", *options, "--hypotheses", "2", "--steps", "1", "--json", str(report)]
    )
    assert outcome.exit_code == 0, outcome.output
    return json.loads(report.read_text())


def misses(observations: Observations) -> np.ndarray:
    """How far each seen joint is from its viewing ray, in metres."""
    rays = observations.rays / np.linalg.norm(observations.rays, axis=-1, keepdims=True)
    along = (observations.joints * rays).sum(-1, keepdims=True)
    return np.linalg.norm(observations.joints - along * rays, axis=-1)[observations.status != Status.MISSING]
