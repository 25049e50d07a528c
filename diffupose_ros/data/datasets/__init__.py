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

"""The data sets: each becomes ``Observations``, and has a line of credit that a model trained on it must carry."""

from pathlib import Path

from diffupose_ros.data.datasets import cmu, human36m, humaneva
from diffupose_ros.data.datasets.human36m import load_human36m
from diffupose_ros.data.datasets.humaneva import HUMANEVA_JOINTS, load_humaneva
from diffupose_ros.data.datasets.videopose3d import Split
from diffupose_ros.data.observations import Observations

__all__ = ["CREDITS", "HUMANEVA_JOINTS", "load_human36m", "load_humaneva", "load_observations"]

CREDITS = {"cmu": cmu.CREDIT, "h36m": human36m.CREDIT, "humaneva": humaneva.CREDIT}


def load_observations(
    dataset: str, folder: str | Path, split: Split, keypoints: str, every: int = 1, joints: int = 17
) -> Observations:
    """Load one part of a recorded data set in VideoPose3D's files.

    Args:
        dataset: ``h36m`` or ``humaneva``.
        folder: that has the files, or one of the files in it.
        split: ``train`` or ``test``.
        keypoints: which 2D joints: ``gt``, ``hr``, ``cpn``, ``sh`` of h36m, ``gt``, ``detectron`` of humaneva.
        every: take every so many frames.
        joints: of h36m: 16 counts the neck/nose as not seen.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: an unknown argument, or a file that is truncated or not what it should be.
    """
    folder = Path(folder).parent if Path(folder).is_file() else Path(folder)
    if dataset == "h36m":
        return load_human36m(folder, keypoints, split, joints, every)
    if dataset == "humaneva":
        return load_humaneva(folder, keypoints, split, every)
    raise ValueError(f"unknown data set {dataset!r}: expected h36m or humaneva")
