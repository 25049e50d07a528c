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
"""The frames and their parents, and the way from one frame to another."""

from __future__ import annotations

from typing import NamedTuple

from .cache import Link, StaticCache, TimeCache
from .exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from .rigid import Rigid

LISTED = 12  # known frames in an error


class Above(NamedTuple):
    """A frame in one of its ancestors.

    Attributes:
        pose: of the frame in the ancestor.
        latest: the oldest stamp of the links between, nanoseconds; 0: all of them hold at any time.
    """

    pose: Rigid
    latest: int


class Tree:
    """Frames, each with a cache of its place in its parent; not for several threads at once."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._frames: set[str] = set()
        self._caches: dict[str, StaticCache | TimeCache] = {}

    def insert(self, frame: str, link: Link, static: bool) -> None:
        """Take in where a frame is; one that was static and moves now (or the other way round) starts anew.

        Raises:
            IgnoredTransform: it is too old.
        """
        cache = self._caches.get(frame)
        if not isinstance(cache, StaticCache if static else TimeCache):
            cache = StaticCache(link) if static else TimeCache(frame, self._length)
            self._caches[frame] = cache
        cache.insert(link)
        self._frames.update((frame, link.parent))

    def clear(self) -> None:
        """Forget what moves; the names of frames and the static ones stay."""
        for cache in self._caches.values():
            cache.clear()

    def require(self, argument: str, frame: str) -> None:
        """Check the frame of one argument.

        Raises:
            InvalidArgumentException: the name is empty or begins with a slash.
            LookupException: there is no such frame.
        """
        wrong = "cannot be empty" if not frame else "cannot start with a '/'" if frame[0] == "/" else ""
        if wrong:
            raise InvalidArgumentException(f'Invalid argument "{frame}" passed as {argument}: frame ids {wrong}')
        if frame not in self._frames:
            known = ", ".join(sorted(self._frames)[:LISTED]) + (", ..." if len(self._frames) > LISTED else "")
            raise LookupException(f'"{frame}" passed as {argument} does not exist. Known frames: {known or "none"}')

    def lookup(self, target: str, source: str, stamp: int) -> Link:
        """Return the source frame in the target frame, as if that were its parent; stamp 0: the latest common time.

        A frame is in itself at any time, known or not.

        Raises:
            InvalidArgumentException, LookupException: a frame that is not or cannot be, or frames in a loop.
            ConnectivityException: nothing connects the frames.
            ExtrapolationException: the time is not within the data of the links between them.
        """
        if target == source:
            latest = self._caches[target].latest if target in self._caches else 0
            return Link(stamp or latest, target, Rigid())
        self.require("target_frame", target)
        self.require("source_frame", source)
        try:
            if stamp == 0:
                to_source, to_target = self._connect(target, source, 0)
                stamp = min(filter(None, (to_source.latest, to_target.latest)), default=0)
            to_source, to_target = self._connect(target, source, stamp)
        except ExtrapolationException as outside:
            way = f"when looking up transform from frame [{source}] to frame [{target}]"
            raise ExtrapolationException(f"{outside}, {way}") from None
        return Link(stamp, target, to_target.pose.inverse() @ to_source.pose)

    def _connect(self, target: str, source: str, stamp: int) -> tuple[Above, Above]:
        """Return the source and the target in their nearest common ancestor."""
        sources, source_end = self._ancestors(source, stamp)
        targets, target_end = self._ancestors(target, stamp)
        common = next((frame for frame in sources if frame in targets), None)
        if common is not None:
            return sources[common], targets[common]
        raise (
            source_end
            or target_end
            or ConnectivityException(
                f"Could not find a connection between '{target}' and '{source}' because they are not part of the same "
                f"tree: '{source}' ends at '{list(sources)[-1]}', '{target}' at '{list(targets)[-1]}'"
            )
        )

    def _ancestors(self, frame: str, stamp: int) -> tuple[dict[str, Above], TransformException | None]:
        """Return the frame in itself and all above it, nearest first, and what ended the way before the root.

        Raises:
            LookupException: the way comes back to where it was.
        """
        above = {frame: Above(Rigid(), 0)}
        while cache := self._caches.get(frame):
            try:
                link = cache.at(stamp)
            except ExtrapolationException as end:
                return above, end  # the two frames may have met before
            if link.parent in above:
                names = list(above)
                loop = " -> ".join([*names[names.index(link.parent) :], link.parent])
                raise LookupException(f"The tf tree is invalid because it contains a loop (child -> parent): {loop}")
            pose, latest = above[frame]
            frame = link.parent
            above[frame] = Above(link.pose @ pose, min(filter(None, (latest, link.stamp)), default=0))
        return above, None
