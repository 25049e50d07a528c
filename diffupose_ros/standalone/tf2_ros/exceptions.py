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
"""Why there is no transform, and why one was not taken."""

from __future__ import annotations


class TransformException(Exception):
    """There is no such transform."""


class LookupException(TransformException):
    """A frame is not known, or frames are their own ancestors."""


class ConnectivityException(TransformException):
    """The frames are known, but nothing connects them."""


class ExtrapolationException(TransformException):
    """The time is before or after the data."""


class InvalidArgumentException(TransformException):
    """A name that no frame can have."""


class IgnoredTransform(Exception):
    """A transform that the buffer does not take.

    Attributes:
        code: tf2's name of the reason, such as ``TF_NAN_INPUT``.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
