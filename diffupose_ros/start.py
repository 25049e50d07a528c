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

"""How the installed programs begin.

Ctrl-C while their modules load ends them at once, without a traceback: loading takes seconds, and some of what is
loaded loses a KeyboardInterrupt. A module that pip was to bring and did not is named, with what to do.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from diffupose_ros.requirements import advice
from diffupose_ros.threads import keep_numpy_to_one

_INTERRUPTED = 130


def node(package: str, args: list[str] | None = None) -> int:
    """Run a node until it is told to stop; return the process' exit code.

    Args:
        package: of ``diffupose_ros.nodes``, such as ``lift``.
        args: the command line; None: this process' own.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # until the node's own handler, which ends with 0 too
    gc.disable()  # hardly anything that loads is garbage, and looking for it takes a tenth of the time
    try:
        main = import_module(f"diffupose_ros.nodes.{package}.node").main
    except ModuleNotFoundError as error:
        return _say_what_is_missing(f"{package}_node", error)
    finally:
        gc.enable()
    return int(main(args))


def command() -> Any:
    """Run ``diffupose``."""
    before = signal.signal(signal.SIGINT, _end)
    keep_numpy_to_one()
    try:
        app = import_module("diffupose_ros.cli").app
        signal.signal(signal.SIGINT, before)
        return app()
    except KeyboardInterrupt:  # before the command began, which has its own way to end
        _end()
    except ModuleNotFoundError as error:
        return _say_what_is_missing("diffupose", error)


def _end(*_: object) -> NoReturn:
    os._exit(_INTERRUPTED)


def _say_what_is_missing(program: str, error: ModuleNotFoundError) -> int:
    """Return the exit code; an error of another kind is raised."""
    what_to_do = advice(error.name)
    if what_to_do is None:
        raise error
    print(f"{program}: {what_to_do}", file=sys.stderr)
    return 1


detect_node: Callable[[], int] = partial(node, "detect")
hri_node: Callable[[], int] = partial(node, "hri")
lift_node: Callable[[], int] = partial(node, "lift")
people_node: Callable[[], int] = partial(node, "people")
planner_node: Callable[[], int] = partial(node, "planner")
replay_node: Callable[[], int] = partial(node, "replay")
video_node: Callable[[], int] = partial(node, "video")
yolo_node: Callable[[], int] = partial(node, "yolo")
