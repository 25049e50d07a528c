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

"""The kernels for Arm on another machine: compiled for it, and run by an emulator."""

import ctypes
import shutil
import struct
import subprocess
from pathlib import Path

from torch import Tensor

from diffupose_ros.lifting.engine.layers import Epilogue
from support import ROOT

TOOLS = "aarch64-linux-gnu-gcc", "qemu-aarch64"
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
LANES = 4


def build(folder: Path) -> Path:
    """Return the program of arm.c, with the kernels in it."""
    program, source = folder / "kernels", ROOT / "diffupose_ros/lifting/engine/kernels.c"
    flags = "-O3", "-fno-math-errno", "-fno-trapping-math", "-march=armv8-a+bf16", "-static"
    subprocess.run([TOOLS[0], *flags, source, Path(__file__).with_suffix(".c"), "-o", program], check=True)
    return program


def kernel(program: Path, name: str, *members: int | Tensor | None) -> Epilogue:
    """Stand in for ``kernels._kernel``."""

    def run(x: Tensor) -> None:
        arrays, words = [], b""
        for member in (*members, x):
            if isinstance(member, Tensor):
                arrays.append((member.data_ptr(), ctypes.string_at(member.data_ptr(), member.nbytes)))
                words += struct.pack("qq", member.nbytes, 0) + arrays[-1][1]
            else:
                words += struct.pack("qq", 0, member or 0)
        done = subprocess.run([TOOLS[1], program, name], input=words, stdout=subprocess.PIPE, check=True).stdout
        assert len(done) == sum(len(before) for _, before in arrays)
        for address, before in arrays:
            after, done = done[: len(before)], done[len(before) :]
            if after != before:  # an output, which may be an input too
                ctypes.memmove(address, after, len(after))

    return run
