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

"""The CMU Graphics Lab Motion Capture Database as its authors give it: .asf skeletons and .amc motions at 120 Hz.

Becomes clips as ``clips.load_clips`` reads them. The bones' ends become the 17 joints: the pelvis is the midpoint of
the hips, the wrist where the hand flexes (the end of CMU's "wrist", not of its "radius"), the thorax where collar
bones and neck begin, the neck where the head begins.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.datasets.asf_amc import Skeleton, bone_ends, read_amc, read_asf
from diffupose_ros.skeleton import H36M17, LEFT_HIP, PELVIS, RIGHT_HIP

FloatArray = npt.NDArray[np.float64]

CREDIT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
EVERY = 4
"""120 Hz to 30 Hz. Some clips were recorded at 60 Hz; the files do not say so, they become faster."""
_LIMB_BONES = {"hip": "hipjoint", "knee": "femur", "ankle": "tibia", "shoulder": "clavicle", "elbow": "humerus"}
_TRUNK_BONES = {"spine": "lowerback", "thorax": "thorax", "neck": "upperneck", "head": "head"}
JOINT_BONES = _TRUNK_BONES | {
    f"{side}_{joint}": f"{side[0]}{bone}"
    for side in ("left", "right")
    for joint, bone in (_LIMB_BONES | {"wrist": "wrist"}).items()
}
"""Joints of H36M-17, to the bone whose end they are."""
_MAX_METRES = 32.0  # what int16 millimetres hold


@dataclass(frozen=True)
class Converted:
    """What became of a folder.

    Attributes:
        clips, frames: that were written.
        skipped: for each file that was not, why.
    """

    clips: int
    frames: int
    skipped: list[str]


def read_clip(motion: Path, skeleton: Skeleton) -> FloatArray:
    """Return a motion as (T, 17, 3) metres at 30 Hz, world frame with z up.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a motion of the skeleton, truncated, or the skeleton is not CMU's.
    """
    lacking = sorted(set(JOINT_BONES.values()) - set(skeleton.bones))
    if lacking:
        raise ValueError(f"{motion}: its skeleton has no {', '.join(lacking)}: expected one of CMU's")
    ends = bone_ends(skeleton, read_amc(motion, skeleton, EVERY))
    pose = np.zeros((len(ends["root"]), 17, 3))
    for joint, bone in JOINT_BONES.items():
        pose[:, H36M17.index(joint)] = ends[bone]
    pose[:, PELVIS] = (pose[:, LEFT_HIP] + pose[:, RIGHT_HIP]) / 2
    if np.abs(pose).max() > _MAX_METRES:
        raise ValueError(f"{motion}: somebody is {np.abs(pose).max():.0f} m away from the origin: not metres")
    return np.stack([pose[..., 0], -pose[..., 2], pose[..., 1]], -1)


def find_motions(folder: Path) -> list[Path]:
    """Return all .amc files below a folder, in order.

    Raises:
        FileNotFoundError: no such folder, or none in it.
    """
    motions = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".amc")
    if not motions:
        raise FileNotFoundError(
            f"no .amc files below {folder}: download the subjects in asf/amc form from mocap.cs.cmu.edu "
            "and unpack them there (subjects/01/01.asf, subjects/01/01_01.amc, ...)"
        )
    return motions


def convert(motions: list[Path], out: Path, done: Callable[[Path], None]) -> Converted:
    """Write the clips of all motions to one .npz file, whole or not at all; files that are bad are skipped.

    Args:
        motions: .amc files, beside their .asf.
        out: the file: int16 (T, 17, 3) millimetres at 30 Hz, by ``cmu/<subject>/<clip>``.
        done: called after each file.

    Raises:
        OSError: the file cannot be written.
        ValueError: no motion was good.
    """
    clips: dict[str, Any] = {}  # int16 arrays; a type checker takes ** for options of savez too
    skeletons: dict[Path, Skeleton] = {}
    skipped = []
    for motion in motions:
        try:
            asf = _skeleton_of(motion)
            if asf not in skeletons:
                skeletons[asf] = read_asf(asf)
            name = f"cmu/{asf.stem}/{motion.stem}"
            if name in clips:
                raise ValueError(f"{motion}: a second clip of the name {name}")
            clips[name] = np.round(1000 * read_clip(motion, skeletons[asf])).astype(np.int16)
        except (OSError, ValueError) as error:
            skipped.append(str(error))
        done(motion)
    if not clips:
        raise ValueError(f"none of {len(motions)} motions could be read; the first: {skipped[0]}")
    partial = out.with_name(out.name + ".partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **clips)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return Converted(len(clips), sum(map(len, clips.values())), skipped)


def _skeleton_of(motion: Path) -> Path:
    """The .asf beside a motion: that of its subject ("01" of "01_05.amc"), or the only one."""
    beside = [path for path in sorted(motion.parent.iterdir()) if path.suffix.lower() == ".asf"]
    for path in beside:
        if path.stem == motion.stem.split("_")[0] or len(beside) == 1:
            return path
    raise FileNotFoundError(f"{motion}: no {motion.stem.split('_')[0]}.asf beside it, its skeleton")
