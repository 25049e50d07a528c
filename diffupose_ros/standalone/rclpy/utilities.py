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

"""Helpers around the command line and the running context."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .arguments import parse
from .context import Context

_default_context = Context()


def get_default_context() -> Context:
    """Return the context that ``rclpy.init`` starts."""
    return _default_context


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """Return the arguments without those between ``--ros-args`` and ``--``."""
    return parse(sys.argv if args is None else args).rest
