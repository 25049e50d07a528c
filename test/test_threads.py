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

"""How the threads of PyTorch's wait, wherever the package is imported first."""

import os
import subprocess
import sys

import pytest

from diffupose_ros.lifting.engine import kernels


@pytest.mark.skipif(kernels._PARALLEL is None, reason="not on GNU's OpenMP, or no kernels fit here")
@pytest.mark.parametrize(("chosen", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_they_sleep_unless_the_user_says_otherwise(chosen: dict[str, str], expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    said = subprocess.run(
        [sys.executable, "-c", "import diffupose_ros.lifting, torch"],
        env=environment | {"OMP_DISPLAY_ENV": "TRUE"} | chosen,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert f"OMP_WAIT_POLICY = '{expected}'" in said
