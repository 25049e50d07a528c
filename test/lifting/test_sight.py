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

"""What people are placed by, whatever is missing."""

import numpy as np

from diffupose_ros.lifting.condition import image_centred
from diffupose_ros.lifting.sight import sight
from diffupose_ros.skeleton import Status


def test_joints_and_people_that_cannot_be_placed() -> None:
    random = np.random.default_rng(0)
    rays = np.concatenate([random.normal(0, 0.1, (4, 17, 2)), np.ones((4, 17, 1))], -1)
    status = np.zeros((4, 17), np.int8)
    status[0, 5], status[1] = Status.MISSING, Status.MISSING
    rays[2] = (1, 0, 0.05)  # all of them where a plane in front of the camera does not reach, as a fisheye sees
    deviations = np.where(status == Status.MISSING, np.nan, 0.03)
    rays[status == Status.MISSING] = np.nan
    found = sight(image_centred(rays[..., :2], status), rays, deviations)
    for name, field in vars(found).items():
        assert np.isfinite(field).all(), name
    assert found.weights[0, 5] == 0 and (found.xy[0, :, 5] == 0).all() and (found.weights[0] > 0).sum() == 16
    for nobody in (1, 2):
        assert (found.weights[nobody] == 1).all() and (found.xy[nobody] == 0).all()
    np.testing.assert_allclose(found.xy[3], rays[3, :, :2].T)
    size = np.sqrt((rays[3, :, :2] - rays[3, :, :2].mean(0)).var(0).sum())
    np.testing.assert_allclose(found.shared[3], np.sqrt(0.5) * 0.03 * size)
    np.testing.assert_allclose(found.explained[3], np.hypot(0.03, 0.02) * size)
