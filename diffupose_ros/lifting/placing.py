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


"""Where people stand: root-relative poses put onto the viewing rays of their joints, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import HEIGHT_SPREAD, solve_root
from diffupose_ros.lifting.condition import Condition, placing_rays
from diffupose_ros.lifting.uncertainty import sample_covariance

FloatArray = npt.NDArray[np.float64]

_SHARED = 0.5
"""Part of a joint's 2D deviation that all joints of a person have in common, and that their number does not lessen."""
_LEAST = 0.02  # deviation that the lifted pose itself has, in units of the apparent size


@dataclass(frozen=True)
class Placed:
    """P people in their virtual cameras' frames, metres.

    Attributes:
        roots: (P, N, 3) of each hypothesis.
        root: (P, 3) of their mean.
        covariance: (P, 3, 3) m^2 of the root, before calibration.
        novelty: (P,) how far the mean pose is from its 2D joints, over how far a detector of this precision would
            be: about 1; more for what the model does not know.
    """

    roots: FloatArray
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
    virtual, weights = placing_rays(condition, rays, deviations)
    virtual[~condition.valid] = (0, 0, 1)
    weights[~condition.valid] = 1
    mean = poses.mean(1)
    fit = solve_root(np.concatenate([poses, mean[:, None]], 1), virtual[:, None], weights[:, None])
    roots, root = fit.root[:, :-1], fit.root[:, -1]
    size, away = _apart(mean + root[:, None], virtual, weights > 0)
    deviation = _typical(deviations, weights > 0)
    covariance = fit.covariance[:, :-1].mean(1) + sample_covariance(roots[:, :, None])[:, 0]
    covariance += HEIGHT_SPREAD**2 * np.einsum("pi,pj->pij", root, root)
    sideways = _SHARED * (deviation * size * root[:, 2]) ** 2
    covariance += sideways[:, None, None] * np.diag((1.0, 1.0, 0.0))
    return Placed(roots, root, covariance, away / size / np.hypot(deviation, _LEAST))


def _apart(pose: FloatArray, rays: FloatArray, used: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Apparent sizes (P,) of 2D joints in the plane z = 1, and RMS distances (P,) per axis from a pose's."""
    count = np.maximum(used.sum(1), 1)
    seen = np.where(used[..., None], rays[..., :2] / np.where(used, rays[..., 2], 1)[..., None], 0)
    centred = np.where(used[..., None], seen - seen.sum(1, keepdims=True) / count[:, None, None], 0)
    shown = pose[..., :2] / np.maximum(pose[..., 2:], 0.1)
    squared = np.where(used[..., None], (shown - seen) ** 2, 0).sum((1, 2)) / count / 2
    return np.maximum(np.sqrt((centred**2).sum((1, 2)) / count), 1e-3), np.sqrt(squared)


def _typical(deviations: FloatArray, used: npt.NDArray[np.bool_]) -> FloatArray:
    """RMS deviations (P,) of the joints that are used."""
    squared = np.where(used, np.nan_to_num(deviations) ** 2, 0).sum(1)
    return np.asarray(np.sqrt(squared / np.maximum(used.sum(1), 1)))


_LEAST_SIZE = 1e-3


@dataclass(frozen=True)
class Sight:
    """2D joints of P people in the plane z = 1 of their virtual cameras.

    Attributes:
        xy: (P, 17, 2); 0 where the weight is.
        weights: (P, 17) see ``condition.placing_rays``; 1 throughout for people who cannot be placed.
        shared: (P,) deviation that all of a person's joints have in common.
        explained: (P,) how far the joints are from those of the true pose, if the detector is as precise as it says.
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
    xy = np.where(used[..., None], virtual[..., :2] / np.where(used, virtual[..., 2], 1)[..., None], 0)
    middle = share[:, None] @ xy
    size = np.maximum(np.sqrt((share * ((xy - middle) ** 2).sum(-1)).sum(1)), _LEAST_SIZE)
    deviation = np.sqrt((share * np.nan_to_num(deviations) ** 2).sum(1))
    return Sight(xy, weights, np.sqrt(_SHARED) * deviation * size, np.hypot(deviation, _LEAST) * size)
