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

"""``solve_root`` of tensors is numpy's; test/test_camera.py says what that is."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffupose_ros import camera
from diffupose_ros.lifting.engine.outcome.placement import solve_root


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 6), st.sampled_from([0.0, 0.01, 0.3]), st.booleans()
)
def test_it_is_numpys(seed: int, poses: int, rounds: int, error: float, wild: bool) -> None:
    random = np.random.default_rng(seed)
    pose = random.normal(0, 0.4, (poses, 17, 3))
    joints = pose + random.uniform((-1, -1, 2), (1, 1, 30), (poses, 1, 3))
    rays = joints / joints[..., 2:]
    rays[..., :2] += random.normal(0, error / joints[..., 2:], (poses, 17, 2))
    rays[:, 3, 0] += wild
    weights = random.uniform(0.01, 1, (poses, 17)) * (random.uniform(size=(poses, 17)) < 0.8)
    weights[:, :2] = 1
    expected = camera.solve_root(pose, rays, weights, rounds)
    xy = np.where(weights[:, None] > 0, np.swapaxes(rays[..., :2], 1, 2), 0)
    fit = solve_root(*(torch.from_numpy(x) for x in (np.swapaxes(pose, 1, 2), xy, weights)), rounds)
    np.testing.assert_allclose(fit.root, expected.root, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.placed.mT, pose + fit.root[:, None].numpy())
    size = np.abs(expected.covariance).max((1, 2), keepdims=True, initial=1e-12)
    np.testing.assert_allclose((fit.spread.mT @ fit.spread).numpy() / size, expected.covariance / size, atol=1e-6)
