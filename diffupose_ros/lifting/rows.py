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

"""What goes to the device and what comes back: one row of numbers for each person, so that each is one copy.

In numpy and PyTorch alike, and without PyTorch where there is none.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Array = TypeVar("_Array", bound=Any)


class Rows:
    """Fields of so many numbers each, side by side.

    Args:
        shapes: of the fields, by name.
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self._shapes = shapes
        self.width = sum(map(prod, shapes.values()))

    def split(self, rows: _Array) -> dict[str, _Array]:
        """Return the fields (P, ...) of rows (P, width), as views."""
        fields, first = {}, 0
        for name, shape in self._shapes.items():
            last = first + prod(shape)
            fields[name] = rows[..., first:last].reshape(-1, *shape)
            first = last
        return fields

    def fill(self, rows: npt.NDArray[np.float64], fields: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write fields (P, ...) into rows (P, width)."""
        for name, field in self.split(rows).items():
            field[...] = fields[name]


SEEN = Rows(xy=(2, 17), weights=(17,), shared=(1,), explained=(1,), rotation=(3, 3), classes=(17,))
"""Of a person's 2D joints, what decides where their poses stand; see ``sight.Sight`` and ``engine.outcome``."""


def found(hypotheses: int) -> Rows:
    """Return the fields of what is found of a person, with so many hypotheses; see ``engine.outcome``."""
    return Rows(
        hypotheses=(hypotheses, 17, 3),
        mean=(17, 3),
        covariance=(17, 3, 3),
        freedom=(17,),
        root_covariance=(3, 3),
        orientation=(3, 3),
        orientation_covariance=(3, 3),
        novelty=(),
    )
