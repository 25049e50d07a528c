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

"""Bodies that come one by one, gathered into frames: every order, bodies that are missing, leave and come."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffupose_ros.nodes.hri.gather import PATIENCE, RESTART, FrameGatherer, GatheredFrame


class Gatherer(FrameGatherer[str]):
    """A gatherer of texts that name body and stamp; keeps what it counts."""

    def __init__(self, *ids: str) -> None:
        self.counted: Counter[str] = Counter()
        super().__init__(lambda event: self.counted.update([event]))
        assert not self.track(ids, 0)

    def come(self, body: str, stamp: int) -> list[tuple[int, str]]:
        """Let a body come; return stamp and bodies of the frames that are ready."""
        return short(self.add(body, stamp, f"{body}{stamp}"))

    def dropped(self) -> int:
        """Return how many bodies it says it has dropped."""
        return sum(number for event, number in self.counted.items() if event.startswith("dropped"))


def short(frames: list[GatheredFrame[str]]) -> list[tuple[int, str]]:
    for frame in frames:
        assert all(item == f"{body}{frame.stamp}" for body, item in frame.bodies.items())
    return [(frame.stamp, "".join(frame.bodies)) for frame in frames]


def test_one_body_is_never_waited_for() -> None:
    gatherer = Gatherer("a")
    assert [gatherer.come("a", stamp) for stamp in (5, 6, 9)] == [[(5, "a")], [(6, "a")], [(9, "a")]]
    assert not gatherer.counted


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_frame_is_given_with_its_last_body_in_the_order_of_the_list(order: tuple[str, ...]) -> None:
    gatherer = Gatherer("a", "b", "c")
    for stamp in (1, 2, 3):
        *others, last = order
        assert all(not gatherer.come(body, stamp) for body in others)
        assert gatherer.come(last, stamp) == [(stamp, "abc")]
    assert not gatherer.counted


def test_an_incomplete_frame_is_given_when_a_newer_body_comes() -> None:
    gatherer = Gatherer("a", "b")
    assert not gatherer.come("a", 1)
    assert gatherer.come("b", 2) == [(1, "a")]
    assert gatherer.come("a", 2) == [(2, "ab")]
    assert gatherer.counted == {"incomplete frames": 1}


def test_what_comes_after_its_frame_is_dropped_and_counted() -> None:
    gatherer = Gatherer("a", "b")
    gatherer.come("a", 1)
    gatherer.come("a", 2)
    assert not gatherer.come("b", 1)
    assert gatherer.come("b", 2) == [(2, "ab")]
    assert not gatherer.come("b", 2)
    assert gatherer.counted == {"incomplete frames": 1, "dropped (stale)": 2}


@pytest.mark.parametrize("list_comes", ["before", "after", "between"])
def test_the_list_of_a_frame_may_come_before_its_bodies_after_them_or_between(list_comes: str) -> None:
    gatherer = Gatherer("a", "b")
    for stamp in range(1, 5):
        if list_comes == "before":
            assert not gatherer.track(["a", "b"], stamp)
        assert not gatherer.come("a", stamp)
        if list_comes == "between":
            assert not gatherer.track(["a", "b"], stamp + 1000)  # stamped when it was published
        assert gatherer.come("b", stamp) == [(stamp, "ab")]
        if list_comes == "after":
            assert not gatherer.track(["a", "b"], stamp)
    assert not gatherer.counted


def test_the_second_list_gives_an_incomplete_frame_even_if_no_body_comes_any_more() -> None:
    gatherer = Gatherer("a", "b")
    gatherer.come("a", 1)
    assert not gatherer.track(["a", "b"], 1)
    assert short(gatherer.track(["a", "b"], 2)) == [(1, "a")]


def test_a_frame_does_not_wait_for_a_body_that_has_left() -> None:
    gatherer = Gatherer("a", "b")
    assert not gatherer.come("a", 1)
    assert short(gatherer.track(["a"], 1)) == [(1, "a")]
    assert gatherer.come("a", 2) == [(2, "a")]
    assert not gatherer.come("b", 3)
    assert gatherer.counted == {"dropped (not tracked)": 1}


def test_a_body_that_has_come_before_it_left_stays_in_its_frame() -> None:
    gatherer = Gatherer("a", "b", "c")
    assert not gatherer.come("b", 1)
    assert not gatherer.track(["a", "c"], 1)
    assert not gatherer.come("c", 1)
    assert gatherer.come("a", 1) == [(1, "acb")]


def test_an_id_that_changes_is_another_body() -> None:
    gatherer = Gatherer("a", "b")
    assert [gatherer.come(body, 1) for body in "ab"] == [[], [(1, "ab")]]
    assert not gatherer.track(["a", "c"], 2)
    assert [gatherer.come(body, 2) for body in "ca"] == [[], [(2, "ac")]]


def test_a_body_without_skeletons_is_waited_for_a_few_frames_only() -> None:
    gatherer = Gatherer("a", "mute")
    given = [gatherer.come("a", stamp) for stamp in range(1, PATIENCE + 4)]
    assert given[0] == []
    assert given[PATIENCE - 1] == [(PATIENCE - 1, "a")]
    assert given[PATIENCE] == [(PATIENCE, "a"), (PATIENCE + 1, "a")]  # it has had its chances
    assert given[PATIENCE + 1 :] == [[(PATIENCE + 2, "a")], [(PATIENCE + 3, "a")]]
    assert gatherer.counted == {"incomplete frames": PATIENCE}


def test_a_body_that_comes_late_is_waited_for_again() -> None:
    gatherer = Gatherer("a", "b")
    for stamp in range(1, PATIENCE + 2):
        gatherer.come("a", stamp)
    assert not gatherer.come("b", PATIENCE + 1)
    assert not gatherer.come("a", PATIENCE + 2)
    assert gatherer.come("b", PATIENCE + 2) == [(PATIENCE + 2, "ab")]


def test_nobody_is_a_frame_too() -> None:
    gatherer = Gatherer("a")
    gatherer.come("a", 5)
    assert short(gatherer.track([], 6)) == [(6, "")]
    assert short(gatherer.track([], 7)) == [(7, "")]
    assert not gatherer.track([], 0)  # stampless
    assert not gatherer.track([], 5)  # older than what was given
    gatherer.track(["a"], 7)
    assert gatherer.come("a", 6) == [(6, "a")]  # the lists' stamps are later than the images'


def test_nobody_ends_a_frame_that_waits() -> None:
    gatherer = Gatherer("a", "b")
    gatherer.come("a", 5)
    assert short(gatherer.track([], 6)) == [(5, "a"), (6, "")]


def test_a_bag_that_starts_again_is_followed() -> None:
    gatherer = Gatherer("a", "b")
    end = 10 * RESTART
    gatherer.come("a", end)
    assert gatherer.come("b", 1) == [(end, "a")]
    assert gatherer.come("a", 1) == [(1, "ab")]
    assert not gatherer.come("b", 2)
    assert gatherer.come("a", 2) == [(2, "ab")]
    assert "dropped (stale)" not in gatherer.counted


@given(st.data())
def test_every_order_within_frames_gives_every_frame_once_and_whole(data: st.DataObject) -> None:
    ids = "abcde"[: data.draw(st.integers(1, 5))]
    gatherer = Gatherer(*ids)
    for stamp in range(1, 6):
        if data.draw(st.booleans()):
            assert not gatherer.track(ids, data.draw(st.integers(0, 10)))
        *others, last = data.draw(st.permutations(ids))
        assert all(not gatherer.come(body, stamp) for body in others)
        assert gatherer.come(last, stamp) == [(stamp, ids)]
    assert not gatherer.counted


STEP = st.one_of(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 12)),
    st.tuples(st.sets(st.sampled_from("abcd")), st.integers(0, 12)),
)


@given(st.lists(STEP, max_size=60))
def test_whatever_comes_nothing_is_lost_unsaid_and_stamps_rise(steps: list[tuple[str | set[str], int]]) -> None:
    gatherer = Gatherer("a", "b")
    given_out: list[tuple[int, str]] = []
    came: set[tuple[str, int]] = set()
    for what, stamp in steps:
        before = gatherer.dropped()
        frames = gatherer.come(what, stamp) if isinstance(what, str) else short(gatherer.track(sorted(what), stamp))
        dropped = gatherer.dropped() > before
        if isinstance(what, str) and not dropped:
            came.add((what, stamp))
        assert not (dropped and frames)
        given_out += [frame for frame in frames if frame[1]]
    stamps = [stamp for stamp, _ in given_out]
    assert stamps == sorted(set(stamps))
    out = [(body, stamp) for stamp, bodies in given_out for body in bodies]
    assert len(out) == len(set(out))
    waiting = short(gatherer.track([], 0))
    assert came == set(out) | {(body, stamp) for stamp, bodies in waiting for body in bodies}
