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


"""Tempers a calibration that was fitted in simulation by what recordings of real people say."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from diffupose_ros.data.recordings import Recording
from diffupose_ros.evaluation.recordings.report import tracks_of
from diffupose_ros.evaluation.recordings.tracks import Track
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint
from diffupose_ros.lifting.uncertainty import mahalanobis2, radius2

FloatArray = npt.NDArray[np.float64]

WEIGHT = 0.5
"""Of the recordings against the simulation: the people who were recorded are few."""
_HELD = np.array([0.5, 0.9])


def temper(checkpoint: Checkpoint, recordings: Sequence[Recording]) -> tuple[Checkpoint, dict[str, float]]:
    """Return the model with all variances of joints, and those of roots, times one factor each, and the factors.

    A factor is ``WEIGHT`` of the way, by logarithm, to the one with which the 50 and 90 % ellipsoids of the recordings'
    people hold what they say, each recording counting the same.

    Args:
        checkpoint: calibrated.
        recordings: one at least in which a camera sees enough.

    Raises:
        ValueError: none of them does.
    """
    lifter = Lifter(checkpoint)
    seen = [tracks for recording in recordings if (tracks := tracks_of(lifter, recording))]
    if not seen:
        raise ValueError("recordings: expected one in which a camera sees enough of the person, got none")
    logs = np.mean([np.mean([_logs(track) for track in tracks], 0) for tracks in seen], 0)
    joints, root = np.exp(WEIGHT * logs)
    calibration = checkpoint.calibration
    tempered = replace(calibration, scale=calibration.scale * joints, root=calibration.root * root)
    return replace(checkpoint, calibration=tempered), {"joints": float(joints), "root": float(root)}


def _logs(track: Track) -> tuple[float, float]:
    """Logarithms of the factors on the variances of joints and root with which a camera's ellipsoids would hold."""
    counted, frames = track.counted, track.frames
    joints = mahalanobis2((track.pose - track.true_pose)[counted], track.covariance[counted])
    root = mahalanobis2((track.root - track.pelvis)[frames], track.root_covariance[frames])
    of_joints = [np.quantile(joints / radius2(p, track.freedom[counted]), p) for p in _HELD]
    of_root = np.quantile(root, _HELD) / chdtri(3, 1 - _HELD)
    return float(np.mean(np.log(of_joints))), float(np.mean(np.log(of_root)))
