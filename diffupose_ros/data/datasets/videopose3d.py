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

"""Files of VideoPose3D: 3D joints in the world and their 2D in several cameras, by subject and action."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rich.progress import track

from diffupose_ros.camera import Camera
from diffupose_ros.data.datasets.object_npz import load_objects
from diffupose_ros.data.observations import Observations
from diffupose_ros.lifting.condition import image_coordinates
from diffupose_ros.profiles import load_profile
from diffupose_ros.skeleton import H36M17, NECK, Status, layout_joints, to_h36m

FloatArray = npt.NDArray[np.float64]
Split = Literal["train", "test"]

HOW_TO = "see DATASETS.md of github.com/facebookresearch/VideoPose3D for how these files are made"
_LEGS = {side: tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle")) for side in ("left", "right")}
_ARMS = {side: tuple(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")) for side in ("left", "right")}
HUMANEVA15 = ("pelvis", "thorax", *_ARMS["left"], *_ARMS["right"], *_LEGS["left"], *_LEGS["right"], "head")
JOINT_ORDERS = {
    "h36m17": H36M17,
    "h36m16": H36M17[:NECK] + H36M17[NECK + 1 :],
    "hourglass16": (
        *_LEGS["right"][::-1], *_LEGS["left"], "pelvis", "spine", "thorax", "head",
        *_ARMS["right"][::-1], *_ARMS["left"],
    ),
    "humaneva15": HUMANEVA15,
    "coco17": layout_joints("coco17"),
}  # fmt: skip
"""Joint orders of 2D files; the hourglass is the one that Martinez et al. fine-tuned on Human3.6M."""
_DEFAULT_ORDERS = {17: "h36m17", 16: "h36m16", 15: "humaneva15"}
_FAR_OFF = 60.0  # px


@dataclass(frozen=True)
class PlacedCamera:
    """A camera and where it stood.

    Attributes:
        camera: its lens, as it applies to the 2D joints.
        rotation: (3, 3) world axes to camera axes.
        position: (3,) metres, in the world.
    """

    camera: Camera
    rotation: FloatArray
    position: FloatArray

    def see(self, world: FloatArray) -> FloatArray:
        """Return points (..., 3) of the world in the camera's optical frame."""
        return np.asarray((world - self.position) @ self.rotation.T)


@dataclass(frozen=True)
class Sequence:
    """One action of one subject.

    Attributes:
        subject: as the file names it.
        activity: what errors are grouped by.
        joints: (T, J, 3) metres, in the world.
        pixels: of each camera, (T', J', 2), or (T', J', 3) with scores.
        order: names of the J' joints.
    """

    subject: str
    activity: str
    joints: FloatArray
    pixels: tuple[FloatArray, ...]
    order: tuple[str, ...]


def rotation_matrix(w: float, x: float, y: float, z: float) -> FloatArray:
    """Return the rotation (3, 3) of a quaternion, which need not have length 1 exactly."""
    w, x, y, z = np.array([w, x, y, z]) / np.linalg.norm([w, x, y, z])
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def read_sequences(
    truth: Path,
    detections: Path,
    subjects: Mapping[str, bool],
    activity: Callable[[str], str],
    joints: int,
    cameras: int,
) -> list[Sequence]:
    """Read what both files have of some subjects.

    Args:
        truth: ``data_3d_*.npz``.
        detections: ``data_2d_*.npz``.
        subjects: all that the data set may have, and whether they are wanted.
        activity: from the name of an action what errors are grouped by, "" for what is left out; raises
            ValueError for an unknown one.
        joints: J in the file of the truth.
        cameras: of each action.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: truncated, not such a file, unknown subjects or actions, an action without 2D, or arrays of
            a wrong shape.
    """
    positions, _ = _read(truth, "positions_3d")
    pixels, metadata = _read(detections, "positions_2d")
    _check_subjects(truth, positions, subjects)
    sequences = []
    for subject in (s for s, wanted in subjects.items() if wanted and s in positions):
        for action, world in _actions(truth, positions, subject).items():
            name = f"{subject}, {action}"
            try:
                group = activity(action)
            except ValueError as error:
                raise ValueError(f"{truth}: {name}: {error}") from None
            if not group:
                continue
            _check_array(truth, name, world, joints, (3,))
            if not np.abs(world).max(initial=0) < 100:
                raise ValueError(f"{truth}: {name}: expected metres, got {np.abs(world).max():.0f}; {HOW_TO}")
            views = _actions(detections, pixels, subject).get(action, ())
            if len(views) != cameras:
                raise ValueError(f"{detections}: {name}: expected 2D of {cameras} cameras, got {len(views)}; {HOW_TO}")
            for view in views:
                _check_array(detections, name, view, None, (2, 3))
            sequences.append(Sequence(subject, group, world, tuple(views), _order(detections, metadata, views[0])))
    if not sequences:
        raise ValueError(f"{truth}: no action that is used in it; {HOW_TO}")
    return sequences


