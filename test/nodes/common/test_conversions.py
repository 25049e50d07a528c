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

"""What messages are made of."""

import numpy as np
from scipy.spatial.transform import Rotation

from diffupose_ros.nodes.common.conversions import quaternions


def test_quaternions_are_those_of_the_matrices() -> None:
    half_turns = Rotation.from_rotvec(np.pi * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0]]))
    some = Rotation.concatenate([Rotation.identity(1), half_turns, Rotation.random(200, random_state=0)])
    found = np.array([(q.x, q.y, q.z, q.w) for q in quaternions(some.as_matrix())])
    assert (found[:, 3] >= 0).all()
    assert (some * Rotation.from_quat(found).inv()).magnitude().max() < 1e-7
    assert quaternions(np.zeros((0, 3, 3))) == []
