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

"""Speed and separation monitoring against what the equation says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from support.people import STANDING

from diffupose_ros.lifting.uncertainty import radius2
from diffupose_ros.planning import PARTS, Links, Settings, bodies, separation
from diffupose_ros.skeleton import H36M17

POSE, STATURE = STANDING[None], np.array([1.75])
NOTHING = np.zeros((1, 17, 3, 3))
STILL = np.zeros((1, 17, 3))
SETTINGS = Settings()


def links(*places: tuple[float, float, float], radius: float = 0.1) -> Links:
    """Return balls about places."""
    return Links(np.array(places, float).reshape(-1, 3), np.full(len(places), radius))


def far(distance: float) -> Links:
    """Return a ball in front of (along x) the person, whose surface is ``distance`` from the nearest part."""
    body, place = bodies(POSE, STATURE), np.array([5.0, 0, 1.0])
    for _ in range(50):
        place[0] -= body.distance(place[None, None]).min() - 0.1 - distance
    return links(tuple(place))


def result(robot: Links, settings: Settings = SETTINGS, **changes):
    """Return the separation of the standing person."""
    arguments = {
        "covariance": NOTHING, "velocities": STILL, "velocity_covariance": NOTHING, "age": 0.0, **changes,
    }  # fmt: skip
    age = arguments.pop("age")
    return separation(POSE, **arguments, stature=STATURE, links=robot, settings=settings, age=age)


def test_nobody_and_no_robot_need_nothing():
    empty = np.zeros((0, 17, 3)), np.zeros((0, 17, 3, 3))
    assert separation(*empty, *empty, np.zeros(0), links((1, 0, 0)), SETTINGS).scale == 1
    assert result(links()).scale == 1


def test_somebody_far_away_lets_it_run_and_somebody_near_stops_it():
    assert result(far(10.0)).scale == 1
    assert result(far(0.05)).scale == 0
    inside = result(far(-0.2))
    assert inside.scale == 0 and inside.distance < 0


@pytest.mark.parametrize("scale", [0.25, 0.5, 0.9])
def test_the_scale_is_where_the_equation_is_met(scale):
    needed = SETTINGS.protective_distance(scale, SETTINGS.least_human_speed, 0.0, 0.1)
    # By hand: v_h (T_r + T_s) + v_r T_r + v_r T_s / 2 + C + Z_d + Z_r, T_r = 0.1 + 0.1, T_s = 0.3 scale.
    assert needed == pytest.approx(0.5 * (0.2 + 0.3 * scale) + scale * 0.2 + scale * 0.3 * scale / 2 + 0.02)
    assert result(far(needed + 1e-3), age=0.1).scale == pytest.approx(scale, abs=0.011)


def test_whoever_comes_nearer_needs_more_room_and_who_leaves_no_less_than_the_least():
    still, coming, going = (
        result(far(1.0), velocities=np.broadcast_to(np.array([v, 0, 0]), (1, 17, 3))) for v in (0.0, 2.0, -2.0)
    )
    assert coming.needed == pytest.approx(still.needed + 1.5 * 0.4, abs=0.02)  # 2.0 in place of 0.5 m/s
    assert going.needed == pytest.approx(still.needed)


def test_what_is_not_known_of_a_speed_counts_as_speed():
    spread = 0.5
    uncertain = result(far(1.0), velocity_covariance=NOTHING + spread**2 * np.eye(3))
    bound = norm.ppf(SETTINGS.probability) * spread
    assert uncertain.needed - result(far(1.0)).needed == pytest.approx((bound - 0.5) * 0.4, abs=1e-6)
    unknown = result(far(1.0), velocities=np.full((1, 17, 3), np.nan))
    assert unknown.needed - result(far(1.0)).needed == pytest.approx((1.6 - 0.5) * 0.4, abs=1e-6)


def test_what_is_not_known_of_a_place_counts_as_nearness():
    deviation = 0.1
    uncertain = result(far(1.0), covariance=NOTHING + deviation**2 * np.eye(3))
    assert uncertain.needed - result(far(1.0)).needed == pytest.approx(deviation * np.sqrt(radius2(0.95)), abs=1e-6)


def test_the_nearest_of_all_links_and_people_decides():
    wrist = POSE[0, 13]
    two = separation(
        np.concatenate([POSE + (0, 0, 50), POSE]), *(np.concatenate([x, x]) for x in (NOTHING, STILL, NOTHING)),
        np.repeat(STATURE, 2), links((90, 0, 0), tuple(wrist + (0, 0.6, 0))), replace(SETTINGS, robot_speed=0.5),
    )  # fmt: skip
    assert (two.person, two.link) == (1, 1)
    assert PARTS[two.part].name.startswith("left_")


def test_positions_that_are_no_numbers_stop_it():
    assert result(far(5.0), covariance=np.full((1, 17, 3, 3), np.nan)).scale == 0


@pytest.mark.parametrize("unsure", ["covariance", "velocity_covariance", "velocities"])
def test_the_end_of_a_part_that_is_not_the_nearest_counts_as_well(unsure):
    neck, head = (H36M17.index(joint) for joint in ("neck", "head"))
    behind = links(tuple(POSE[0, neck] + (0, 0.9, -0.2)))
    of_head = np.zeros((1, 17, 3, 3)[: 3 if unsure == "velocities" else 4])
    of_head[:, head] = (0, 3.0, 0) if unsure == "velocities" else 2.0**2 * np.eye(3)
    nearest = bodies(POSE, STATURE).nearest(behind.centres[None])[0, 0, 0]
    assert PARTS[0].name == "head" and nearest == 0  # the neck
    assert result(behind, **{unsure: of_head}).scale < 0.5 * result(behind).scale


def test_a_speed_without_bounds_stops_it_and_none_is_below_the_least():
    with np.errstate(invalid="ignore"):
        assert result(far(5.0), velocities=np.full((1, 17, 3), np.inf)).scale == 0
    fast, unknown = replace(SETTINGS, least_human_speed=3.0), np.full((1, 17, 3), np.nan)
    assert result(far(1.0), fast, velocities=unknown).needed == pytest.approx(result(far(1.0), fast).needed)


def test_a_small_probability_makes_no_speed_smaller_than_it_is_thought():
    coming, spread = np.broadcast_to((1.5, 0, 0), (1, 17, 3)), NOTHING + 0.5**2 * np.eye(3)
    rarely = replace(SETTINGS, probability=0.01)
    unsure, sure = (result(far(1.0), rarely, velocities=coming, velocity_covariance=c) for c in (spread, NOTHING))
    assert unsure.needed == pytest.approx(sure.needed)


def test_data_of_the_future_are_refused():
    with pytest.raises(ValueError, match="age: expected 0 s or more, got -1"):
        result(far(5.0), age=-1.0)
