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

"""Where people stand, and how sure that is: ``engine.placement`` in numpy, where there is no device to do it on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import HEIGHT_SPREAD, solve_root
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.sight import sight
from diffupose_ros.lifting.uncertainty import sample_covariance

FloatArray = npt.NDArray[np.float64]


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
    seen = sight(condition, rays, deviations)
    xy, used = np.swapaxes(seen.xy, 1, 2), seen.weights > 0
    mean = poses.mean(1)
    virtual = np.concatenate([xy, np.ones((*used.shape, 1))], -1)
    fit = solve_root(np.concatenate([poses, mean[:, None]], 1), virtual[:, None], seen.weights[:, None])
    roots, root = fit.root[:, :-1], fit.root[:, -1]
    covariance = fit.covariance[:, :-1].mean(1) + sample_covariance(roots[:, :, None])[:, 0]
    covariance += HEIGHT_SPREAD**2 * np.einsum("pi,pj->pij", root, root)
    covariance += ((seen.shared * root[:, 2:]) ** 2)[..., None] * np.diag((1.0, 1.0, 0.0))
    stands = mean + root[:, None]
    shown = stands[..., :2] / np.maximum(stands[..., 2:], 0.1)
    apart = np.where(used, ((shown - xy) ** 2).sum(-1), 0).sum(1) / used.sum(1) / 2
    return Placed(roots, root, covariance, np.sqrt(apart) / seen.explained[:, 0])
