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

"""Where a model's hypotheses put people: ``engine.outcome.placement`` on arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.engine.outcome import placement
from diffupose_ros.lifting.sight import sight

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """P people in their virtual cameras' frames, metres.

    Attributes:
        root: (P, 3) of the mean of their hypotheses.
        covariance: (P, 3, 3) m^2 of the root, before calibration.
        novelty: (P,) see ``placement.Placement``.
    """

    root: FloatArray
    covariance: FloatArray
    novelty: FloatArray


def place(poses: FloatArray, condition: Condition, rays: FloatArray, deviations: FloatArray) -> Placed:
    """Place root-relative poses; whoever has too few joints stands anywhere.

    Args:
        poses: (P, N, 17, 3) metres in the virtual cameras' frames.
        condition: of the P people.
        rays: (P, 17, 3) viewing directions in the camera frame; ignored where missing.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
    """
    seen = sight(condition, rays, deviations)
    numbers = (torch.from_numpy(of) for of in (poses, seen.xy, seen.weights, seen.shared, seen.explained))
    people = placement.place(*numbers)
    return Placed(people.roots[:, -1].numpy(), people.covariance.numpy(), people.novelty[:, 0].numpy())
