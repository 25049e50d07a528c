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
"""The Kalman filter's equations, against the textbook's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffupose_ros.estimation.kalman import Gaussian, predict, update

NO_GATE = 1e12


def _covariance(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    root = rng.normal(size=(*shape, shape[-1])) * scale
    return root @ np.swapaxes(root, -1, -2) + 0.01 * scale**2 * np.eye(shape[-1])


@pytest.mark.parametrize(("states", "dimension", "measured"), [((), 4, 2), ((5,), 3, 1), ((2, 3), 7, 3)])
def test_an_update_is_that_of_the_information_form(states: tuple[int, ...], dimension: int, measured: int) -> None:
    rng = np.random.default_rng(dimension)
    prior = Gaussian(rng.normal(size=(*states, dimension)), _covariance(rng, *states, dimension))
    H, R = rng.normal(size=(*states, measured, dimension)), _covariance(rng, *states, measured)
    z = rng.normal(size=(*states, measured))
    found, gain = update(prior, H, z - (H @ prior.mean[..., None])[..., 0], R, NO_GATE)
    weighted = np.swapaxes(H, -1, -2) @ np.linalg.inv(R)
    information = np.linalg.inv(prior.covariance)
    covariance = np.linalg.inv(information + weighted @ H)
    mean = covariance @ (information @ prior.mean[..., None] + weighted @ z[..., None])
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-9)
    np.testing.assert_allclose(found.mean, mean[..., 0], atol=1e-9)
    np.testing.assert_allclose(gain, covariance @ weighted, atol=1e-9)


def test_a_prediction_is_linear_and_noise_is_added() -> None:
    rng = np.random.default_rng(0)
    F, Q, prior = rng.normal(size=(4, 4)), _covariance(rng, 4), Gaussian(rng.normal(size=4), _covariance(rng, 4))
    samples = rng.multivariate_normal(prior.mean, prior.covariance, 200_000) @ F.T
    samples += rng.multivariate_normal(np.zeros(4), Q, len(samples))
    found = predict(prior, F, Q)
    np.testing.assert_allclose(found.mean, samples.mean(0), atol=0.05)
    np.testing.assert_allclose(found.covariance, np.cov(samples.T), rtol=0.05, atol=0.1)


def test_an_outlier_moves_a_state_less_than_one_at_the_gate() -> None:
    prior, gate = Gaussian(np.zeros(2), np.eye(2)), 9.0

    def moved(innovation: float) -> float:
        return float(update(prior, np.eye(2)[:1], np.array([innovation]), np.eye(1), gate)[0].mean[0])

    at_gate = np.sqrt(2 * gate)  # the innovation's variance is 2
    assert moved(at_gate) == pytest.approx(at_gate / 2)
    assert all(0 < moved(factor * at_gate) < moved(at_gate) for factor in (1.1, 3, 100))
    covariance = update(prior, np.eye(2)[:1], np.array([100 * at_gate]), np.eye(1), gate)[0].covariance
    np.testing.assert_allclose(covariance, np.eye(2), atol=1e-3)  # nothing is learned of it


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 7), st.floats(1e-2, 30), st.floats(3e-3, 1), st.floats(0.1, 1e4))
def test_covariances_stay_symmetric_positive_definite_and_shrink(
    seed: int, dimension: int, scale: float, noise: float, gate: float
) -> None:
    rng = np.random.default_rng(seed)
    state = Gaussian(np.zeros(dimension), _covariance(rng, dimension, scale=scale))
    rounding = 1e-12 * np.linalg.eigvalsh(state.covariance).max()
    for _ in range(5):
        H = rng.normal(size=(min(3, dimension), dimension))
        R = noise**2 * np.eye(len(H))
        new, _ = update(state, H, rng.normal(size=len(H)) * scale * 10, R, gate)
        np.testing.assert_array_equal(new.covariance, new.covariance.T)
        assert np.linalg.eigvalsh(new.covariance).min() > -rounding
        assert np.linalg.eigvalsh(state.covariance - new.covariance).min() > -rounding
        state = new