def observe(
    sequences: list[Sequence],
    views: Callable[[str], list[PlacedCamera]],
    to_17: Callable[[FloatArray], FloatArray],
    derived: Mapping[str, tuple[str, str]],
    every: int,
) -> Observations:
    """Return every ``every``-th frame of the sequences as each camera saw it.

    Frames that only the 2D or only the 3D has are cut off at the end, as VideoPose3D does.

    Args:
        sequences: what was read.
        views: the cameras of a subject.
        to_17: the data set's joints (T, J, 3) as H36M-17 (T, 17, 3).
        derived: joints that the data set lacks, to the two whose midpoint they are.
        every: 1 takes all frames.

    Raises:
        ValueError: ``every`` below 1.
    """
    if every < 1:
        raise ValueError(f"every: expected 1 (all frames) or more, got {every}")
    parts = []
    for sequence in track(sequences, "reading", transient=True):
        world = to_17(sequence.joints.astype(np.float64))
        for view, pixels in zip(views(sequence.subject), sequence.pixels, strict=True):
            frames = min(len(world), len(pixels))
            joints, seen = view.see(world[:frames:every]), pixels[:frames:every].astype(np.float64)
            parts.append(_seen(view.camera, joints, seen, sequence.order, derived, sequence.activity))
    return Observations.join(parts)


def warn_if_far_off(observations: Observations, focal: float, path: Path) -> None:
    """Warn where the 2D is so far from the projected truth that joints or cameras must be in another order."""
    seen = observations.status == Status.MEASURED
    truth = observations.joints[..., :2] / observations.joints[..., 2:]
    away = focal * np.linalg.norm(observations.rays[..., :2] - truth, axis=-1)[seen]
    if len(away) and not np.median(away) < _FAR_OFF:
        warnings.warn(
            f"{path}: half of the 2D joints are {np.median(away):.0f} px or more away from the projected 3D joints: "
            f"joints or cameras in another order, or 2D of another data set; {HOW_TO}",
            stacklevel=3,
        )


def _seen(
    camera: Camera,
    joints: FloatArray,
    pixels: FloatArray,
    order: tuple[str, ...],
    derived: Mapping[str, tuple[str, str]],
    activity: str,
) -> Observations:
    scores = pixels[..., 2] if pixels.shape[-1] == 3 else np.ones(pixels.shape[:2])
    keypoints, scores, status = _arrange(pixels[..., :2], scores, order, derived)
    rays = camera.rays(np.where((status == Status.MISSING)[..., None], np.nan, keypoints))
    missing = ~(rays[..., 2] > 0)  # also where the lens model does not reach
    rays = np.where(missing[..., None], (0, 0, 1), rays / np.where(missing, 1, rays[..., 2])[..., None])
    image = np.where(missing[..., None], 0, image_coordinates(keypoints, camera.width, camera.height))
    status = np.where(missing, Status.MISSING, status).astype(np.int8)
    deviations = load_profile("exact").deviation(np.where(missing, 0, scores), H36M17)
    return Observations(rays, image, deviations, status, joints, np.full(len(joints), activity))


