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

"""DDIM as its paper has it, with the noise that the package leaves out."""

import torch
from torch import Tensor

from diffupose_ros.lifting.networks.diffusion import Denoise, Diffusion


def ddim(
    diffusion: Diffusion,
    denoise: Denoise,
    x: Tensor,
    steps: int,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Sample (eq. 12 and 16).

    Args:
        diffusion: the process.
        denoise: the denoiser.
        x: x_T, standard normal, any shape.
        steps: number of denoiser evaluations, 1 to T.
        eta: 0 deterministic, 1 as random as DDPM.
        generator: source of the noise that ``eta`` > 0 adds.

    Returns:
        x0, of the shape of ``x``.
    """
    times = diffusion.timesteps(steps)
    x0 = x
    for t, following in zip(times, [*times[1:], -1], strict=True):
        x0 = diffusion.predict_x0(x, denoise(x, t), t)
        if following < 0:
            break
        epsilon = (x - float(diffusion.signal[t]) * x0) / float(diffusion.noise[t])
        now, then = float(diffusion.alpha_bar[t]), float(diffusion.alpha_bar[following])
        sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
        x = then**0.5 * x0 + (1 - then - sigma**2) ** 0.5 * epsilon
        if eta > 0:
            x = x + sigma * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return x0
