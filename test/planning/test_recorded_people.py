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

"""Lifted people against the truth: how often bodies are where their capsules say."""

import numpy as np
from support.nodes import SCENE

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.estimation.stature import stature_of
from diffupose_ros.lifting import Lifter
from diffupose_ros.planning import holding


def test_joints_of_recorded_people_are_hardly_ever_outside_of_their_capsules(lifter: Lifter) -> None:
    detector, outside = SimulatedDetector("coco17", noise=1.0, occlusion=0.4, seed=0), []
    for frame in range(0, SCENE.frames, 30):
        truth = SCENE.poses(frame)
        seen = detector.observe(truth, SCENE.camera, frame / 30)
        lifted = lifter.lift(*seen, SCENE.camera, "coco17", seed=0, detector="simulated")
        covariance = lifted.covariance + lifted.root_covariance[:, None]
        held = holding(lifted.mean, covariance, stature_of(lifted.mean)[:, 0], 0.95)
        outside.append(held.distance(truth).min(1) > 0)
    assert np.mean(outside) < 0.01
