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

"""The diffusion process: noise schedules and the DDPM and DDIM samplers.

It knows nothing of networks: a denoiser is a function of the noisy sample and the time step that
returns the noise, the velocity or the clean sample. Sources: DDPM, Ho et al. 2020; DDIM, Song et al. 2021;
cosine schedule, Nichol and Dhariwal 2021; velocity, Salimans and Ho 2022.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Prediction = Literal["epsilon", "velocity", "correction"]
"""What a network returns: noise, velocity, or how far the sample is from a ``prior``, from which x0 is then made."""
Schedule = Literal["cosine", "linear"]
Denoise = Callable[[Tensor, int], Tensor]
"""(noisy sample, time step) -> prediction of the same shape."""


@dataclass(frozen=True)
class DdimStep:
    """One step of DDIM without added noise, as the factors of its two sums.

    Attributes:
        t: time step of the denoiser's evaluation.
        sample: factor of x_t in x0.
        prediction: factor of the denoiser's prediction in x0; what follows is clamped, if at all.
        kept: factor of x_t in the next sample; 0 in the last step, which returns x0.
        clean: factor of x0 in the next sample.
    """

    t: int
    sample: float
    prediction: float
    kept: float
    clean: float


def cosine_betas(steps: int, s: float = 0.008) -> npt.NDArray[np.float64]:
    """Return beta_t (T,) of the cosine schedule, clipped at 0.999."""
    t = np.linspace(0, steps, steps + 1) / steps
    alpha_bar = np.cos((t + s) / (1 + s) * np.pi / 2) ** 2
    return np.asarray(np.clip(1 - alpha_bar[1:] / alpha_bar[:-1], 0, 0.999))


def linear_betas(steps: int) -> npt.NDArray[np.float64]:
    """Return beta_t (T,) of the linear schedule, DDPM's end points scaled from 1,000 steps to T."""
    return np.clip(np.linspace(0.1 / steps, 20 / steps, steps), 0, 0.999)


class Diffusion:
    """A schedule of T steps and what is sampled with it.

    Args:
        steps: T.
        schedule: ``cosine`` or ``linear``.
        prediction: what the network returns, ``epsilon`` (the paper), ``velocity`` or ``correction``; with the
            last a denoiser, here, returns x0.
        clamp: bound on |x0| while sampling; None for none. (The released code clamps to 1 m, which
            clips raised hands.)
    """

    def __init__(
        self,
        steps: int = 100,
        schedule: Schedule = "cosine",
        prediction: Prediction = "velocity",
        clamp: float | None = None,
    ) -> None:
        self.steps, self.prediction, self.clamp = steps, prediction, clamp
        if schedule not in ("cosine", "linear") or prediction not in get_args(Prediction):
            raise ValueError(f"unknown schedule {schedule!r} or prediction {prediction!r}")
        betas = cosine_betas(steps) if schedule == "cosine" else linear_betas(steps)
        alpha_bar = np.cumprod(1 - betas)
        previous = np.append(1.0, alpha_bar[:-1])
        # Computed in float64 and rounded once, as in the released code.
        self.betas = betas.astype(np.float32)
        self.alpha_bar = alpha_bar.astype(np.float32)
        self.signal = np.sqrt(alpha_bar).astype(np.float32)
        self.noise = np.sqrt(1 - alpha_bar).astype(np.float32)
        self.posterior_x0 = (betas * np.sqrt(previous) / (1 - alpha_bar)).astype(np.float32)
        self.posterior_xt = ((1 - previous) * np.sqrt(1 - betas) / (1 - alpha_bar)).astype(np.float32)
        self.posterior_std = np.sqrt(betas * (1 - previous) / (1 - alpha_bar)).astype(np.float32)

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noisy sample x_t (DDPM eq. 4) and what the denoiser shall predict from it.

        Args:
            x0: (B, J, 3).
            noise: like ``x0``, standard normal.
            t: (B,) time steps.
        """
        signal = torch.from_numpy(self.signal).to(x0)[t][:, None, None]
        sigma = torch.from_numpy(self.noise).to(x0)[t][:, None, None]
        targets = {"epsilon": noise, "velocity": signal * noise - sigma * x0, "correction": x0}
        return signal * x0 + sigma * noise, targets[self.prediction]

    def predict_x0(self, x: Tensor, prediction: Tensor, t: int) -> Tensor:
        """Return the clean sample that the denoiser's prediction at x_t stands for."""
        of_sample, of_prediction = self._factors(t)
        x0 = of_sample * x + of_prediction * prediction
        return x0 if self.clamp is None else x0.clamp(-self.clamp, self.clamp)

    def _factors(self, t: int) -> tuple[float, float]:
        """Factors of x_t and of the denoiser's prediction in x0."""
        signal, noise = float(self.signal[t]), float(self.noise[t])
        factors = {"epsilon": (1 / signal, -noise / signal), "velocity": (signal, -noise), "correction": (0.0, 1.0)}
        return factors[self.prediction]

    def timesteps(self, steps: int) -> list[int]:
        """Return ``steps`` time steps, evenly spread and always from T - 1 on; the last is T / steps - 1.

        A step at t = 0 would be spent on a sample without noise: with few steps these are measurably better than
        those down to 0 (docs/quality.md). "Trailing" in Lin et al., "Common Diffusion Noise Schedules and Sample
        Steps are Flawed", WACV 2024.

        Raises:
            ValueError: ``steps`` not in 1..T.
        """
        if not 1 <= steps <= self.steps:
            raise ValueError(f"steps: expected 1 to {self.steps}, got {steps}")
        return [round(self.steps * (1 - i / steps)) - 1 for i in range(steps)]

    def ddim_steps(self, steps: int) -> list[DdimStep]:
        """Return the steps of DDIM without added noise (eq. 12 with sigma 0), as numbers.

        Raises:
            ValueError: ``steps`` not in 1..T.
        """
        times = self.timesteps(steps)
        taken = []
        for t, following in zip(times, [*times[1:], -1], strict=True):
            kept, clean = 0.0, 1.0
            if following >= 0:
                kept = float(self.noise[following]) / float(self.noise[t])
                clean = float(self.signal[following]) - kept * float(self.signal[t])
            taken.append(DdimStep(t, *self._factors(t), kept, clean))
        return taken

    def ddim(self, denoise: Denoise, x: Tensor, steps: int) -> Tensor:
        """Sample with DDIM without added noise.

        Args:
            denoise: the denoiser.
            x: x_T, standard normal, any shape.
            steps: number of denoiser evaluations, 1 to T.

        Returns:
            x0, of the shape of ``x``.
        """
        for step in self.ddim_steps(steps):
            x0 = self.predict_x0(x, denoise(x, step.t), step.t)
            x = step.kept * x + step.clean * x0
        return x

    def ddpm(self, denoise: Denoise, x: Tensor, draw: Callable[[int], Tensor]) -> Tensor:
        """Sample with DDPM (algorithm 2): T denoiser evaluations.

        Args:
            denoise: the denoiser.
            x: x_T, standard normal, any shape.
            draw: returns standard normal noise of the shape of ``x`` for the step at t.

        Returns:
            x0, of the shape of ``x``.
        """
        for t in reversed(range(self.steps)):
            x0 = self.predict_x0(x, denoise(x, t), t)
            x = float(self.posterior_x0[t]) * x0 + float(self.posterior_xt[t]) * x
            if t > 0:
                x = x + float(self.posterior_std[t]) * draw(t)
        return x
