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

"""Poses of a network become root-relative ones of 17 joints."""

import numpy as np
import torch

from diffupose_ros.lifting.engine.images import root_relative
from diffupose_ros.lifting.engine.sampling import NO_NECK
from diffupose_ros.skeleton import HEAD, NECK, THORAX


def test_sixteen_joints_get_a_neck_halfway_from_thorax_to_head() -> None:
    poses = np.random.default_rng(0).normal(size=(2, 3, 16, 3))
    whole = root_relative(torch.from_numpy(poses), 16).numpy()
    np.testing.assert_allclose(whole[:, :, NO_NECK], poses - poses[:, :, :1])
    np.testing.assert_allclose(whole[:, :, NECK], (whole[:, :, THORAX] + whole[:, :, HEAD]) / 2)
