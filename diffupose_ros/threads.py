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

"""How many threads compute: few, for small networks on a robot whose other programs need the cores too.

Imports neither PyTorch nor numpy: what is said here must be said before those load.
"""

import os

MOST = 4
"""Threads that the lifter takes of itself. Two take 0.58 to 0.66 of one's time for eight people, 0.92 to 0.96 for one
person (on an EPYC, with AVX2 and AVX-512): four take half by Amdahl's law, and more hardly less. Each layer waits for
the last of them, and the more there are, the likelier another program holds up one."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chosen(wanted: int = 0, spared: int = 0) -> int:
    """Return how many threads shall lift, with any engine.

    Args:
        wanted: by the user; 0: as many as ``OMP_NUM_THREADS`` says, and where it says nothing one for each core but
            those that are spared, up to ``MOST``, at least one.
        spared: cores that are left to others.
    """
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list is of nested loops
    if not wanted and said.isdecimal():
        wanted = int(said)
    return wanted or max(1, min(MOST, cores() - spared))


def keep_numpy_to_one() -> None:
    """Let numpy's and scipy's products run on one thread, unless the user says otherwise by ``OPENBLAS_NUM_THREADS``.

    Our matrices are small. OpenBLAS shares even those of 3 x 3 in the wheels of numpy 1.26, and each time its threads
    spin for a tenth of a second when they are done: a whole core, for nothing. Heeded where numpy is loaded later.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
