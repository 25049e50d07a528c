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

from typing import NoReturn

import typer

app = typer.Typer(
    help="3D human poses with uncertainty from one camera.", no_args_is_help=True, pretty_exceptions_enable=False
)


def fail(error: Exception) -> NoReturn:
    """End the command with exit code 1 and the error's text, without a traceback."""
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(1)
