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

"""A person who walks among cameras of a hall, and the files that their calibration leaves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.camera import Camera
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.markerless.multiview import Multiview, PlacedCamera
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import unit

FloatArray = npt.NDArray[np.float64]

RATE = 30.0
LENS = Camera([[900, 0, 640], [0, 900, 360], [0, 0, 1]], [-0.2, 0.05, 0.001, -0.001, 0], width=1280, height=720)
CLIP = next(iter(load_clips(resource_path("resource/clips/people.npz")).values()))


def walk(frames: int) -> FloatArray:
    """Where the 17 joints are in the world, (T, 17, 3) metres, z up."""
    return CLIP[:frames]


def hall(cameras: int, around: FloatArray) -> tuple[PlacedCamera, ...]:
    """Cameras 2 m high, 4 m from the middle of points (..., 3), evenly about it but for one side; they look at it."""
    middle = around.reshape(-1, 3).mean(0)
    placed = []
    for number, angle in enumerate(np.linspace(0, 1.4 * np.pi, cameras)):
        centre = middle + (4 * np.cos(angle), 4 * np.sin(angle), 1.0)
        forward = unit(middle - centre)
        right = unit(np.cross(forward, (0, 0, 1)))
        rotation = np.stack([right, np.cross(forward, right), forward])
        placed.append(PlacedCamera(f"cam{number}", LENS, rotation, -rotation @ centre))
    return tuple(placed)


def observe(cameras: tuple[PlacedCamera, ...], truth: FloatArray, noise: float = 2.0, seed: int = 0) -> Multiview:
    """What cameras see of joints (T, 17, 3), with normal noise in px."""
    rng = np.random.default_rng(seed)
    pixels = np.stack([camera.lens.project(camera.see(truth)) for camera in cameras])
    pixels += rng.normal(scale=noise, size=pixels.shape)
    return Multiview(cameras, pixels, np.full(pixels.shape[:3], 0.9), "h36m17", RATE)


def displaced(camera: PlacedCamera, move: float, turn: float, seed: int) -> PlacedCamera:
    """The camera, by metres and radians from where it is, in some direction."""
    rng = np.random.default_rng(seed)
    rotation = Rotation.from_rotvec(turn * unit(rng.normal(size=3))).as_matrix() @ camera.rotation
    centre = camera.centre + move * unit(rng.normal(size=3))
    return replace(camera, rotation=rotation, translation=-rotation @ centre)


def write_rig(folder: Path, cameras: tuple[PlacedCamera, ...]) -> Path:
    """Write a calibration for each camera, and where they are."""
    text = "cameras:\n"
    for number, camera in enumerate(cameras):
        lens = camera.lens
        (folder / f"{camera.name}.yaml").write_text(
            f"image_width: {lens.width}\nimage_height: {lens.height}\ndistortion_model: {lens.model}\n"
            f"camera_matrix: {{rows: 3, cols: 3, data: {lens.K.ravel().tolist()}}}\n"
            f"distortion_coefficients: {{rows: 1, cols: {len(lens.D)}, data: {lens.D.tolist()}}}\n"
        )
        quaternion = Rotation.from_matrix(camera.rotation).as_quat().tolist()
        rotation = camera.rotation.tolist() if number % 2 else quaternion
        text += f"  {camera.name}:\n    calibration: {camera.name}.yaml\n    rotation: {rotation}\n"
        text += f"    translation: {camera.translation.tolist()}\n"
    path = folder / "cameras.yaml"
    path.write_text(text)
    return path
