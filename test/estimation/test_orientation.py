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

"""How people are turned, and how fast."""

import numpy as np
from support.people import camera_pose, lifted_people, walker

from diffupose_ros.estimation import Estimator
from diffupose_ros.estimation.orientation import orientation_of
from diffupose_ros.skeleton import pelvis_axes


def test_somebody_who_walks_round_a_circle_turns_as_fast_as_he_goes_round() -> None:
    estimator, pose = Estimator(), camera_pose((5, 0, 1.5))
    for i in range(90):
        people = estimator.update(i / 30, ["a"], lifted_people([walker(i / 30)], pose), pose)
    turned = orientation_of(people)
    between = pelvis_axes(walker(89 / 30)[None])[0].T @ turned.axes[0]
    assert np.arccos(min(1, (np.trace(between) - 1) / 2)) < 0.15
    deviation = np.sqrt(np.diag(turned.angular_velocity_covariance[0]))
    assert (np.abs(turned.angular_velocity[0] - (0, 0, 1)) < 3 * deviation).all()
    assert abs(turned.angular_velocity[0, 2] - 1) < 0.4
    for covariance in (turned.covariance, turned.angular_velocity_covariance):
        assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_nobody_is_turned_nowhere() -> None:
    turned = orientation_of(Estimator().people(0.0))
    assert turned.axes.shape == turned.covariance.shape == turned.angular_velocity_covariance.shape == (0, 3, 3)
    assert turned.angular_velocity.shape == (0, 3)
