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

import torch
from torch import Tensor

from diffupose_ros.lifting.sampler import NO_NECK
from diffupose_ros.skeleton import H36M17
from diffupose_ros.training.batches import Batch
from diffupose_ros.training.config import TrainConfig

Forward = Callable[..., Tensor]
Loss = Callable[[Forward, Batch], Tensor]

_JOINT_WEIGHTS = {"neck": 2.0, "knee": 2.0, "elbow": 2.0, "ankle": 4.0, "wrist": 4.0}
_CONDITION_WEIGHT = 0.8


def loss_of(config: TrainConfig) -> Loss:
    """Return the loss of a batch as a function of the network's forward pass."""
    scale, process = config.diffusion.pose_scale, config.diffusion.process()

    def regression(forward: Forward, batch: Batch) -> Tensor:
        return (forward(batch.features) - batch.poses / scale).square().mean()

    def diffusion(forward: Forward, batch: Batch) -> Tensor:
        x, target = process.add_noise(batch.poses / scale, batch.noise, batch.t)
        prediction = forward(x, batch.features, batch.t)
        if config.loss == "paper":
            return paper_loss(prediction, target, batch.features)
        return (prediction[..., :3] - target).square().mean()

    return regression if config.model.kind == "regressor" else diffusion


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
