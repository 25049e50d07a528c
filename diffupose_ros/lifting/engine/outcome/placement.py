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

"""Where people stand: root-relative poses put onto the viewing rays of their joints, and how sure that is.

Functions of tensors without a state or a branch on numbers: they can be recorded and exported. Joints come last.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.outcome.matrices import gram, identity

HEIGHT_SPREAD = 0.05
"""Relative standard deviation of human body size (adult stature: 4 % within, 5 % across sexes; ANSUR II).
One image cannot tell a small near person from a large far one, so no depth is known better than this."""

_ROUNDS = 6
_MIN_DEPTH = 0.05  # m
_LEAST_SHOWN = 0.1  # m, depth of a joint whose image is compared with its 2D joint
_RIDGE, _LEAST_SUM = 1e-9, 1e-12
_LEAST_RESIDUAL = 1e-6


class RootFit(NamedTuple):
    """Root translations of R poses, in the frame of the rays.

    Attributes:
        root: (R, 3) metres.
        placed: (R, 3, 17) the poses there.
        spread: (R, 3, 3) m, rows whose dyads sum up to the fit's own covariance.
    """

    root: Tensor
    placed: Tensor
    spread: Tensor


def solve_root(pose: Tensor, xy: Tensor, weights: Tensor, rounds: int = _ROUNDS) -> RootFit:
    """Place root-relative poses so that their joints lie on the viewing rays.

    Iterated weighted linear least squares on the reprojection error in the plane z = 1, with Huber
    weights, so that one wrong joint does not move the person. No ground truth and no ground plane.

    Args:
        pose: (R, 3, 17) metres, root-relative, float64.
        xy: (R, 2, 17) joints in the plane z = 1; 0 where the weight is.
        weights: (R, 17), inverse variance up to a factor; 0 = not seen. Two joints at least.
        rounds: number of solves; each reweights by the depths and residuals of the one before. Six bring the root
            within 0.1 % of its distance of where it would settle, for 99 in 100 people; it is known to 2 % at best.
    """
    (X, Y, Z), (x, y) = pose.unbind(1), xy.unbind(1)
    absent = torch.zeros_like(weights).masked_fill(weights <= 0, torch.inf)
    count = (weights > 0).sum(-1, keepdim=True)
    middle, total = (count - 1) // 2, weights.sum(-1, keepdim=True)
    bx, by = x * Z - X, y * Z - Y
    # Rows (1, 0, -x) and (0, 1, -y) of each joint; weighted and summed, the numbers of the normal equations. What is
    # added to the ones, squares and sums keeps the solution finite where all rays coincide.
    one, square = torch.ones_like(x) + _RIDGE, torch.addcmul(x * x + _RIDGE, y, y)
    terms = torch.stack((one, x, y, square, bx, by, -torch.addcmul(x * bx, y, by)), -1)
    bounded = weights * (1.5**2 / total)
    used = weights
    for _ in range(rounds):
        sums, wx, wy, wr, tx, ty, tz = torch.split(torch.bmm(used[:, None], terms)[:, 0], 1, -1)
        w = sums + _LEAST_SUM
        mx, my = wx / w, wy / w
        height = torch.addcmul(torch.addcmul(wr + _LEAST_SUM, mx, wx, value=-1), my, wy, value=-1)
        z = torch.addcmul(torch.addcmul(tz, mx, tx), my, ty) / height
        right, down, ahead = torch.addcmul(tx / w, mx, z), torch.addcmul(ty / w, my, z), z.clamp(min=_MIN_DEPTH)
        depth = (Z + ahead).clamp(min=_MIN_DEPTH)
        ex, ey = (X + right) / depth - x, (Y + down) / depth - y
        squared = torch.addcmul(ex * ex, ey, ey)
        # Of the median residual, three times; joints that are not there come last.
        most = torch.add(absent, squared, alpha=9).sort(-1).values.gather(-1, middle)
        scale = (torch.minimum(squared, most) * bounded).sum(-1, keepdim=True).sqrt() + 1.5 * _LEAST_RESIDUAL
        trusted = weights * (scale / squared.sqrt()).clamp(max=1)
        used = trusted / (depth * depth)
    deviation = (squared * trusted).sum(-1, keepdim=True) / trusted.sum(-1, keepdim=True)
    factor = (deviation.sqrt() + _LEAST_RESIDUAL) * (total / (2 * count)).sqrt()  # of x and of y
    # The inverse of [[w, 0, -wx], [0, w, -wy], [-wx, -wy, wr]].
    aside, along = factor / w.sqrt(), factor / height.sqrt()
    none = torch.zeros_like(w)
    spread = torch.cat((aside, none, none, none, aside, none, mx * along, my * along, along), 1)
    placed = torch.stack((X + right, Y + down, Z + ahead), 1)
    return RootFit(torch.cat((right, down, ahead), 1), placed, torch.unflatten(spread, 1, (3, 3)))


class Placement(NamedTuple):
    """P people in their virtual cameras' frames, metres.

    Attributes:
        placed: (P, N + 1, 3, 17) their hypotheses, and at last the mean of these, where each stands.
        roots: (P, N + 1, 3) of these.
        centred: (P, N, 3, 17) root-relative hypotheses, less their mean.
        covariance: (P, 3, 3) m^2 of the mean's root, before calibration.
        novelty: (P, 1) how far the mean pose is from its 2D joints, over how far a detector of this precision would
            be: about 1; more for what the model does not know.
    """

    placed: Tensor
    roots: Tensor
    centred: Tensor
    covariance: Tensor
    novelty: Tensor


def place(poses: Tensor, xy: Tensor, weights: Tensor, shared: Tensor, explained: Tensor) -> Placement:
    """Place root-relative poses; whoever has too few joints stands anywhere.

    Args:
        poses: (P, N, 17, 3) metres in the virtual cameras' frames, float64.
        xy, weights, shared, explained: of a ``sight.Sight``.
    """
    hypotheses = poses.shape[1]
    freedom = hypotheses - 1 + (hypotheses < 2)  # 1 at least, and no branch
    count, relative = hypotheses + 1, poses.transpose(-1, -2)
    mean = relative.mean(1, keepdim=True)
    rays, trust = (x[:, None].expand(-1, count, *x.shape[1:]).flatten(0, 1) for x in (xy, weights))
    fit = solve_root(torch.cat((relative, mean), 1).flatten(0, 1), rays, trust)
    roots, placed, spread = (torch.unflatten(of, 0, (-1, count)) for of in fit)
    root, drawn = roots[:, -1], roots[:, :-1]
    # What leaves the root open: of each fit; between them; that bodies differ in size; what all joints err together.
    parts = (
        spread[:, :-1].flatten(1, 2) / hypotheses**0.5,
        (drawn - drawn.mean(1, keepdim=True)) / freedom**0.5,
        HEIGHT_SPREAD * root[:, None],
        (shared * root[:, 2:])[..., None] * identity(poses)[:2],
    )
    shown = placed[:, -1]
    apart = (shown[:, :2] / shown[:, 2:].clamp(min=_LEAST_SHOWN) - xy).square().sum(1)
    seen = weights > 0
    away = ((apart * seen).sum(-1, keepdim=True) / (2 * seen.sum(-1, keepdim=True))).sqrt()
    return Placement(placed, roots, relative - mean, gram(torch.cat(parts, 1)), away / explained)
