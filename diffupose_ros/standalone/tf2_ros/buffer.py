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
"""Transforms of the last seconds, to be looked up from any thread."""

from __future__ import annotations

import threading
import time as system_time
from collections.abc import Callable
from typing import Any, TypeVar

from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time

from .cache import Link
from .exceptions import IgnoredTransform, TransformException
from .reading import read
from .tree import Tree

CACHE_TIME = Duration(seconds=10)
POLL = 0.02  # s, as tf2
AT_ONCE = Duration()
ResultT = TypeVar("ResultT")


class Buffer:
    """As tf2_ros.Buffer, without coroutines, ``transform`` and the service ``tf2_frames``.

    A transform from a source to a target frame takes coordinates in the source frame to coordinates in the target
    frame. Times are rclpy's Time or its message; 0 is the latest time at which all links between the frames are known.
    Between two stamps a link is interpolated; where its parent changes in between, the older holds.

    With a node, whatever moves is forgotten when the node's clock jumps back by a second or more, or starts or stops
    to be simulated. Without, or where stamps on /tf go back and /clock does not, data older than ``cache_time`` before
    the newest is ignored, with a warning, until ``clear`` is called.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        self._tree = Tree(_nanoseconds(cache_time or CACHE_TIME))
        self._lock = threading.Lock()
        self._logger = get_logger("tf2_buffer")
        self._ignored: dict[str, str] = {}  # child frame -> why its last transform was ignored
        if node is not None:
            back = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
            self.jump_handle = node.get_clock().create_jump_callback(back, post_callback=self.time_jump_callback)

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        self._logger.warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

    def clear(self) -> None:
        """Forget what moves; static transforms stay."""
        with self._lock:
            self._tree.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Take in a transform that holds at its stamp.

        One that cannot be right or is too old is ignored. That is logged, once until the frame's next good one.
        """
        self._set(transform, authority, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Take in a transform that holds at any time; ignored as by ``set_transform``."""
        self._set(transform, authority, static=True)

    def _set(self, transform: TransformStamped, authority: str, static: bool) -> None:
        try:
            child, link = read(transform)
            with self._lock:
                self._tree.insert(child, link, static)
        except IgnoredTransform as why:
            if self._ignored.get(transform.child_frame_id) != why.code:
                self._ignored[transform.child_frame_id] = why.code
                log = self._logger.warning if why.code == "TF_OLD_DATA" else self._logger.error
                log(f"Ignoring transforms from {authority}. {why}")
        else:
            self._ignored.pop(transform.child_frame_id, None)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = AT_ONCE
    ) -> TransformStamped:
        """Return the transform from the source to the target frame at a time.

        With a timeout it waits, asleep: in a callback only where a listener runs in another thread.

        Raises:
            LookupException, ConnectivityException, ExtrapolationException, InvalidArgumentException: there is none.
        """
        stamp = _nanoseconds(time)
        return _message(source_frame, self._poll(lambda: self._tree.lookup(target_frame, source_frame, stamp), timeout))

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = AT_ONCE,
    ) -> TransformStamped:
        """Return the transform from the source frame at one time to the target frame at another.

        Between the times the fixed frame is taken to keep still. Waits and raises as ``lookup_transform``.
        """
        times = _nanoseconds(target_time), _nanoseconds(source_time)

        def look() -> Link:
            for argument, frame in (
                ("target_frame", target_frame),
                ("source_frame", source_frame),
                ("fixed_frame", fixed_frame),
            ):
                self._tree.require(argument, frame)
            inner = self._tree.lookup(fixed_frame, source_frame, times[1])
            outer = self._tree.lookup(target_frame, fixed_frame, times[0])
            return outer._replace(pose=outer.pose @ inner.pose)

        return _message(source_frame, self._poll(look, timeout))

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = AT_ONCE,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Return whether ``lookup_transform`` has an answer; with ``return_debug_tuple`` also why not."""
        return _success(lambda: self.lookup_transform(target_frame, source_frame, time, timeout), return_debug_tuple)

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = AT_ONCE,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Return whether ``lookup_transform_full`` has an answer; with ``return_debug_tuple`` also why not."""
        arguments = (target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        return _success(lambda: self.lookup_transform_full(*arguments), return_debug_tuple)

    def _poll(self, look: Callable[[], ResultT], timeout: Duration) -> ResultT:
        """Look until there is an answer; after the timeout the last refusal is raised."""
        end = system_time.monotonic_ns() + _nanoseconds(timeout)
        while True:
            try:
                with self._lock:
                    return look()
            except TransformException:
                if system_time.monotonic_ns() >= end:
                    raise
            system_time.sleep(POLL)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"'Buffer' object has no attribute {name!r}; if it is tf2_ros', it is not part of diffupose_ros' "
            "standalone runtime"
        )


def _success(look: Callable[[], object], return_debug_tuple: bool) -> bool | tuple[bool, str]:
    try:
        look()
    except TransformException as why:
        return (False, str(why)) if return_debug_tuple else False
    return (True, "") if return_debug_tuple else True


def _nanoseconds(time: Any) -> int:
    """Return the nanoseconds of rclpy's Time or Duration, or of their messages."""
    if hasattr(time, "nanoseconds"):
        return int(time.nanoseconds)
    if hasattr(time, "sec") and hasattr(time, "nanosec"):
        return int(time.sec) * 1_000_000_000 + int(time.nanosec)
    raise TypeError(f"expected a Time or a Duration, rclpy's or its message, but got a {type(time).__name__}")


def _message(source_frame: str, link: Link) -> TransformStamped:
    message = TransformStamped(child_frame_id=source_frame)
    message.header.frame_id = link.parent
    message.header.stamp = Time(nanoseconds=link.stamp).to_msg()
    (x, y, z), rotation = link.pose
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = Quaternion(**dict(zip("xyzw", rotation, strict=True)))
    return message
