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

from diffupose_ros.camera import HEIGHT_SPREAD
from diffupose_ros.lifting.engine.matrices import gram

_ROUNDS = 6
_MIN_DEPTH = 0.05  # m
_LEAST_SHOWN = 0.1  # m, depth of a joint whose image is compared with its 2D joint
_SHARED = 0.5
"""Part of a joint's 2D deviation that all joints of a person have in common, and that their number does not lessen."""
_LEAST = 0.02  # deviation that the lifted pose itself has, in units of the apparent size
_SMALLEST = 1e-12  # of a sum of weights


class RootFit(NamedTuple):
    """Root translations of K poses of each of P people, in the frame of the rays.

    Attributes:
        root: (P, K, 3) metres.
        placed: (P, K, 3, 17) the poses there.
        plane: (P, K, 1) m^2, the part of the fit's own covariance along x and y alike.
        ray: (P, K, 3) m, whose dyad is the rest of it.
    """

    root: Tensor
    placed: Tensor
    plane: Tensor
    ray: Tensor


def solve_root(pose: Tensor, xy: Tensor, weights: Tensor, rounds: int = _ROUNDS) -> RootFit:
    """Place root-relative poses so that their joints lie on the viewing rays.

    Iterated weighted linear least squares on the reprojection error in the plane z = 1, with Huber
    weights, so that one wrong joint does not move the person. No ground truth and no ground plane.

    Args:
        pose: (P, K, 3, 17) metres, root-relative, float64.
        xy: (P, 2, 17) joints in the plane z = 1; 0 where the weight is.
        weights: (P, 17), inverse variance up to a factor; 0 = not seen. Two joints at least.
        rounds: number of solves; each reweights by the depths and residuals of the one before. Six bring the root
            within 0.1 % of its distance of where it would settle, for 99 in 100 people; it is known to 2 % at best.
    """
    xy, weights = xy[:, None], weights[:, None]  # of each pose
    absent = torch.where(weights > 0, 0.0, torch.inf).to(pose.dtype)
    count = (weights > 0).sum(-1, keepdim=True).clamp(min=1)
    total = weights.sum(-1, keepdim=True)
    share = weights / total.clamp(min=_SMALLEST)
    middle = ((count - 1) // 2).expand(-1, pose.shape[1], -1)
    terms = _terms(pose, xy)
    used = weights
    for _ in range(rounds):
        sums = (terms * used[:, :, None]).sum(-1)
        weight, height = sums[..., :1] + _SMALLEST, sums[..., 5:6] + _SMALLEST
        means = sums[..., 1:5] / weight
        ray, offset = means[..., :2], means[..., 2:]
        height = height - (ray * sums[..., 1:3]).sum(-1, keepdim=True)
        z = (sums[..., 6:] - (ray * sums[..., 3:5]).sum(-1, keepdim=True)) / height
        root = torch.cat((ray * z - offset, z.clamp(min=_MIN_DEPTH)), -1)
        placed = pose + root[..., None]
        depth = placed[..., 2:, :].clamp(min=_MIN_DEPTH)
        apart = placed[..., :2, :] / depth - xy
        squared = (apart * apart).sum(-2)
        typical = (squared + absent).sort(-1).values.gather(-1, middle)
        scale = (torch.minimum(squared, 9 * typical) * share).sum(-1, keepdim=True).sqrt() + 1e-6
        trusted = weights * (1.5 * scale / squared.sqrt()).clamp(max=1)
        used = trusted / depth[..., 0, :].square()
    variance = _mean(squared, trusted).sqrt() + 1e-6
    factor = variance * variance / 2 * (total / count)
    along = (factor / height).sqrt()
    return RootFit(root, placed, factor / weight, torch.cat((ray * along, along), -1))


def _terms(pose: Tensor, xy: Tensor) -> Tensor:
    """What is summed over the joints, (P, K, 7, 17): the numbers of the normal equations.

    Of the rows (1, 0, -x) and (0, 1, -y) of each joint, and their right sides, negated.
    """
    right = pose[..., :2, :] - xy * pose[..., 2:, :]
    least = 1e-9  # keeps the solution finite where all rays coincide
    one, square = torch.ones_like(xy[..., :1, :]) + least, (xy * xy).sum(-2, keepdim=True) + least
    poses = (-1, pose.shape[1], -1, -1)
    known = torch.cat((one, xy), -2).expand(poses)
    return torch.cat((known, right, square.expand(poses), (xy * right).sum(-2, keepdim=True)), -2)


def _mean(of: Tensor, weights: Tensor) -> Tensor:
    return (of * weights).sum(-1, keepdim=True) / weights.sum(-1, keepdim=True).clamp(min=_SMALLEST)


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


def place(poses: Tensor, xy: Tensor, weights: Tensor, size: Tensor, deviation: Tensor) -> Placement:
    """Place root-relative poses; whoever has too few joints stands anywhere.

    Args:
        poses: (P, N, 17, 3) metres in the virtual cameras' frames, float64.
        xy, weights, size, deviation: of a ``placing.Sight``, joints last in ``xy`` (P, 2, 17); (P, 1) the latter two.
    """
    hypotheses = poses.shape[1]
    relative = poses.mT
    mean = relative.mean(1, keepdim=True)
    fit = solve_root(torch.cat((relative, mean), 1), xy, weights)
    roots, root = fit.root[:, :-1], fit.root[:, -1:]
    spread = (roots - roots.mean(1, keepdim=True)) / max(hypotheses - 1, 1) ** 0.5
    # What leaves the root open: of each fit, between them, and that bodies differ in size.
    parts = torch.cat((fit.ray[:, :-1] / hypotheses**0.5, spread, HEIGHT_SPREAD * root), 1)
    sideways = fit.plane[:, :-1, 0].mean(1, keepdim=True) + _SHARED * (deviation * size * root[:, 0, 2:]).square()
    plane = torch.tensor((1.0, 1.0, 0.0), dtype=poses.dtype, device=poses.device).diag()
    covariance = gram(parts) + sideways[..., None] * plane

    shown = fit.placed[:, -1]
    apart = (shown[:, :2] / shown[:, 2:].clamp(min=_LEAST_SHOWN) - xy).square().sum(-2)
    away = (_mean(apart, (weights > 0).to(poses.dtype)) / 2).sqrt()
    novelty = away / size / (deviation.square() + _LEAST**2).sqrt()
    return Placement(fit.placed, fit.root, relative - mean, covariance, novelty)
