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

"""One person as several calibrated cameras saw him at the same moments."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.skeleton import layout_joints

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PlacedCamera:
    """A camera that stands still in the world.

    Attributes:
        name: of the camera.
        lens: of the raw image.
        rotation: (3, 3) from the world's axes to those of the camera's optical frame.
        translation: (3,) metres, the world's origin in the camera's frame.
    """

    name: str
    lens: Camera
    rotation: FloatArray
    translation: FloatArray

    @property
    def centre(self) -> FloatArray:
        """(3,) metres, where in the world it stands."""
        return -self.rotation.T @ self.translation

    def see(self, points: FloatArray) -> FloatArray:
        """Return points (..., 3) of the world in the camera's frame."""
        return points @ self.rotation.T + self.translation


@dataclass(frozen=True)
class Multiview:
    """One person in T frames of C cameras, J joints each.

    Attributes:
        cameras: C of them.
        keypoints: (C, T, J, 2) px in the raw images; NaN where not detected.
        scores: (C, T, J) the detector's own; 0 where not detected.
        layout: joint order, a key of ``skeleton.LAYOUTS``.
        rate: frames per second.
    """

    cameras: tuple[PlacedCamera, ...]
    keypoints: FloatArray
    scores: FloatArray
    layout: str
    rate: float


@dataclass(frozen=True)
class Person:
    """One person in one image.

    Attributes:
        id: as the tracker says; "" where there is none.
        joints: (J, 3) x and y in px, score; score 0 where not detected.
    """

    id: str
    joints: FloatArray

    @property
    def area(self) -> float:
        """px^2 of the box around what was detected."""
        seen = self.joints[self.joints[:, 2] > 0, :2]
        return float(np.prod(np.ptp(seen, axis=0))) if len(seen) else 0.0


def follow(frames: Sequence[Sequence[Person]], wanted: str = "") -> list[FloatArray | None]:
    """Return the joints (J, 3) of one and the same person in the frames of a camera; None where he is not seen.

    Args:
        frames: the people in each.
        wanted: id of the person. Without, it is who was seen in most frames; where nobody has an id, the largest.
    """
    seen = Counter(person.id for people in frames for person in people if person.id)
    if not wanted and not seen:
        return [max(people, key=lambda person: person.area).joints if people else None for people in frames]
    name = wanted or seen.most_common(1)[0][0]
    return [next((person.joints for person in people if person.id == name), None) for people in frames]


def align(
    cameras: Iterable[PlacedCamera], tracks: Sequence[Sequence[FloatArray | None]], layout: str, rate: float
) -> Multiview:
    """Return what the cameras saw at the same moments.

    Args:
        cameras: C of them.
        tracks: for each, T times the joints (J, 3) of the person, or None.
        layout: their order, a key of ``skeleton.LAYOUTS``.
        rate: frames per second.

    Raises:
        ValueError: unknown layout, joints that do not fit it, no person in a camera, fewer than two cameras, or a rate
            that is none.
    """
    placed, count = tuple(cameras), len(layout_joints(layout))
    if len(placed) < 2:
        raise ValueError(f"{len(placed)} camera: expected two at least, better three or more")
    if not 0 < rate < np.inf:
        raise ValueError(f"{rate:g} frames per second: expected more than 0")
    values = np.full((len(placed), len(tracks[0]), count, 3), np.nan)
    for camera, track, into in zip(placed, tracks, values, strict=True):
        for frame, joints in enumerate(track):
            if joints is not None and joints.shape != (count, 3):
                raise ValueError(f"camera {camera.name}: {len(joints)} joints, but {layout} has {count}")
            into[frame] = np.nan if joints is None else joints
        if not (into[..., 2] > 0).any():
            raise ValueError(f"camera {camera.name}: nobody was detected in any of {len(track)} frames")
    seen = np.isfinite(values).all(-1) & (values[..., 2] > 0)
    keypoints = np.where(seen[..., None], values[..., :2], np.nan)
    return Multiview(placed, keypoints, np.where(seen, values[..., 2], 0), layout, float(rate))
