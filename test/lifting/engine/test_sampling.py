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

"""The noise of the hypotheses: a matter of the seed alone."""

import numpy as np
import pytest

from diffupose_ros.lifting.engine.sampling import Noise, Room, Sampling


@pytest.mark.parametrize("joints", [16, 17])
def test_noise_is_normal_and_centred(joints: int) -> None:
    draw = Noise(Sampling(2000, 5, seed=3), joints)
    for noise in (draw(), draw()):  # what DDPM draws further too
        assert noise.dtype == np.float32 and noise.shape == (2000, joints, 3)
        np.testing.assert_allclose(noise.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(noise.std(0), 1, atol=0.06)
    assert not np.allclose(draw(), noise)


def test_a_seed_gives_the_same_noise_and_none_a_fresh_one() -> None:
    def noise(seed: int | None) -> np.ndarray:
        return Noise(Sampling(4, 5, seed=seed), 17)()

    np.testing.assert_array_equal(noise(1), noise(1))
    assert (noise(1) != noise(2)).all() and (noise(None) != noise(None)).all()


def test_a_single_hypothesis_is_not_centred() -> None:
    assert Noise(Sampling(1, 5, seed=0), 17)().any()


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="seed: expected a whole number from 0 on, or None, got -1"):
        Noise(Sampling(1, 5, seed=-1), 17)


def test_so_many_people_are_drawn_at_once_as_rows_and_most_allow() -> None:
    def sizes(room: Room, people: int, hypotheses: int) -> list[int]:
        drawn: list[int] = []
        room.draw(people, hypotheses, lambda part: drawn.append(part.stop - part.start) or np.zeros((drawn[-1], 1)))
        return drawn

    assert sizes(Room(100, bool), 12, 20) == [4, 4, 4]  # of like size, 5 at most
    assert sizes(Room(100, bool, 3), 7, 20) == [3, 2, 2] and sizes(Room(100, bool, 3), 2, 20) == [2]
    assert sizes(Room(100, bool), 2, 200) == [1, 1]
