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

"""Noise schedules and samplers."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.ddim import ddim

from diffupose_ros.lifting.checkpoint import import_official
from diffupose_ros.lifting.networks.diffusion import Diffusion, cosine_betas, linear_betas

PREDICTIONS = ("epsilon", "velocity", "correction")
SCHEDULES = ("cosine", "linear")


def oracle(diffusion: Diffusion, x0: torch.Tensor):
    """The denoiser that knows x0."""

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        signal, noise = float(diffusion.signal[t]), float(diffusion.noise[t])
        epsilon = (x - signal * x0) / noise
        answers = {"epsilon": epsilon, "velocity": signal * epsilon - noise * x0, "correction": x0}
        return answers[diffusion.prediction]

    return denoise


def gaussian(diffusion: Diffusion, mean: float, deviation: float):
    """The best possible denoiser of data that are normal with this mean and deviation."""

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        signal, noise = float(diffusion.signal[t]), float(diffusion.noise[t])
        epsilon = noise * (x - signal * mean) / (signal**2 * deviation**2 + noise**2)
        x0 = (x - noise * epsilon) / signal
        return epsilon if diffusion.prediction == "epsilon" else signal * epsilon - noise * x0

    return denoise


def test_released_schedule_is_reproduced(vectors) -> None:
    diffusion = Diffusion(100, "cosine", "epsilon", clamp=1.0)
    pairs = {
        "betas": diffusion.betas,
        "alphas_cumprod": diffusion.alpha_bar,
        "posterior_mean_coef1": diffusion.posterior_x0,
        "posterior_mean_coef2": diffusion.posterior_xt,
    }
    for name, ours in pairs.items():
        np.testing.assert_array_max_ulp(ours, vectors[name], 1)
    log_variance = np.log(np.maximum(diffusion.posterior_std.astype(float) ** 2, 1e-20))
    np.testing.assert_allclose(log_variance, vectors["posterior_log_variance_clipped"], rtol=1e-5)
    # The released code divides by the signal in another order.
    np.testing.assert_allclose(1 / diffusion.signal, vectors["sqrt_recip_alphas_cumprod"], rtol=1e-6)
    np.testing.assert_allclose(diffusion.noise / diffusion.signal, vectors["sqrt_recipm1_alphas_cumprod"], rtol=1e-6)


def test_released_ddpm_run_is_reproduced(official_file, vectors) -> None:
    checkpoint = import_official(official_file)
    model, condition = checkpoint.build(), torch.from_numpy(vectors["cond"])
    entered = {}

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        entered[t] = x.clone()
        return model(x, condition, torch.tensor([t]))[..., :3]

    with torch.inference_mode():
        x0 = checkpoint.diffusion.process().ddpm(
            denoise, torch.from_numpy(vectors["x_T"]), lambda t: torch.from_numpy(vectors["noises"][t])
        )
    for t in (99, 98, 90, 50, 10, 1):
        np.testing.assert_allclose(entered[t - 1], vectors[f"x_after_t{t}"], rtol=0, atol=1e-5, err_msg=f"t = {t}")
    np.testing.assert_allclose(x0, vectors["x_after_t0"], rtol=0, atol=1e-5)


def test_cosine_schedule_by_hand() -> None:
    def f(t: float) -> float:
        return np.cos((t / 100 + 0.008) / 1.008 * np.pi / 2) ** 2

    betas = cosine_betas(100)
    assert betas[49] == pytest.approx(1 - f(50) / f(49))
    assert betas[99] == 0.999
    assert Diffusion(100, "cosine").alpha_bar[[0, 99]] == pytest.approx([0.99937, 2.43e-7], rel=2e-3)


def test_linear_schedule_is_ddpms_at_1000_steps() -> None:
    np.testing.assert_allclose(linear_betas(1000), np.linspace(1e-4, 0.02, 1000))
    assert Diffusion(100, "linear").alpha_bar[99] < 1e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [10, 100, 1000])
def test_every_schedule_goes_from_signal_to_noise(schedule: str, steps: int) -> None:
    diffusion = Diffusion(steps, schedule)
    assert len(diffusion.betas) == steps
    assert ((diffusion.betas > 0) & (diffusion.betas < 1)).all()
    assert (np.diff(diffusion.alpha_bar) < 0).all() and diffusion.alpha_bar[-1] < 0.01
    np.testing.assert_allclose(diffusion.signal**2 + diffusion.noise**2, 1, rtol=1e-6)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_noise_is_added_as_in_the_papers_and_undone_by_its_target(prediction: str) -> None:
    diffusion = Diffusion(prediction=prediction)
    x0, noise, t = torch.randn(4, 17, 3), torch.randn(4, 17, 3), torch.tensor([0, 10, 50, 80])
    x, target = diffusion.add_noise(x0, noise, t)
    for i, step in enumerate(t.tolist()):
        alpha_bar = float(diffusion.alpha_bar[step])
        torch.testing.assert_close(x[i], alpha_bar**0.5 * x0[i] + (1 - alpha_bar) ** 0.5 * noise[i])
        torch.testing.assert_close(diffusion.predict_x0(x[i], target[i], step), x0[i], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_clamp_bounds_x0_and_none_does_not(prediction: str) -> None:
    x, x0 = torch.randn(2, 17, 3), torch.full((2, 17, 3), 2.5)
    for clamp, expected in ((1.0, 1.0), (None, 2.5)):
        diffusion = Diffusion(prediction=prediction, clamp=clamp)
        found = diffusion.predict_x0(x, oracle(diffusion, x0)(x, 30), 30)
        torch.testing.assert_close(found, torch.full_like(x0, expected), rtol=1e-4, atol=1e-4)


@given(st.integers(1, 300), st.data())
def test_timesteps_fall_evenly_from_the_last(total: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(1, total))
    times = Diffusion(total).timesteps(steps)
    assert len(times) == steps and times[0] == total - 1
    gaps = {a - b for a, b in itertools.pairwise([*times, -1])}
    assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("steps", [0, -1, 101])
def test_more_or_fewer_steps_than_there_are_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 100, got {steps}"):
        Diffusion(100).timesteps(steps)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddim_with_a_perfect_denoiser_returns_the_truth_for_any_number_of_steps(schedule: str, prediction: str) -> None:
    diffusion = Diffusion(100, schedule, prediction)
    generator = torch.Generator().manual_seed(0)
    x0, x_T = torch.randn(2, 3, 17, 3, generator=generator, dtype=torch.float64).unbind()
    for steps in (1, 2, 3, 5, 10, 33, 50, 99, 100):
        found = diffusion.ddim(oracle(diffusion, x0), x_T, steps)
        torch.testing.assert_close(found, x0, rtol=0, atol=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("clamp", [None, 0.5])
@pytest.mark.parametrize("prediction", ["epsilon", "velocity"])
def test_ddim_is_that_of_its_paper(schedule: str, clamp: float | None, prediction: str) -> None:
    diffusion = Diffusion(100, schedule, prediction, clamp)
    denoise = gaussian(diffusion, 0.5, 0.4)
    x_T = torch.randn(4, 17, 3, generator=torch.Generator().manual_seed(0))
    for steps in (1, 2, 5, 20, 100):
        ours = diffusion.ddim(denoise, x_T, steps)
        torch.testing.assert_close(ours, ddim(diffusion, denoise, x_T, steps), rtol=0, atol=1e-4)


def test_ddim_calls_the_denoiser_once_for_each_timestep() -> None:
    diffusion, called = Diffusion(100), []

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        called.append(t)
        return torch.zeros_like(x)

    diffusion.ddim(denoise, torch.randn(1, 17, 3), 5)
    assert called == diffusion.timesteps(5) == [99, 79, 59, 39, 19]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddpm_is_ddim_with_eta_1_and_all_steps(schedule: str, prediction: str) -> None:
    diffusion = Diffusion(100, schedule, prediction)
    denoise = gaussian(diffusion, 0.7, 0.3)
    x_T = torch.randn(50, 17, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    textbook = ddim(diffusion, denoise, x_T, 100, eta=1, generator=torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(2)
    ours = diffusion.ddpm(denoise, x_T, lambda t: torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype))
    torch.testing.assert_close(ours, textbook, rtol=0, atol=1e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_samples_have_the_mean_and_the_deviation_of_the_data(schedule: str, sampler: str) -> None:
    diffusion = Diffusion(300, schedule, "epsilon")  # enough steps for the discrete chain to be the continuous one
    denoise, generator = gaussian(diffusion, 0.7, 0.3), torch.Generator().manual_seed(0)
    x_T = torch.randn(20_000, dtype=torch.float64, generator=generator)
    if sampler == "ddpm":
        x0 = diffusion.ddpm(denoise, x_T, lambda t: torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype))
    else:
        x0 = diffusion.ddim(denoise, x_T, 300)
    assert x0.mean() == pytest.approx(0.7, abs=0.01)
    assert x0.std() == pytest.approx(0.3, abs=0.02)
