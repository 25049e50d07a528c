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

"""All that follows the poses: from root-relative hypotheses to people in the camera frame, with their uncertainty."""

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.placing import place
from diffupose_ros.lifting.uncertainty import Calibration, calibrated_covariance, orientation_covariance
from diffupose_ros.skeleton import pelvis_axes

FloatArray = npt.NDArray[np.float64]


def people_of(
    poses: FloatArray,
    expected: FloatArray | None,
    condition: Condition,
    rays: FloatArray,
    deviations: FloatArray,
    calibration: Calibration,
) -> dict[str, FloatArray]:
    """Return what is found of P people, by the names and in the units of ``Lifted``.

    Args:
        poses: (P, N, 17, 3) metres, root-relative, in the virtual cameras' frames.
        expected: (P, 17, 3, 3) m^2, what the model's proposal network expects; None for a model without.
        condition: of the people.
        rays: (P, 17, 3) viewing directions in the camera frame; ignored where missing.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        calibration: of the model.
    """
    placed = place(poses, condition, rays, deviations)
    covariance = calibrated_covariance(poses, condition.status, deviations, calibration, expected, placed.novelty)
    root_covariance = calibration.root_covariance(placed.covariance, placed.root, deviations)

    back = np.swapaxes(condition.rotation, 1, 2)
    mean = np.einsum("pij,pkj->pki", back, poses.mean(1) + placed.root[:, None])
    covariance, axes = _rotate(back[:, None], covariance), pelvis_axes(mean)
    return {
        "mean": mean,
        "covariance": covariance,
        "freedom": calibration.freedom_of(condition.status, deviations),
        "hypotheses": np.einsum("pij,pnkj->pnki", back, poses + placed.roots[:, :, None]),
        "root_covariance": _rotate(back, root_covariance),
        "orientation": axes,
        "orientation_covariance": orientation_covariance(mean, axes, covariance),
        "novelty": placed.novelty,
    }


def _rotate(rotation: FloatArray, covariance: FloatArray) -> FloatArray:
    return np.asarray(rotation @ covariance @ np.swapaxes(rotation, -1, -2))
