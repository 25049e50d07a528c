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

"""How errors are taken: on the network's own pose, as the paper's authors do, or without any ground truth.

``raw``: the network's root-relative pose. ``paper``: x and y overwritten from the input and the ground
truth, see ``overwritten``. ``gt_free``: as ``raw``, and the pose placed in the camera's frame, see
``evaluation.placing``.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.observations import Observations
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.skeleton import Status

FloatArray = npt.NDArray[np.float64]
Protocol = Literal["raw", "paper", "gt_free"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)


def overwritten(poses: FloatArray, observations: Observations, condition: Condition) -> FloatArray:
    """Return poses as the released code measures them: FOR COMPARISON WITH THE PAPER ONLY.

    In the camera's frame, x and y of each joint are replaced by its 2D joint, back-projected at the
    ground truth's root depth plus the predicted z. What the network says of x and y is not measured at
    all, and the person's distance is given away. A joint without 2D keeps the network's x and y.

    Args:
        poses: (P, N, 17, 3) metres, root-relative, in the virtual cameras' frames.
        observations: of the P people.
        condition: of the observations.

    Returns:
        (P, N, 17, 3) metres, relative to the true root, in the virtual cameras' frames.
    """
    seen = (observations.status != Status.MISSING)[:, None, :, None]
    rays = np.where(seen[:, 0], observations.rays, (0, 0, 1))
    root = observations.joints[:, None, :1]
    camera = np.einsum("pji,pnkj->pnki", condition.rotation, poses)
    depth = camera[..., 2:] + root[..., 2:]
    projected = rays[:, None] / rays[:, None, :, 2:] * depth - root
    return np.asarray(np.einsum("pij,pnkj->pnki", condition.rotation, np.where(seen, projected, camera)))
