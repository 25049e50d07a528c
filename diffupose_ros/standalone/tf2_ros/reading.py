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
"""TransformStamped messages, read with care: anybody may publish on /tf."""

from __future__ import annotations

from math import isfinite, sqrt

from geometry_msgs.msg import TransformStamped

from .cache import Link
from .exceptions import IgnoredTransform
from .rigid import Rigid

TOLERANCE = 0.01  # of the squared length of a quaternion, as tf2


def read(transform: TransformStamped) -> tuple[str, Link]:
    """Return the child frame and its link; leading slashes of names fall away, the quaternion becomes of length 1.

    Raises:
        IgnoredTransform: a name is missing, both are the same, a number is not finite, or the quaternion is far from
            length 1.
    """
    parent = transform.header.frame_id.removeprefix("/")
    child = transform.child_frame_id.removeprefix("/")
    moved, turned = transform.transform.translation, transform.transform.rotation
    translation, rotation = (moved.x, moved.y, moved.z), (turned.x, turned.y, turned.z, turned.w)
    if not child:
        raise IgnoredTransform("TF_NO_CHILD_FRAME_ID", f'a transform in "{parent}" has no child_frame_id')
    if not parent:
        raise IgnoredTransform("TF_NO_FRAME_ID", f'the transform of "{child}" has no header.frame_id')
    if child == parent:
        raise IgnoredTransform("TF_SELF_TRANSFORM", f'"{child}" is said to be in itself')
    which = f'the transform of "{child}" in "{parent}"'
    if not all(map(isfinite, (*translation, *rotation))):
        raise IgnoredTransform("TF_NAN_INPUT", f"{which} has numbers that are not finite: {translation} {rotation}")
    length = sum(value * value for value in rotation)
    if abs(length - 1) >= TOLERANCE:
        wrong = f"{which} has a quaternion of length {sqrt(length):.3g}, which should be 1: {rotation}"
        raise IgnoredTransform("TF_DENORMALIZED_QUATERNION", wrong)
    x, y, z, w = (value / sqrt(length) for value in rotation)
    stamp = transform.header.stamp
    return child, Link(stamp.sec * 1_000_000_000 + stamp.nanosec, parent, Rigid(translation, (x, y, z, w)))
