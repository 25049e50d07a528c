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

"""What is minimised, for each kind of network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.sampling import NO_NECK
from diffupose_ros.lifting.networks.prior import prior_of
from diffupose_ros.skeleton import H36M17
from diffupose_ros.training.batches import Batch
from diffupose_ros.training.config import TrainConfig

Forward = Callable[..., Any]
"""A network's forward pass: what it returns, in float32."""
Loss = Callable[[Forward, Batch], Tensor]
Teach = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(conditions, noise) -> the proposal's described estimates, poses that the noise shall become."""

_JOINT_WEIGHTS = {"neck": 2.0, "knee": 2.0, "elbow": 2.0, "ankle": 4.0, "wrist": 4.0}
_CONDITION_WEIGHT = 0.8
_LIKELIHOOD_WEIGHT = 0.05
_DISTANCE_WEIGHT = 0.1
_TYPICAL_DEVIATION = 0.25  # of a proposal, in units of pose_scale
_SMOOTH = 0.01  # 3 mm


def loss_of(config: TrainConfig, propose: Callable[[Tensor], Tensor], teach: Teach | None = None) -> Loss:
    """Return the loss of a batch as a function of the network's forward pass.

    Args:
        config: says which.
        propose: conditions (B, 17, C) -> the averaged proposal network's described estimates (B, 17, 6), without
            gradient; called for a ``ProposedDenoiser`` only.
        teach: the same, and the poses (B, 17, 3) that noise (B, 17, 3) shall become; called for a
            ``DistilledDenoiser`` only.
    """
    scale, process = config.diffusion.pose_scale, config.diffusion.process()

    def regression(forward: Forward, batch: Batch) -> Tensor:
        pose, factor = forward(batch.features)
        return proposal_loss(pose, factor, batch.poses / scale, by_distance=config.loss == "distance")

    def diffusion(forward: Forward, batch: Batch) -> Tensor:
        x, target = process.add_noise(batch.poses / scale, batch.noise, batch.t)
        prediction: Tensor = forward(x, batch.features, batch.t)
        if config.loss == "paper":
            return paper_loss(prediction, target, batch.features)
        return (prediction[..., :3] - target).square().mean()

    def correction(forward: Forward, batch: Batch) -> Tensor:
        truth = batch.poses / scale
        x, _ = process.add_noise(truth, batch.noise, batch.t)
        described = propose(batch.features)
        output, pose, factor = forward(x, batch.features, described, batch.t)
        signal, noise = (torch.from_numpy(of).to(x)[batch.t][:, None, None] for of in (process.signal, process.noise))
        loss = correction_loss(x, output, described, truth, signal, noise)
        return loss + proposal_loss(pose, factor, truth)

    def distillation(forward: Forward, batch: Batch) -> Tensor:
        assert teach is not None
        described, target = teach(batch.features, batch.noise)
        t = process.steps - 1
        output = forward(batch.noise, batch.features, described, torch.tensor([t], device=batch.noise.device))
        prior = prior_of(described, float(process.signal[t]), float(process.noise[t]))
        return distance(rooted(prior.x0(batch.noise, output)), rooted(target)).mean()

    if config.model.kind == "regressor":
        return regression
    if config.distilled_steps:
        return distillation
    return correction if config.model.proposal else diffusion


def correction_loss(
    x: Tensor, output: Tensor, described: Tensor, truth: Tensor, signal: Tensor, noise: Tensor
) -> Tensor:
    """Return how far joints are from where they are corrected to, in units of what noise like this leaves open.

    Args:
        x: (B, 17, 3) noisy pose.
        output: (B, 17, 3) of the denoiser.
        described: (B, 17, 6) estimate that it corrects.
        truth: (B, 17, 3) root-relative, in units of ``pose_scale``, as all of these.
        signal: (B, 1, 1) factor of the pose in x.
        noise: (B, 1, 1) that of the noise.
    """
    prior = prior_of(described, signal, noise)
    away = distance(prior.x0(x, output), truth)
    left = noise * _TYPICAL_DEVIATION / (signal**2 * _TYPICAL_DEVIATION**2 + noise**2).sqrt()
    return (away / left[..., 0])[:, 1:].mean()


def proposal_loss(pose: Tensor, factor: Tensor, truth: Tensor, by_distance: bool = True) -> Tensor:
    """Return the error of a pose plus, weakly, the negative log likelihood of its errors.

    Args:
        pose: (B, 17, 3) of a ``Proposal``.
        factor: (..., B, 17, 3, 3), one or several of the same; it learns from the pose's error but does not move
            the pose.
        truth: (B, 17, 3) root-relative, in units of ``pose_scale``.
        by_distance: whether the error is the joints' distance, not its square.
    """
    away = (truth - rooted(pose)).detach()[:, 1:, :, None]
    factor = factor[..., 1:, :, :]
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    likelihood = 0.5 * (factor @ away).square().sum((-2, -1)) - log_det
    off = _DISTANCE_WEIGHT * distance(pose, truth) if by_distance else (pose - truth).square()
    return off.mean() + _LIKELIHOOD_WEIGHT * likelihood.mean()


def rooted(pose: Tensor) -> Tensor:
    """Return poses (B, J, 3) relative to their root."""
    return pose - pose[:, :1]


def distance(pose: Tensor, truth: Tensor) -> Tensor:
    """Return the distances (B, J) of poses (B, J, 3), smooth at 0."""
    return ((pose - truth).square().sum(-1) + _SMOOTH**2).sqrt()


def paper_loss(prediction: Tensor, target: Tensor, condition: Tensor) -> Tensor:
    """Return the released code's loss: weighted L1 on the noise and on the reconstructed 2D condition.

    Args:
        prediction: (B, J, 5) of a ``paper`` denoiser, J 17 or 16.
        target: (B, J, 3) noise.
        condition: (B, J, 2).
    """
    weights = joint_weights(prediction.shape[1]).to(prediction)[:, None]
    channels = torch.tensor([1.0] * 3 + [_CONDITION_WEIGHT] * 2).to(prediction)
    error = (prediction - torch.cat((target, condition), -1)).abs()
    return (weights * channels * error).mean()


def joint_weights(joints: int) -> Tensor:
    """Return each joint's weight (J,): limbs count more the further out they are."""
    names = [H36M17[j] for j in (range(17) if joints == 17 else NO_NECK)]
    return torch.tensor([_JOINT_WEIGHTS.get(name.split("_")[-1], 1.0) for name in names])
