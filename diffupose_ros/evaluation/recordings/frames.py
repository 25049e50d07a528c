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

"""Every frame of a recording, lifted as users lift it."""

from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track

from diffupose_ros.data.recordings import Recording
from diffupose_ros.defaults import HYPOTHESES
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.profiles import PROFILES

BATCH = 128
"""Frames lifted at once."""
SEED = 0


@dataclass(frozen=True)
class Drawing:
    """How poses are drawn.

    Attributes:
        hypotheses: N.
        steps: DDIM steps; None: as many as suit the model.
        flip: draw every second hypothesis for the mirror image.
    """

    hypotheses: int = HYPOTHESES
    steps: int | None = None
    flip: bool = True


def lift_cameras(
    lifter: Lifter, recording: Recording, cameras: list[int], drawing: Drawing, profile: str, progress: bool = False
) -> dict[int, Lifted]:
    """Return the T people that each of some cameras sees, by the camera; batch by batch.

    Args:
        lifter: the model.
        recording: whose 2D is lifted.
        cameras: which of its cameras.
        drawing: how.
        profile: by which scores are read.
        progress: show a progress bar on stderr.
    """
    console = Console(stderr=True)
    batches = [(camera, first) for camera in cameras for first in range(0, len(recording.gt_world), BATCH)]
    lifted: dict[int, list[Lifted]] = {camera: [] for camera in cameras}
    for camera, first in track(
        batches, "lifting", console=console, transient=True, disable=not (progress and console.is_terminal)
    ):
        frames = slice(first, first + BATCH)
        lifted[camera].append(lift_frames(lifter, recording, camera, frames, drawing, profile))
    return {camera: _joined(parts) for camera, parts in lifted.items()}


def lift_frames(
    lifter: Lifter, recording: Recording, camera: int, frames: slice, drawing: Drawing, profile: str
) -> Lifted:
    """Return the person whom a camera sees in some frames, a row for each; the same whatever the other frames are."""
    return lifter.lift(
        recording.keypoints[camera][frames],
        np.nan_to_num(recording.scores[camera][frames]),
        recording.camera(camera),
        recording.layout,
        drawing.hypotheses,
        drawing.steps,
        drawing.flip,
        SEED,
        profile,
    )


def profile_name(recording: Recording) -> str:
    """Return the name of the profile that ships for a recording's detector, whose first word names it; or generic."""
    name = recording.detector.split()[0].rstrip(",;:").lower()
    return name if name in PROFILES else "generic"


def _joined(parts: list[Lifted]) -> Lifted:
    return Lifted(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})
