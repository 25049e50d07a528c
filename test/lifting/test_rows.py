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

"""Rows of numbers and their fields, in numpy and PyTorch alike."""

import numpy as np
import pytest
import torch

from diffupose_ros.lifting.rows import Rows

ROWS = Rows(pose=(17, 3), number=(), matrix=(2, 2))


@pytest.mark.parametrize("people", [0, 1, 5])
def test_fields_are_views_of_the_rows_that_they_were_written_to(people: int) -> None:
    random = np.random.default_rng(0)
    shapes = {"pose": (17, 3), "number": (), "matrix": (2, 2)}
    fields = {name: random.normal(size=(people, *shape)) for name, shape in shapes.items()}
    rows = np.zeros((people, ROWS.width))
    ROWS.fill(rows, fields)
    assert ROWS.width == 51 + 1 + 4
    for split in (ROWS.split(rows), ROWS.split(torch.from_numpy(rows))):
        for name, field in fields.items():
            np.testing.assert_array_equal(split[name], field)
    rows += 1
    np.testing.assert_array_equal(split["pose"], fields["pose"] + 1)
