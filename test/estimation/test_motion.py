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
"""How joints are predicted, and how that is learned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffupose_ros.data.clips import load_clips
from diffupose_ros.estimation.motion import Motion, load_motion
from diffupose_ros.resources import resource_path
from diffupose_ros.training.motion import HORIZONS, learn_motion

MOTION = load_motion()


def _table(*values: float) -> np.ndarray:
    return np.tile(np.array(values)[:, None], 17)


SIMPLE = Motion(
    np.array([0, 0.1, 0.5, 1.0]), _table(1, 1, 0.8, 0.6), _table(1, 0.9, 0.5, 0.2), _table(1, 1, 2, 3),
    _table(0, 0, 0, 0), _table(4, 4, 5, 6),
)  # fmt: skip


def _transition(motion: Motion, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return motion.over(seconds, np.ones((len(seconds), 17)))[:2]


def _noise(motion: Motion, seconds: np.ndarray, speed: np.ndarray) -> np.ndarray:
    return motion.over(seconds, speed**2)[2]


def test_between_horizons_it_is_interpolated_and_beyond_them_constant() -> None:
    displaced, kept = _transition(SIMPLE, np.array([0.05, 0.1, 0.3, 1.0, 4.0]))
    np.testing.assert_allclose(displaced[:, 3], [0.05, 0.1, 0.3 * 0.9, 0.6, 0.6])
    np.testing.assert_allclose(kept[:, 3], [0.95, 0.9, 0.7, 0.2, 0.2])


@pytest.mark.parametrize("motion", [SIMPLE, MOTION], ids=["simple", "shipped"])
def test_now_is_now(motion: Motion) -> None:
    displaced, kept = _transition(motion, np.zeros(2))
    np.testing.assert_array_equal(displaced, 0)
    np.testing.assert_array_equal(kept, 1)
    np.testing.assert_array_equal(_noise(motion, np.zeros(2), np.ones((2, 17))), 0)


@given(st.floats(1e-4, 20), st.floats(0, 15))
def test_noise_is_positive_semidefinite(seconds: float, speed: float) -> None:
    noise = _noise(MOTION, np.array([seconds]), np.full((1, 17), speed))
    assert noise.shape == (1, 17, 2, 2)
    deviation = np.sqrt(noise[..., [0, 1], [0, 1]])
    assert (deviation > 0).all()
    assert (np.abs(noise[..., 0, 1]) <= deviation.prod(-1) * (1 + 1e-9)).all()


@given(st.floats(0.01, 0.2), st.floats(0.05, 5))
def test_noise_grows_with_time_and_speed(seconds: float, speed: float) -> None:
    def position(seconds: float, speed: float) -> np.ndarray:
        return _noise(MOTION, np.array([seconds]), np.full((1, 17), speed))[0, :, 0, 0]

    assert (position(1.3 * seconds, speed) > position(seconds, speed)).all()
    assert (position(seconds, 1.3 * speed) > position(seconds, speed)).all()


def test_nobody_is_stiller_than_still() -> None:
    still, slow = (_noise(MOTION, np.array([0.2]), np.full((1, 17), speed)) for speed in (0.0, 1e-3))
    np.testing.assert_array_equal(still, slow)


def test_the_motion_that_ships_is_sane() -> None:
    for table in (MOTION.carried, MOTION.kept, MOTION.position_noise, MOTION.cross_noise, MOTION.velocity_noise):
        assert table.shape == (len(MOTION.horizons), 17) and np.isfinite(table).all()
    assert (np.diff(MOTION.horizons) > 0).all() and MOTION.horizons[0] == 0 and MOTION.horizons[-1] >= 1
    np.testing.assert_allclose(MOTION.carried[0], 1, atol=0.05)
    assert (np.abs(MOTION.carried) < 1.1).all() and (np.abs(MOTION.kept[1:]) < 1).all()
    assert (MOTION.carried[-1] < MOTION.carried[0]).all()
    assert (MOTION.carried[-1, 0] > MOTION.carried[-1, 1:]).all()  # bodies go on, limbs swing back


def _process(clips: int, frames: int, memory: float, deviation: float, seed: int = 0) -> dict[str, np.ndarray]:
    """People whose pelves' velocities are an Ornstein-Uhlenbeck process; their joints do alike."""
    rng = np.random.default_rng(seed)
    fine, kept = 4, np.exp(-1 / (30 * 4 * memory))
    velocity = np.empty((clips, frames * fine, 17, 3))
    velocity[:, 0] = rng.normal(size=(clips, 17, 3))
    for i in range(1, frames * fine):
        velocity[:, i] = kept * velocity[:, i - 1] + np.sqrt(1 - kept**2) * rng.normal(size=(clips, 17, 3))
    position = np.cumsum(deviation * velocity, 1)[:, ::fine] / (30 * fine)
    position[:, :, 1:] += position[:, :, :1]
    return {str(i): clip for i, clip in enumerate(position)}


def test_a_simulated_process_is_learned() -> None:
    memory = 0.5
    learned = learn_motion(_process(30, 400, memory, 0.8))
    np.testing.assert_allclose(learned.horizons, HORIZONS)
    h = learned.horizons[3:, None]  # differences over two frames blur the shortest
    np.testing.assert_allclose(learned.kept[3:], np.broadcast_to(np.exp(-h / memory), (len(h), 17)), atol=0.1)
    carried = memory / h * (1 - np.exp(-h / memory))
    np.testing.assert_allclose(learned.carried[3:], np.broadcast_to(carried, (len(h), 17)), atol=0.1)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.0])
def test_what_was_learned_holds_nine_in_ten(seconds: float) -> None:
    learned = learn_motion(_process(30, 300, 0.5, 0.8))
    fresh = np.stack(list(_process(60, 150, 0.5, 0.8, seed=1).values()))[:, :, 0]
    now, then = 45, 45 + round(30 * seconds)
    velocity = (fresh[:, now + 1] - fresh[:, now - 1]) * 15
    displaced, _ = _transition(learned, np.full(len(fresh), seconds))
    speed = np.tile(np.linalg.norm(velocity, axis=-1)[:, None], 17)
    noise = _noise(learned, np.full(len(fresh), seconds), speed)[:, 0, 0, 0]
    off = fresh[:, then] - fresh[:, now] - displaced[:, :1] * velocity
    assert 0.8 <= ((off**2).sum(-1) <= 6.2514 * noise).mean() <= 0.98


def test_real_people_are_learned() -> None:
    learned = learn_motion(load_clips(resource_path("resource/clips/people.npz")))
    np.testing.assert_allclose(learned.carried[0], 1, atol=0.05)
    assert (learned.carried[-1] < learned.carried[0]).all()
    assert (learned.position_noise > 0).all() and (learned.velocity_noise > 0).all()
    assert (learned.cross_noise**2 <= learned.position_noise * learned.velocity_noise * (1 + 1e-9)).all()


def test_short_clips_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no clip of \d+ frames"):
        learn_motion({"short": np.zeros((50, 17, 3))})
    with pytest.raises(ValueError, match="no clip"):
        learn_motion({})
