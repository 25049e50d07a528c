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

"""All that follows the poses, in one function of tensors: it is recorded behind them, and exported with them.

From root-relative hypotheses to people in the camera frame and their calibrated covariances. It has no state and no
branch on numbers; any number of people, float64 (a root of float32 would be off by a tenth of a millimetre).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from diffupose_ros.lifting.engine.outcome.matrices import gram, identity, length, seen_from
from diffupose_ros.lifting.engine.outcome.pelvis import orientation_covariance, pelvis_axes
from diffupose_ros.lifting.engine.outcome.placement import place
from diffupose_ros.lifting.rows import SEEN
from diffupose_ros.lifting.uncertainty import MIN_VARIANCE, NOVELTIES, Calibration


class Tables(NamedTuple):
    """A model's calibration.

    Attributes:
        classes: (153, 14) by ``uncertainty.classes_of``: how many hypotheses the prior covariance counts for; the
            factor on the mixture; the degrees of freedom; the root's factors sideways and in depth; the prior (9
            numbers) of models without a proposal.
        widening: (4, 3) logarithms between ``NOVELTIES``: where each part begins, how long it is, what the widening
            gains in it; the last row, the widening at the first.
    """

    classes: Tensor
    widening: Tensor

    @classmethod
    def of(cls, calibration: Calibration, device: torch.device | str = "cpu") -> "Tables":
        """Return the tables of a calibration."""
        shape = calibration.scale.shape
        columns = [
            calibration.strength,
            calibration.scale,
            np.broadcast_to(calibration.freedom[..., None], shape),
            *(np.broadcast_to(factors[:, None], shape) for factors in np.sqrt(calibration.root).T),
            *np.moveaxis(calibration.prior.reshape(*shape, 9), -1, 0),
        ]
        knots, logarithms = np.log(NOVELTIES), np.log(calibration.widening)
        parts = (knots[:-1], np.diff(knots), np.diff(logarithms), np.full(len(knots) - 1, logarithms[0]))
        classes = np.stack(columns, -1).reshape(-1, len(columns))
        return cls(*(torch.tensor(np.asarray(table), device=device) for table in (classes, np.stack(parts))))


def outcome(poses: Tensor, expected: Tensor | None, seen: Tensor, tables: Tables) -> Tensor:
    """Return what is found of P people, rows (P, width) of ``rows.found``, float64, in the camera's frame.

    Args:
        poses: (P, N, 17, 3) metres, root-relative, in the virtual cameras' frames, float64.
        expected: (P, 17, 3, 3) m^2, what the model's proposal network expects; None for a model without.
        seen: (P, width) rows of ``rows.SEEN``, float64.
        tables: of the model.
    """
    of = SEEN.split(seen)
    rotation, eye = of["rotation"], identity(poses)
    people = place(poses, of["xy"], of["weights"], of["shared"], of["explained"])
    points = torch.bmm(people.placed.transpose(-1, -2).flatten(1, 2), rotation)
    mean = points[:, -17:]

    numbers = F.embedding(of["classes"].long(), tables.classes)
    strength, scale = numbers[..., :1], numbers[..., 1:2]
    prior = torch.unflatten(numbers[..., 5:], -1, (3, 3)) if expected is None else expected.to(poses.dtype)
    share = scale / (strength + (poses.shape[1] - 1)) * _widening(people.novelty, tables)[..., None]
    widened = share[..., None] * torch.addcmul(gram(people.centred.permute(0, 3, 1, 2)), strength[..., None], prior)
    covariance = seen_from(rotation, widened) + MIN_VARIANCE * eye

    root = people.roots[:, -1]
    ray = root / length(root)
    sideways, depth = numbers[:, :1, 3:4], numbers[:, :1, 4:5]
    stretch = sideways * eye + (depth - sideways) * (ray[:, :, None] * ray[:, None])
    root_covariance = seen_from(torch.bmm(stretch, rotation), people.covariance[:, None])

    axes = pelvis_axes(mean)
    turning = orientation_covariance(mean, axes, covariance)
    parts = (points, covariance, numbers[..., 2], root_covariance, axes, turning, people.novelty)
    return torch.cat([part.flatten(1) for part in parts], 1)


def _widening(novelty: Tensor, tables: Tables) -> Tensor:
    """Factors (P, 1) on the joints' variances of people with ``novelty`` (P, 1), as ``Calibration.widening_of``."""
    first, long, gain, least = tables.widening.unbind()
    gained = ((novelty.log() - first) / long).clamp(0, 1) * gain
    return (gained.sum(-1, keepdim=True) + least[:1]).exp()
