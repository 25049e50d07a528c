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
"""What is known of one frame over time."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import NamedTuple

from .exceptions import ExtrapolationException, IgnoredTransform
from .rigid import Rigid, interpolate

STAMP = attrgetter("stamp")


class Link(NamedTuple):
    """A frame in its parent at one time.

    Attributes:
        stamp: nanoseconds; 0: at any time.
        parent: its name.
        pose: of the frame in the parent.
    """

    stamp: int
    parent: str
    pose: Rigid


class StaticCache:
    """A frame that keeps still in its parent; the last word counts."""

    latest = 0

    def __init__(self, link: Link) -> None:
        self._link = link._replace(stamp=0)

    def insert(self, link: Link) -> None:
        self._link = link._replace(stamp=0)

    def at(self, stamp: int) -> Link:
        return self._link

    def clear(self) -> None:
        """Keep it: it holds at any time."""


class TimeCache:
    """A frame that moves: its links of the last ``length`` nanoseconds."""

    def __init__(self, frame: str, length: int) -> None:
        self._frame = frame
        self._length = length
        self._links: list[Link] = []  # oldest first

    @property
    def latest(self) -> int:
        """The newest stamp in nanoseconds; 0 without data."""
        return self._links[-1].stamp if self._links else 0

    def insert(self, link: Link) -> None:
        """Take a link in, in any order; of two with one stamp the later word counts.

        Raises:
            IgnoredTransform: it is more than the length older than the newest.
        """
        if self._links:
            begin = self._links[-1].stamp - self._length
            if link.stamp < begin:
                raise IgnoredTransform(
                    "TF_OLD_DATA",
                    f'data of frame "{self._frame}" at time {seconds(link.stamp)} is older than what is kept, '
                    f"which begins at {seconds(begin)}; after a clock that went back, clear the buffer",
                )
            del self._links[: bisect_left(self._links, begin, key=STAMP)]
        place = bisect_left(self._links, link.stamp, key=STAMP)
        same = place < len(self._links) and self._links[place].stamp == link.stamp
        self._links[place : place + same] = [link]

    def at(self, stamp: int) -> Link:
        """Return the link at a time (0: the newest), interpolated unless the parent changed in between.

        Raises:
            ExtrapolationException: the time is not within the data.
        """
        if not self._links:
            raise ExtrapolationException(
                f"Lookup would require extrapolation: there is no data of frame [{self._frame}] since the buffer "
                "was cleared"
            )
        if stamp == 0:
            return self._links[-1]
        place = bisect_left(self._links, stamp, key=STAMP)
        if place == len(self._links):
            raise self._outside(stamp, "future", "latest", self._links[-1])
        newer = self._links[place]
        if newer.stamp == stamp:
            return newer
        if place == 0:
            raise self._outside(stamp, "past", "earliest", newer)
        older = self._links[place - 1]
        if older.parent != newer.parent:
            return older._replace(stamp=stamp)
        ratio = (stamp - older.stamp) / (newer.stamp - older.stamp)
        return Link(stamp, older.parent, interpolate(older.pose, newer.pose, ratio))

    def _outside(self, stamp: int, where: str, which: str, nearest: Link) -> ExtrapolationException:
        return ExtrapolationException(
            f"Lookup would require extrapolation into the {where} by {seconds(abs(stamp - nearest.stamp))} s. "
            f"Requested time {seconds(stamp)} but the {which} data of frame [{self._frame}] in [{nearest.parent}] "
            f"is at time {seconds(nearest.stamp)}"
        )

    def clear(self) -> None:
        self._links.clear()


def seconds(nanoseconds: int) -> str:
    """Return seconds as tf2 writes them; not by way of a float, which loses microseconds of today's time."""
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod((abs(nanoseconds) + 500) // 1000, 1_000_000)
    return f"{sign}{whole}.{rest:06}"
