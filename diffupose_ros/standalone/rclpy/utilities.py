"""Helpers around the command line and the running context."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .arguments import parse


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """Return the arguments without those between ``--ros-args`` and ``--``."""
    return parse(sys.argv if args is None else args).rest
