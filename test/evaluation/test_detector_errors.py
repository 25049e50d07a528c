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


"""How detectors err, told side by side."""

from pathlib import Path

import numpy as np
import pytest
from support.recordings import recording

from diffupose_ros.data.recordings import save_recording
from diffupose_ros.evaluation.detector_errors import FIGURES, recording_errors, simulated_errors


def test_simulated_sequences_err_as_single_people_do_but_for_a_while() -> None:
    found = simulated_errors()
    single, sequence = found["simulated, as real ones"], found["simulated sequences"]
    assert set(single) == set(sequence) == set(FIGURES)
    for name in ("median", "shared", "hip_knee", "elbow_wrist", "exchanged"):
        assert sequence[name] == pytest.approx(single[name], rel=0.5)
    assert abs(single["frame_to_frame"]) < 0.05 and 0.57 < sequence["frame_to_frame"] < 0.84
    assert abs(found["simulated, each joint alone"]["elbow_wrist"]) < 0.05


def test_errors_of_a_recording_are_those_that_its_2d_has(tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    save_recording(recording(), path)
    assert recording_errors(path)["rms"] < 1e-4
    save_recording(recording(noise=1.0), path)
    found = recording_errors(path)
    assert 0.01 < found["median"] < 0.04 and abs(found["frame_to_frame"]) < 0.2 and found["shared"] < 0.1


def test_a_recording_without_a_detected_joint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    nobody = recording()
    save_recording(recording(keypoints=np.full_like(nobody.keypoints, np.nan), scores=0 * nobody.scores), path)
    with pytest.raises(ValueError, match="no joint that was detected and whose truth is known"):
        recording_errors(path)
