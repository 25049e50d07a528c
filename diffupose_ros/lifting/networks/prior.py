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

"""What the denoiser corrects: where a pose would be if the proposal's estimate were all that is known.

Were a coordinate of x0 normal about the estimate mu with the deviation s that the proposal expects, then given the
noisy sample x_t = alpha x0 + sigma noise it would be normal about (alpha s^2 x_t + sigma^2 mu) / D with the deviation
s sigma / sqrt(D), where D = alpha^2 s^2 + sigma^2. The denoiser says how far x0 is from that mean, in units of that
deviation. So it need not carry mu through its layers, and its outputs are as large at every time step; compare Karras
et al., "Elucidating the design space of diffusion-based generative models", NeurIPS 2022, where mu is 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor

CHANNELS = 6
"""Of what the denoiser is told of the estimate, for each joint: the pose, and the logarithms of its deviations."""
SMALLEST, LARGEST = 0.01, 2.0
"""Deviation in units of pose_scale: 3 mm to 0.6 m."""


class Prior(NamedTuple):
    """x0 = ``sample`` x_t + ``shift`` + ``correction`` output of the denoiser; each (..., 3)."""

    sample: Tensor
    shift: Tensor
    correction: Tensor

    def x0(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the clean sample (..., 3) that the denoiser's output at x_t stands for."""
        return self.sample * x + self.shift + self.correction * output


def describe(pose: Tensor, covariance: Tensor) -> Tensor:
    """Return what the denoiser is told, (B, J, 6), of a proposal's estimate (B, J, 3) and covariance (B, J, 3, 3)."""
    deviation = covariance.diagonal(dim1=-2, dim2=-1).sqrt().clamp(SMALLEST, LARGEST)
    deviation[:, 0] = SMALLEST  # the root is where it is
    return torch.cat((pose, deviation.log()), -1)


def prior_of(description: Tensor, signal: Tensor | float, noise: Tensor | float) -> Prior:
    """Return the prior of samples of known noise.

    Args:
        description: (..., 6) of ``describe``.
        signal: alpha, the factor of x0 in x_t; must fit (..., 3).
        noise: sigma, that of the noise.
    """
    mean, deviation = description[..., :3], description[..., 3:].exp()
    variance = signal**2 * deviation**2 + noise**2
    return Prior(signal * deviation**2 / variance, noise**2 / variance * mean, noise * deviation / variance.sqrt())
