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

"""The pace of the demo: when the next lower rate is due."""

from diffupose_ros.demo.pace import LOWEST, Pace, kept_up


def counts(inputs: int, results: int, people: int | None = None) -> dict[str, int]:
    return {"skeletons_2d": inputs, "skeletons_3d": results, "people": results if people is None else people}


def test_the_rate_is_halved_down_to_the_lowest_and_a_lower_one_is_told() -> None:
    pace = Pace(30.0, 30.0)
    assert pace.remark() == ""
    rates = []
    while not pace.slowest:
        pace = pace.slower()
        rates.append(pace.rate)
        assert pace.remark() == f"{pace.rate:g} messages a second: with 30 this machine did not keep up."
    assert rates == [15, 7.5, 3.75] and rates[-1] >= LOWEST
    assert Pace(LOWEST, LOWEST).slowest


def test_who_answers_all_but_a_few_keeps_up() -> None:
    before = counts(100, 90)
    assert kept_up(before, counts(160, 150))
    assert kept_up(before, counts(160, 142))  # 52 of 60: two may be under way
    assert not kept_up(before, counts(160, 141))
    assert not kept_up(before, counts(160, 150, people=141))  # the people node lags behind
    assert not kept_up(before, before)  # nothing came at all
