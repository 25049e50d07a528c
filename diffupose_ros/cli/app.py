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

"""The application that the commands register with, and how a command fails."""

import io
import re
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from diffupose_ros.files import user_path

_HOME_OR_ADDRESS = re.compile(r"(--[\w-]+=)?(~.*|file:/.*)", re.DOTALL)


class _Commands(TyperGroup):
    """Reads paths as every part of the package does: shells leave ``--option=~/file`` and ``file://`` alone."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; what the terminal cannot show, such as a file's name that is not UTF-8, is shown escaped."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)

    def parse_args(self, context: typer.Context, args: list[str]) -> list[str]:
        """Parse the arguments, those for ROS as they are: ``~`` is a node's name there."""
        ros = args.index("--ros-args") if "--ros-args" in args else len(args)
        try:
            ours = [_path_in(word) for word in args[:ros]]
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        return super().parse_args(context, ours + args[ros:])


def _path_in(word: str) -> str:
    found = _HOME_OR_ADDRESS.fullmatch(word)
    return f"{found[1] or ''}{user_path(found[2])}" if found else word


app = typer.Typer(
    cls=_Commands,
    help="3D human poses with uncertainty from one camera.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def fail(error: Exception) -> NoReturn:
    """End the command with exit code 1 and the error's text, without a traceback."""
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(1)