def _arrange(
    keypoints: FloatArray, scores: FloatArray, order: tuple[str, ...], derived: Mapping[str, tuple[str, str]]
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int8]]:
    """Keypoints (T, 17, 2), scores and status (T, 17) in H36M-17 order; what the file lacks is derived or missing."""
    if order == JOINT_ORDERS["coco17"]:
        skeletons = to_h36m(keypoints, scores, "coco17")
        return skeletons.keypoints, skeletons.scores, skeletons.status
    columns = [H36M17.index(name) for name in order]
    xy, s = np.full((len(keypoints), 17, 2), np.nan), np.zeros((len(keypoints), 17))
    xy[:, columns], s[:, columns] = keypoints, scores
    status = np.full(s.shape, Status.MEASURED)
    for joint, (first, second) in derived.items():
        to, a, b = (H36M17.index(name) for name in (joint, first, second))
        if joint not in order:
            xy[:, to], s[:, to], status[:, to] = (xy[:, a] + xy[:, b]) / 2, np.sqrt(s[:, a] * s[:, b]), Status.DERIVED
    seen = np.isfinite(xy).all(-1) & (s > 0)
    s = np.where(seen, s, 0).clip(0, 1)
    return np.where(seen[..., None], xy, 0), s, np.where(seen, status, Status.MISSING).astype(np.int8)


def _order(path: Path, metadata: Mapping[str, Any], view: FloatArray) -> tuple[str, ...]:
    """Names of the file's joints: by its left/right pairs where it gives them, by their number otherwise."""
    count, pairs = view.shape[1], metadata.get("keypoints_symmetry")
    if pairs is None and count in _DEFAULT_ORDERS:
        return JOINT_ORDERS[_DEFAULT_ORDERS[count]]
    for order in JOINT_ORDERS.values():
        sides = [[i for i, name in enumerate(order) if name.startswith(side)] for side in ("left", "right")]
        if len(order) == count and pairs is not None and [sorted(side) for side in pairs] == sides:
            return order
    raise ValueError(
        f"{path}: {count} joints with the left/right pairs {pairs}: expected one of the orders "
        f"{', '.join(JOINT_ORDERS)}; {HOW_TO}"
    )


def _read(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The dictionary under ``key``, and the metadata, empty where the file has none."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("data_*.npz")) if path.parent.is_dir() else []
        there = f"there is {', '.join(beside)}" if beside else "there is no data_*.npz at all"
        raise FileNotFoundError(f"no {path.name} in {path.parent} ({there}); {HOW_TO}")
    try:
        loaded = load_objects(path)
    except ValueError as error:
        raise ValueError(f"{error}; {HOW_TO}") from None
    found, metadata = loaded.get(key), loaded.get("metadata", {})
    if not isinstance(found, dict) or not isinstance(metadata, dict):
        raise ValueError(
            f"{path}: expected a dictionary {key}, found {', '.join(loaded) or 'an empty archive'}; {HOW_TO}"
        )
    return found, metadata


def _check_subjects(path: Path, positions: Mapping[str, Any], subjects: Mapping[str, bool]) -> None:
    unknown = sorted(str(s) for s in set(positions) - set(subjects))
    if unknown:
        raise ValueError(f"{path}: unknown subjects {', '.join(unknown)}: expected of {', '.join(subjects)}")
    wanted = [s for s in subjects if subjects[s]]
    missing = [s for s in wanted if not positions.get(s)]
    if missing == wanted:
        raise ValueError(f"{path}: has none of the subjects {', '.join(wanted)}; {HOW_TO}")
    if missing:
        warnings.warn(f"{path}: has no {', '.join(missing)}: the results are of fewer people", stacklevel=4)


def _actions(path: Path, positions: Mapping[str, Any], subject: str) -> dict[str, Any]:
    actions = positions.get(subject)
    if not isinstance(actions, dict):
        raise ValueError(f"{path}: {subject}: expected a dictionary of actions, got {type(actions).__name__}; {HOW_TO}")
    return actions


def _check_array(path: Path, name: str, value: Any, joints: int | None, last: tuple[int, ...]) -> None:
    expected = f"expected numbers (T, {joints or 'joints'}, {' or '.join(map(str, last))})"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {name}: {expected}, got {type(value).__name__}; {HOW_TO}")
    if value.ndim != 3 or value.shape[1] != (joints or value.shape[1]) or value.shape[2] not in last:
        raise ValueError(f"{path}: {name}: {expected}, got {value.shape}; {HOW_TO}")
