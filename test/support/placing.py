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

"""Where people stand, and how sure that is, plainly in numpy: what ``engine.outcome.placement`` is held against."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.engine.outcome.placement import HEIGHT_SPREAD
from diffupose_ros.lifting.sight import sight
from diffupose_ros.lifting.uncertainty import sample_covariance

FloatArray = npt.NDArray[np.float64]
MIN_DEPTH = 0.05  # m


@dataclass(frozen=True)
class RootFit:
    """Root translations and their covariances.

    Attributes:
        root: (..., 3) metres, in the frame of the rays.
        covariance: (..., 3, 3) m^2, of the fit alone.
    """

    root: FloatArray
    covariance: FloatArray


def solve_root(pose: FloatArray, rays: FloatArray, weights: FloatArray, rounds: int = 6) -> RootFit:
    """Place root-relative poses so that their joints lie on the viewing rays.

    Iterated weighted linear least squares on the reprojection error in the plane z = 1, with Huber
    weights, so that one wrong joint does not move the person. No ground truth and no ground plane.

    Args:
        pose: (..., 17, 3) metres, root-relative.
        rays: (..., 17, 3) viewing directions, z > 0 where the weight is above 0.
        weights: (..., 17), inverse variance up to a factor; 0 = not seen. Two joints at least.
        rounds: number of solves; each reweights by the depths and residuals of the one before. Six bring the root
            within 0.1 % of its distance of where it would settle, for 99 in 100 people; it is known to 2 % at best.
    """
    seen = weights > 0
    xy = np.where(seen[..., None], rays[..., :2] / np.where(seen, rays[..., 2], 1)[..., None], 0)
    x, y = np.broadcast_to(xy[..., 0], pose.shape[:-1]), np.broadcast_to(xy[..., 1], pose.shape[:-1])
    X, Y, Z = pose[..., 0], pose[..., 1], pose[..., 2]
    bx, by = x * Z - X, y * Z - Y
    # Rows (1, 0, -x) and (0, 1, -y) of each joint; weighted and summed, the numbers of the normal equations.
    terms = np.stack([np.ones_like(bx), x, y, x * x + y * y, bx, by, -(x * bx + y * by)], -1)
    weights = np.broadcast_to(weights, pose.shape[:-1])
    used = weights
    middle = (np.maximum((weights > 0).sum(-1, keepdims=True), 1) - 1) // 2
    root = np.empty((*pose.shape[:-2], 3))
    for _ in range(rounds):
        w, wx, wy, wr, tx, ty, tz = np.moveaxis((used[..., None, :] @ terms)[..., 0, :], -1, 0)
        least = 1e-9 * w + 1e-12  # keeps the solution finite where all rays coincide
        w, wr = w + least, wr + least
        root[..., 2] = (tz + (wx * tx + wy * ty) / w) / (wr - (wx * wx + wy * wy) / w)
        root[..., 0], root[..., 1] = (tx + wx * root[..., 2]) / w, (ty + wy * root[..., 2]) / w
        root[..., 2] = np.maximum(root[..., 2], MIN_DEPTH)
        depth = np.maximum(Z + root[..., 2:], MIN_DEPTH)
        residual = np.hypot((X + root[..., :1]) / depth - x, (Y + root[..., 1:2]) / depth - y)
        ordered = np.sort(np.where(weights > 0, residual, np.inf), -1)
        typical = np.take_along_axis(ordered, middle, -1)
        scale = _weighted_rms(np.minimum(residual, 3 * typical), weights)
        huber = 1 / np.maximum(residual / (1.5 * scale), 1)
        used = weights * huber / depth**2
    variance = _weighted_rms(residual, weights * huber) ** 2 / 2  # of x and of y
    zero = np.zeros_like(w)
    inverse = np.linalg.inv(np.stack([w, zero, -wx, zero, w, -wy, -wx, -wy, wr], -1).reshape(*w.shape, 3, 3))
    mean_weight = weights.sum(-1) / np.maximum(seen.sum(-1), 1)
    covariance = inverse * (variance[..., 0] * mean_weight)[..., None, None]
    return RootFit(root, covariance)


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


def _weighted_rms(residual: FloatArray, weights: FloatArray) -> FloatArray:
    total = (weights * residual**2).sum(-1, keepdims=True)
    return np.asarray(np.sqrt(total / np.maximum(weights.sum(-1, keepdims=True), 1e-12)) + 1e-6)
