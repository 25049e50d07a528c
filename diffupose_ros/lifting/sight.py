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

"""What people are placed by: their 2D joints, ready for ``outcome.placement``. In numpy, as all up to the device."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.condition import Condition, placing_rays

FloatArray = npt.NDArray[np.float64]

_SHARED = 0.5
"""Part of a joint's 2D deviation that all joints of a person have in common, and that their number does not lessen."""
_LEAST = 0.02  # deviation that the lifted pose itself has, in units of the apparent size
_LEAST_SIZE = 1e-3


@dataclass(frozen=True)
class Sight:
    """2D joints of P people in the plane z = 1 of their virtual cameras.

    Attributes:
        xy: (P, 2, 17); 0 where the weight is.
        weights: (P, 17) see ``condition.placing_rays``; 1 throughout for people who cannot be placed.
        shared: (P, 1) deviation that all of a person's joints have in common.
        explained: (P, 1) how far the joints are from those of the true pose, if the detector is as precise as it says.
    """

    xy: FloatArray
    weights: FloatArray
    shared: FloatArray
    explained: FloatArray


def sight(condition: Condition, rays: FloatArray, deviations: FloatArray) -> Sight:
    """Return what people are placed by; whoever cannot be placed stands straight ahead.

    Args:
        condition: of P people.
        rays: (P, 17, 3) viewing directions in the camera frame; ignored where missing.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
    """
    virtual, weights = placing_rays(condition, rays, deviations)
    nobody = ~(condition.valid & weights.any(1))
    virtual[nobody] = (0, 0, 1)
    weights[nobody] = 1
    used = weights > 0
    share = used / used.sum(1, keepdims=True)
    depth = np.where(used, virtual[..., 2], 1)
    xy = np.where(used[:, None], np.swapaxes(virtual[..., :2], 1, 2) / depth[:, None], 0)
    middle = xy @ share[..., None]
    size = np.sqrt((share * ((xy - middle) ** 2).sum(1)).sum(1, keepdims=True))
    size = np.maximum(size, _LEAST_SIZE)
    deviation = np.sqrt((share * np.nan_to_num(deviations) ** 2).sum(1, keepdims=True))
    return Sight(xy, weights, np.sqrt(_SHARED) * deviation * size, np.hypot(deviation, _LEAST) * size)
