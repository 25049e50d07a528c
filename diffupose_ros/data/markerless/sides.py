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


"""In which frames a camera's detector took a person's left for the right.

A detector does so in bursts, with scores near 1. Two cameras of four that do it together are as many as the two that do
not, so no frame by itself tells who is right; but left and right would then change places in the room, from one frame
to the next. So what is sought is the course of all cameras' sides over time (Viterbi, "Error bounds for convolutional
codes ...", 1967) for which lines of sight meet, joints move little, and the fewest sides are exchanged.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.detectors import counterparts
from diffupose_ros.data.markerless.multiview import PlacedCamera
from diffupose_ros.data.markerless.triangulation import GROSS_MISS, USUAL_MISS, Sights, closest, lines_of_sight
from diffupose_ros.skeleton import layout_joints

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FEWEST = 3
"""Cameras: the lines of sight of two that contradict each other meet as well, elsewhere."""
MOST = 2
"""Cameras whose sides are exchanged at the same time."""
_PAIRS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_MOVE = 0.1  # m, that a joint moves from one frame to the next, as a deviation
_LEAP = 0.3  # m, from which on a joint has not moved but is another
_EXCHANGED = 2.0  # cost of a camera's sides being exchanged in one frame, in squared deviations


def find_exchanged(
    cameras: Sequence[PlacedCamera], keypoints: FloatArray, scores: FloatArray, layout: str
) -> BoolArray:
    """Return in which frames cameras have left and right exchanged, (C, T) bool; never of fewer than ``FEWEST``.

    Args:
        cameras: C of them, within some centimetres of where they are.
        keypoints: (C, T, J, 2) px in the raw images.
        scores: (C, T, J); 0 where not detected.
        layout: order of the J joints, a key of ``skeleton.LAYOUTS``.
    """
    count, frames = scores.shape[:2]
    if count < FEWEST:
        return np.zeros((count, frames), bool)
    names = layout_joints(layout)
    order = [names.index(f"{side}_{part}") for part in _PAIRS for side in ("left", "right")]
    sights = lines_of_sight(cameras, keypoints, scores)
    lines = sights.directions.reshape(*scores.shape, 3), sights.weights.reshape(scores.shape)
    guesses = [np.isin(np.arange(count), who) for n in range(MOST + 1) for who in combinations(range(count), n)]
    meeting, points = [], []
    for guess in guesses:
        wrong = np.broadcast_to(guess[:, None], (count, frames))
        miss, meet = _meet(sights.centres, *(exchange(of, wrong, layout)[:, :, order] for of in lines))
        meeting.append(miss)
        points.append(meet)
    cost = np.stack(meeting) + _EXCHANGED * np.sum(guesses, 1)[:, None]
    return np.stack(guesses)[_course(cost, np.stack(points))].T


def exchange(values: FloatArray, exchanged: BoolArray, layout: str) -> FloatArray:
    """Return values (C, T, J, ...) with left and right changing places where ``exchanged`` (C, T)."""
    where = exchanged.reshape(*exchanged.shape, *(1 for _ in values.shape[2:]))
    return np.where(where, values[:, :, counterparts(layout_joints(layout))], values)


def _meet(centres: FloatArray, directions: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far lines of sight (C, T, J, 3) pass each other, (T,), and where they meet, (T, J, 3).

    NaN where fewer than two cameras see a joint.
    """
    frames, joints = weights.shape[1:]
    sights = Sights(centres, directions.reshape(len(centres), -1, 3), weights.reshape(len(centres), -1))
    used = sights.weights > 0
    points, met = closest(sights, used), used.sum(0) > 1
    miss = np.where(used & met, np.minimum(sights.misses(points), GROSS_MISS), 0) / USUAL_MISS
    points = np.where(met[:, None], points, np.nan).reshape(frames, joints, 3)
    return (miss**2).sum(0).reshape(frames, joints).sum(1), points


def _course(cost: FloatArray, points: FloatArray) -> npt.NDArray[np.intp]:
    """The likeliest guess (T,) of each frame, of the costs (G, T) of G guesses and the points (G, T, J, 3) of each."""
    guesses, frames = cost.shape
    total, before = cost[:, 0], np.zeros((frames, guesses), np.intp)
    known = points[:, 0]
    for t in range(1, frames):
        moved = np.linalg.norm(points[:, None, t] - known, axis=-1)  # (now, before, J)
        moves = np.nan_to_num(np.minimum(moved, _LEAP) / _MOVE) ** 2
        paths = total + moves.sum(-1)
        before[t] = paths.argmin(1)
        total = paths.min(1) + cost[:, t]
        known = np.where(np.isfinite(points[:, t]), points[:, t], known[before[t]])
    course = np.empty(frames, np.intp)
    course[-1] = total.argmin()
    for t in range(frames - 1, 0, -1):
        course[t - 1] = before[t, course[t]]
    return course
