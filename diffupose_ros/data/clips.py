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

"""Motion capture clips: (T, 17, 3) poses in metres, world frame with z up, 30 Hz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.files import load_arrays

FloatArray = npt.NDArray[np.float64]

RATE = 30.0
"""Hz, of every clip: what ``diffupose data cmu`` makes of the 120 Hz of CMU's recordings. The files do not say it."""


def load_clips(path: str | Path) -> dict[str, FloatArray]:
    """Load the clips of an .npz file whose arrays are int16 millimetres, by name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an .npz file, an array in it that is not a clip, or none.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no clips at {path}: expected an .npz of (T, 17, 3) int16 arrays in millimetres")
    arrays = load_arrays(Path(path))
    if not arrays:
        raise ValueError(f"{path}: no clips in it")
    for name, clip in arrays.items():
        if clip.ndim != 3 or clip.shape[1:] != (17, 3) or clip.dtype != np.int16 or not len(clip):
            raise ValueError(f"{path}: {name}: expected int16 (T, 17, 3) in millimetres, got {clip.dtype} {clip.shape}")
    return {name: clip / 1000 for name, clip in arrays.items()}
