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

"""The pip package. Shared files go where ROS 2 puts them: <prefix>/share/diffupose_ros."""

import platform
from glob import glob

from setuptools import Extension, find_packages, setup

SHARE = "share/diffupose_ros"
SHARED = ("msg", "launch", "launch/tutorials", "config", "config/training", "config/tutorials", "examples")
RESOURCES = ("weights", "clips", "profiles", "estimation")
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
INSTRUCTIONS = {"x86_64": {"avx2": AVX2, "avx512": AVX512}, "aarch64": {"neon": ["-march=armv8-a+bf16"]}}

setup(
    packages=find_packages(include=["diffupose_ros", "diffupose_ros.*"]),
    # Not Python modules. Where there is no compiler they are left out, and PyTorch's operations do their work.
    ext_modules=[
        Extension(
            f"diffupose_ros.lifting.engine._kernels_{name}",
            ["diffupose_ros/lifting/engine/kernels.c"],
            extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math", *flags],
            optional=True,
        )
        for name, flags in INSTRUCTIONS.get(platform.machine(), {}).items()
    ],
    data_files=[
        (SHARE, ["package.xml"]),
        *((f"{SHARE}/{folder}", glob(f"{folder}/*.*")) for folder in SHARED),
        *((f"{SHARE}/resource/{folder}", glob(f"resource/{folder}/*.*")) for folder in RESOURCES),
    ],
)
