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

"""What comes body by body, put together image by image. Knows no messages."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

PATIENCE = 3
"""Frames in a row that a body may miss before none waits for it; it may be tracked and have no skeleton at all."""
RESTART = 1_000_000_000
"""Nanoseconds; what is older than the newest frame by more is no straggler: a bag starts again."""


@dataclass(frozen=True)
class GatheredFrame(Generic[Item]):
    """The bodies of one image.

    Attributes:
        stamp: of the image, in nanoseconds.
        bodies: what came of each, by id, in the order of the tracked list.
    """

    stamp: int
    bodies: dict[str, Item]


class FrameGatherer(Generic[Item]):
    """Gathers the bodies of one image, and gives them out as soon as the last has come.

    A frame that stays incomplete is given out when something newer comes: a body with a newer stamp, or the second
    list since the frame began. The first may be the frame's own, overtaken by the bodies or published after them.

    Args:
        count: told of each event that a user may want to know of.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._missed: dict[str, int] = {}  # by each tracked body, frames in a row
        self._stamp = 0  # of the frame that is being gathered, or else of the last
        self._bodies: dict[str, Item] = {}  # of the frame that is being gathered; none is where there are none
        self._lists = 0  # since it began

    def track(self, ids: Iterable[str], stamp: int) -> list[GatheredFrame[Item]]:
        """Note who is tracked now; return the frames that are ready, one without bodies where nobody is."""
        self._missed = {body: self._missed.get(body, 0) for body in ids}
        self._lists += 1
        frames = self._give() if self._complete() or self._lists > 1 else []
        # Lists may be stamped later than images are: the frame of nobody makes no image a late one.
        if not self._missed and stamp > 0 and not 0 <= self._stamp - stamp < RESTART:
            frames.append(GatheredFrame(stamp, {}))
        return frames

    def add(self, body: str, stamp: int, item: Item) -> list[GatheredFrame[Item]]:
        """Take one body of one image; return the frames that are ready: none, one, or an older one as well."""
        if body not in self._missed:
            self._count("dropped (not tracked)")
            return []
        self._missed[body] = 0
        late = self._stamp - stamp
        if 0 < late < RESTART or (late == 0 and not self._bodies):
            self._count("dropped (stale)")
            return []
        frames = []
        if late:
            frames = self._give()
            self._stamp, self._lists = stamp, 0
        self._bodies[body] = item
        return frames + self._give() if self._complete() else frames

    def _complete(self) -> bool:
        return all(body in self._bodies for body, missed in self._missed.items() if missed < PATIENCE)

    def _give(self) -> list[GatheredFrame[Item]]:
        if not self._bodies:
            return []
        if not self._complete():
            self._count("incomplete frames")
        for body in self._missed.keys() - self._bodies.keys():
            self._missed[body] += 1
        ordered = {body: self._bodies[body] for body in (*self._missed, *self._bodies) if body in self._bodies}
        self._bodies = {}
        return [GatheredFrame(self._stamp, ordered)]
