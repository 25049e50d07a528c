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

"""How many threads compute and how they wait, wherever the package is imported first."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros import threads
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.engine import kernels

OPENBLAS = "openblas" in str(np.show_config(mode="dicts")) if np.lib.NumpyVersion(np.__version__) >= "1.25.0" else False


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


@pytest.mark.skipif(not OPENBLAS or not Path("/proc/self/task").is_dir(), reason="needs numpy on OpenBLAS, and Linux")
@pytest.mark.skipif(threads.cores() < 2, reason="on one core OpenBLAS has one thread anyway")
@pytest.mark.parametrize("module", ["nodes", "cli"])
@pytest.mark.parametrize(("chosen", "expected"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_numpy_has_one_thread_unless_the_user_says_otherwise(
    module: str, chosen: dict[str, str], expected: int
) -> None:
    if module == "cli":
        begin = "sys.argv[1:] = ['--help']; from diffupose_ros.start import command; command()"
    else:
        begin = "import diffupose_ros.nodes"
    program = (
        f"import os, sys\ntry:\n    {begin}\nexcept SystemExit:\n    pass\n"
        "import numpy\nprint(len(os.listdir('/proc/self/task')))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment | chosen, capture_output=True, text=True, check=True
    ).stdout
    assert int(said.splitlines()[-1]) == expected


@pytest.mark.parametrize(
    ("said", "cores", "wanted", "spared", "expected"),
    [
        ("", 1, 0, 1, 1),
        ("", 2, 0, 0, 2),
        ("", 2, 0, 1, 1),
        ("", 64, 0, 1, threads.MOST),
        ("", 2, 6, 1, 6),
        ("3", 64, 0, 1, 3),
        ("6,2", 4, 0, 1, 6),
        ("3", 64, 8, 1, 8),
        ("many", 2, 0, 0, 2),
        ("0", 2, 0, 0, 2),
    ],
)
def test_as_many_threads_as_the_user_says_or_few(
    said: str, cores: int, wanted: int, spared: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr(threads, "cores", lambda: cores)
    assert threads.chosen(wanted, spared) == expected


def test_a_lifter_s_threads_are_those_of_whoever_calls_it_later() -> None:
    before = torch.get_num_threads()
    try:
        Lifter.load(device="cpu", threads=3)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
        Lifter.load(device="cpu")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
