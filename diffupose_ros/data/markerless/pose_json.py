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

"""People in JSON files, as OpenPose and MMPose write them.

A camera's folder holds a file for each frame, numbered at the end of its name (``left_000000000012_keypoints.json``),
or one for all frames, whose entries say their ``frame_id``.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffupose_ros.data.markerless.multiview import Multiview, Person, PlacedCamera, align, follow
from diffupose_ros.skeleton import layout_joints, seen_joints

Frames = dict[int, list[Person]]


def read_folders(
    folder: Path,
    cameras: Sequence[PlacedCamera],
    layout: str,
    rate: float,
    advance: Callable[[], object] = lambda: None,
) -> Multiview:
    """Return what the cameras saw of one person, frame by frame from the first that two of them have to the last.

    Args:
        folder: with a folder of JSON files for each camera, called as it.
        cameras: that belong to them.
        layout: joint order of the files, a key of ``skeleton.LAYOUTS``.
        rate: frames per second.
        advance: called after each file.

    Raises:
        FileNotFoundError: a camera has no folder, or no files in it.
        ValueError: a file that is not what is expected, or frames that no two cameras share.
    """
    joints = len(layout_joints(layout))
    files = [json_files(folder / camera.name) for camera in cameras]
    seen = [_frames(paths, joints, advance) for paths in files]
    numbers = [number for frames in seen for number in frames]
    common = sorted({number for number in numbers if numbers.count(number) > 1}) if len(seen) > 1 else sorted(numbers)
    if not common:
        ranges = "; ".join(f"{c.name}: {min(f)} to {max(f)}" for c, f in zip(cameras, seen, strict=True))
        raise ValueError(f"{folder}: no two cameras have a frame of the same number ({ranges})")
    span = range(common[0], common[-1] + 1)
    tracks = [follow([frames.get(number, []) for number in span]) for frames in seen]
    return align(cameras, tracks, layout, rate)


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files in a folder, sorted.

    Raises:
        FileNotFoundError: no such folder, or none in it.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no JSON files in {folder}: expected a folder of them for each camera, called as it")
    return files


def _frames(files: Sequence[Path], joints: int, advance: Callable[[], object]) -> Frames:
    frames: Frames = {}
    for path in files:
        try:
            found = _read(path, joints)
        except (TypeError, KeyError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{path}: {reason} (expected the JSON of OpenPose or MMPose)") from None
        for number, people in found.items():
            if number in frames:
                raise ValueError(f"{path}: frame {number} is there twice")
            frames[number] = people
        advance()
    return frames


def _read(path: Path, joints: int) -> Frames:
    """Return the frames of a file by number."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "instance_info" in content:  # MMPose: what it knows of the joints is beside it
        content = content["instance_info"]
    if isinstance(content, dict) and "people" in content:
        return {_number(path): [_openpose_person(person, joints) for person in content["people"]]}
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise ValueError(f"neither a list nor a mapping, but {content!r:.40}")
    if any("instances" in entry for entry in content):
        one = len(content) == 1 and "frame_id" not in content[0]
        return {
            _number(path) if one else int(entry["frame_id"]): [_mmpose_person(p, joints) for p in entry["instances"]]
            for entry in content
        }
    return {_number(path): [_mmpose_person(person, joints) for person in content]}


def _number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise ValueError("no number of the frame in the file's name")
    return int(digits[-1])


def _openpose_person(entry: dict[str, Any], joints: int) -> Person:
    numbers = np.array(entry["pose_keypoints_2d"], np.float64)
    if numbers.size != 3 * joints:
        raise ValueError(f"{numbers.size / 3:g} joints, expected {joints}: is the layout right?")
    return Person("", numbers.reshape(joints, 3))


def _mmpose_person(entry: dict[str, Any], joints: int) -> Person:
    keypoints, scores = (np.array(entry[name], np.float64) for name in ("keypoints", "keypoint_scores"))
    if keypoints.shape != (joints, 2) or scores.shape != (joints,):
        raise ValueError(f"keypoints {keypoints.shape}, scores {scores.shape}, expected {joints}: is the layout right?")
    scores = np.where(seen_joints(keypoints, scores), scores, 0)
    return Person("", np.concatenate([keypoints, scores[:, None]], 1))
