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

"""Programs that do not begin: interrupted while they load, and without a module that pip was to bring."""

import gc
import signal
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import NoReturn

import pytest

from diffupose_ros import requirements, start

LOADING = """
import sys
sys.argv = ["program", {argument!r}]
sys.stderr.write("loading\\n")
sys.stderr.flush()
from diffupose_ros.start import {program}
sys.exit({program}())
"""


@pytest.mark.parametrize("moment", [0.1, 0.4])
@pytest.mark.parametrize(("program", "argument"), [("lift_node", "--ros-args"), ("command", "lift")])
def test_a_program_that_is_interrupted_while_it_loads_ends_without_a_word(
    program: str, argument: str, moment: float
) -> None:
    if program == "command":
        pytest.importorskip("typer", reason="optional on a ROS 2")
    code = LOADING.format(program=program, argument=argument)
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stderr.readline() == "loading\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(signal.SIGINT)
        assert [line for line in process.stderr if "[INFO]" not in line] == []  # of a node that was quick
    assert process.returncode in (130, 0)  # 0: of a node


@pytest.mark.parametrize(
    ("program", "loads", "module", "packages"),
    [
        (start.lift_node, "diffupose_ros.nodes.lift.node", "torch", "torch safetensors"),
        (start.command, "diffupose_ros.cli", "typer", "torch safetensors typer rich rosbags"),
    ],
)
@pytest.mark.parametrize("in_environment", [True, False])
def test_a_missing_module_that_pip_brings_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: Callable[[], int],
    loads: str,
    module: str,
    packages: str,
    in_environment: bool,
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr" if in_environment else sys.prefix)
    monkeypatch.setattr(start, "import_module", lambda name: _missing(module) if name == loads else None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert program() == 1
    said = capsys.readouterr().err
    assert f"{module} is not installed in {sys.executable}" in said
    assert f'pip install {packages} "numpy<2"' in said
    assert ("colcon build" in said) != in_environment


def test_other_missing_modules_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "import_module", lambda name: _missing("diffupose_ros.nodes"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for program in (start.lift_node, start.command):
        with pytest.raises(ModuleNotFoundError, match=r"no diffupose_ros\.nodes"):
            program()


def _missing(name: str) -> NoReturn:
    raise ModuleNotFoundError(f"no {name}", name=name)


def test_a_build_is_told_what_this_python_has_not() -> None:
    check = [sys.executable, requirements.__file__]
    assert subprocess.run(check, capture_output=True, text=True, check=True).stdout.strip() == ""
    bare = [sys.executable, "-S", "-E", requirements.__file__]
    assert "torch is not installed" in subprocess.run(bare, capture_output=True, text=True, check=True).stdout


def test_garbage_is_collected_again_once_a_node_s_modules_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    enabled: list[bool] = []

    def load(name: str) -> SimpleNamespace:
        enabled.append(gc.isenabled())
        return SimpleNamespace(main=lambda args: enabled.append(gc.isenabled()) or 0)

    monkeypatch.setattr(start, "import_module", load)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert start.node("lift") == 0
    assert enabled == [False, True]
