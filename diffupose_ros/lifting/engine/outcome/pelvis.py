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

"""Which way the pelvis faces, and how sure that is; ``skeleton.pelvis_axes`` and ``uncertainty`` as operations.

Functions of tensors without a state or a branch on numbers: they can be recorded and exported.
"""

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.outcome.matrices import cross, identity, length, seen_from, symmetric_inverse
from diffupose_ros.lifting.uncertainty import ANY_TURN, LEAST_TURN, SHORTEST
from diffupose_ros.skeleton import LEFT_HIP, PELVIS, RIGHT_HIP, SPINE

_DEGENERATE = 1e-6  # m, length of a vector whose direction is open


def pelvis_axes(pose: Tensor) -> Tensor:
    """Return rotations (P, 3, 3) whose columns are the pelvis' x forward, y left, z up (REP-103).

    Args:
        pose: (P, 17, 3), any right-handed frame.
    """
    eye = identity(pose)
    left = _axis(pose[:, LEFT_HIP] - pose[:, RIGHT_HIP], eye[0])
    aside = eye[left.abs().argmin(-1)]
    up = _axis(_across(pose[:, SPINE] - pose[:, PELVIS], left), _unit(_across(aside, left)))
    return torch.stack((cross(left, up), left, up), -1)


def orientation_covariance(pose: Tensor, axes: Tensor, covariance: Tensor) -> Tensor:
    """Return ``uncertainty.orientation_covariance`` (P, 3, 3), rad^2.

    Args:
        pose: (P, 17, 3) metres.
        axes: (P, 3, 3) its ``pelvis_axes``.
        covariance: (P, 17, 3, 3) m^2, relative to the root.
    """
    hips = (covariance[:, LEFT_HIP] + covariance[:, RIGHT_HIP]) / 2
    half = (length(pose[:, LEFT_HIP] - pose[:, RIGHT_HIP]) / 2).clamp(min=SHORTEST)
    spine = (pose[:, SPINE] - pose[:, PELVIS])[:, None]
    _, aside, above = torch.bmm(spine, axes).unbind(-1)
    above = above.clamp(min=SHORTEST)
    lean = aside / above
    # Rotations about forward, left and up: of a hip that moves up or ahead, and of a spine that moves ahead.
    levers = (hips / (half * half)[..., None], covariance[:, SPINE] / (above * above)[..., None])
    own = seen_from(axes, torch.stack(levers, 1)).flatten(1)
    ahead, mixed, rise, bent = own[:, :1], own[:, 2:3], own[:, 8:9], own[:, 9:10]
    leaning, rolling = lean * ahead, lean * mixed
    numbers = (rise, -rolling, -mixed, -rolling, lean * leaning + bent, leaning, -mixed, leaning, ahead)
    eye = identity(pose)
    turn = torch.unflatten(torch.cat(numbers, 1), 1, (3, 3)) + LEAST_TURN * eye
    most = ANY_TURN * torch.bmm(symmetric_inverse(turn + ANY_TURN * eye), turn)
    return (torch.bmm(axes, most)[:, :, None] * axes[:, None]).sum(-1)


def _across(vector: Tensor, axis: Tensor) -> Tensor:
    return vector - (vector * axis).sum(-1, keepdim=True) * axis


def _unit(vector: Tensor) -> Tensor:
    return vector / length(vector).clamp(min=1e-9)


def _axis(vector: Tensor, otherwise: Tensor) -> Tensor:
    """The vectors at length 1; ``otherwise`` where a degenerate pose leaves their direction open."""
    long = length(vector)
    return torch.where(long < _DEGENERATE, otherwise, vector / long.clamp(min=1e-9))
