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

"""Recordings of real people: a real detector's 2D in several cameras, and where the joints were in 3D."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """One person in T frames, as C cameras and a 2D detector of J joints saw it, and the truth of G joints; metres.

    Attributes:
        keypoints: (C, T, J, 2) px in the distorted images; NaN where not detected.
        scores: (C, T, J) the detector's own; 0 where not detected.
        layout: joint order, a key of ``skeleton.LAYOUTS``.
        detector: what made the 2D.
        rate: Hz.
        K: (C, 3, 3) px.
        D: (C, 5), or (C, 8 and more), distortion coefficients.
        R: (C, 3, 3) from the world's axes to the camera's.
        t: (C, 3) the world's origin in the camera's frame.
        size: (C, 2) px, width and height.
        gt_names: of the G joints.
        gt_world: (T, G, 3) in the world; NaN where not known, as everywhere below.
        gt_camera: (C, T, G, 3) the same in each camera's frame.
        gt_raw: (T, G, 3) in the world, before any low pass.
        loo_camera: (C, T, G, 3) truth from the other cameras only, in the camera's frame.
        gt_views: (T, G) from how many cameras.
        gt_rms_px: (T, G) px, what is left of them.
        source: where the recording is from.
        licence: under which.
    """

    keypoints: FloatArray
    scores: FloatArray
    layout: str
    detector: str
    rate: float
    K: FloatArray
    D: FloatArray
    R: FloatArray
    t: FloatArray
    size: npt.NDArray[np.int64]
    gt_names: tuple[str, ...]
    gt_world: FloatArray
    gt_camera: FloatArray
    gt_raw: FloatArray | None = None
    loo_camera: FloatArray | None = None
    gt_views: npt.NDArray[np.int64] | None = None
    gt_rms_px: FloatArray | None = None
    source: str = ""
    licence: str = ""


def load_recording(path: str | Path) -> Recording:
    """Load a recording."""
    with np.load(path, allow_pickle=False) as arrays:
        values = {name: array if array.ndim else array.item() for name, array in arrays.items()}
    return Recording(**values | {"gt_names": tuple(map(str, values["gt_names"]))})


def save_recording(recording: Recording, path: str | Path) -> None:
    """Write a recording."""
    with open(path, "wb") as file:
        np.savez_compressed(file, **{name: value for name, value in vars(recording).items() if value is not None})
