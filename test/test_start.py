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

"""Programs that are interrupted before they have begun."""

import signal
import subprocess
import sys

import pytest

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
    code = LOADING.format(program=program, argument=argument)
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stderr.readline() == "loading\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 130
