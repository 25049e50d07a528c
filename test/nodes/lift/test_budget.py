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


"""The choice of DDIM steps by a latency budget, with simulated times."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from diffupose_ros.nodes.lift.budget import CHOICES, StepBudget

ONE, FOUR = 20, 80  # sizes of batches


class Machine:
    """A model that takes a simulated time.

    Args:
        noise: spread of the times, relative.

    Attributes:
        slower: how many times slower than it was at the start.
    """

    def __init__(self, noise: float = 0.0) -> None:
        self.slower, self._noise, self._rng = 1.0, noise, np.random.default_rng(0)

    def seconds(self, size: int, steps: int) -> float:
        exact = (0.002 + 0.00005 * size + 0.0001 * size * steps) * self.slower
        return exact * (1 + self._noise * abs(self._rng.normal()))


def warmed(machine: Machine) -> StepBudget:
    """Return a budget that knows the machine's times for one person."""
    budget = StepBudget()
    budget.begin(ONE, {steps: machine.seconds(ONE, steps) for steps in CHOICES})
    return budget


def run(
    budget: StepBudget,
    machine: Machine,
    milliseconds: float,
    calls: int = 60,
    size: Callable[[int], int] = lambda _: ONE,
) -> list[int]:
    """Return the steps that were chosen for some calls, each of which is noted."""
    chosen = []
    for call in range(calls):
        steps = budget.choose(size(call), milliseconds / 1000)
        budget.note(size(call), steps, machine.seconds(size(call), steps))
        chosen.append(steps)
    return chosen


@pytest.mark.parametrize(("milliseconds", "steps"), [(1, 2), (7.5, 2), (15, 5), (30, 10), (50, 20), (10000, 20)])
def test_the_most_steps_that_fit_are_chosen_from_the_first_call_on(milliseconds: float, steps: int) -> None:
    machine = Machine()
    assert set(run(warmed(machine), machine, milliseconds)) == {steps}


def test_whether_even_the_fewest_hold_the_budget_is_told() -> None:
    budget = warmed(Machine())
    assert budget.holds(ONE, 0.0075)
    assert not budget.holds(ONE, 0.005)
    assert not budget.holds(FOUR, 0.0075)
    assert not StepBudget().holds(ONE, 1.0)


def test_without_a_warm_up_it_begins_with_the_fewest_and_goes_up() -> None:
    machine = Machine()
    budget = StepBudget()
    assert not budget.measured
    chosen = run(budget, machine, 60)
    assert chosen[0] == 2
    assert chosen == sorted(chosen)
    assert chosen[-1] == 20
    assert budget.measured


def test_the_first_call_of_a_kind_does_not_count() -> None:
    budget = StepBudget()
    budget.note(ONE, 2, 3.0)
    assert not budget.measured
    budget.note(ONE, 2, 0.01)
    assert budget.predict(ONE, 2) == pytest.approx(0.01)


def test_one_slow_call_in_a_while_changes_nothing() -> None:
    machine = Machine(noise=0.03)
    budget = warmed(machine)
    run(budget, machine, 32)
    for _ in range(5):
        budget.note(ONE, 10, 0.5)
        assert set(run(budget, machine, 32, 25)) == {10}


def test_a_slow_machine_gets_fewer_steps_within_a_few_calls_and_more_when_it_is_fast_again() -> None:
    machine = Machine(noise=0.03)
    budget = warmed(machine)
    assert run(budget, machine, 32)[-1] == 10
    machine.slower = 3.0
    chosen = run(budget, machine, 32)
    assert chosen[5] <= 5
    assert chosen[-1] == 2
    machine.slower = 1.0
    chosen = run(budget, machine, 32, 200)
    assert chosen == sorted(chosen)
    assert chosen[-1] == 10


def test_steps_follow_the_number_of_people() -> None:
    machine = Machine(noise=0.03)
    budget = warmed(machine)
    assert run(budget, machine, 60, 5)[-1] == 20
    crowd = run(budget, machine, 60, 40, lambda _: FOUR)
    assert crowd[0] <= 5  # before any of them was measured
    assert crowd[-1] == 5
    assert machine.seconds(FOUR, 5) < 0.060 < machine.seconds(FOUR, 10)
    between = budget.predict((ONE + FOUR) // 2, 5)
    assert budget.predict(ONE, 5) < between < budget.predict(FOUR, 5)
    assert run(budget, machine, 60, 60)[-1] == 20


def test_people_who_come_and_go_do_not_make_it_flap() -> None:
    machine = Machine(noise=0.03)
    chosen = run(warmed(machine), machine, 60, 300, lambda call: ONE if call % 2 else FOUR)
    assert set(chosen[10:]) == {5}


@pytest.mark.parametrize("milliseconds", [13.5, 14, 14.5, 24, 25, 26, 27, 44, 46])
def test_near_a_limit_it_does_not_flap(milliseconds: float) -> None:
    machine = Machine(noise=0.05)
    chosen = run(warmed(machine), machine, milliseconds, 1000)
    changes = sum(a != b for a, b in itertools.pairwise(chosen))
    assert changes <= 6


def test_hardly_any_call_exceeds_the_budget() -> None:
    for milliseconds in (12, 20, 30, 60):
        machine = Machine(noise=0.1)
        budget = warmed(machine)
        late = 0
        for _ in range(1000):
            steps = budget.choose(ONE, milliseconds / 1000)
            seconds = machine.seconds(ONE, steps)
            budget.note(ONE, steps, seconds)
            late += seconds > milliseconds / 1000
        assert late <= 60


def test_another_budget_takes_effect_down_at_once_and_up_step_by_step() -> None:
    machine = Machine()
    budget = warmed(machine)
    assert run(budget, machine, 60)[-1] == 20
    assert set(run(budget, machine, 7.5)) == {2}
    chosen = run(budget, machine, 60, 50)
    assert [steps for steps, _ in itertools.groupby(chosen)] == [2, 5, 10, 20]


def test_a_warm_up_whose_times_fall_with_the_steps_still_gives_an_estimate() -> None:
    budget = StepBudget()
    budget.begin(ONE, {2: 0.02, 5: 0.012, 10: 0.011, 20: 0.01})
    assert 0 < budget.predict(ONE, 2) < budget.predict(ONE, 20)
    machine = Machine()
    assert run(budget, machine, 60, 400)[-1] == 20
