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

"""How many threads an engine computes with: one choice, whichever it is."""

import os
from functools import cache

_spared = 0


def spare_a_core() -> None:
    """Leave a core to other threads and processes; before an engine is loaded.

    Of those who compute: threads that wait for theirs cost more than they bring.
    """
    global _spared
    _spared = 1


def number_of(most: int) -> int:
    """Return how many threads an engine shall compute with that would take ``most``."""
    return max(1, most - _spared)


def bound_torch() -> None:
    """Let PyTorch compute with the threads of ``number_of``, if a core is spared."""
    if _spared:
        import torch

        torch.set_num_threads(number_of(_torch_threads()))


@cache
def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()  # as long as nobody has set them


@cache
def usable() -> int:
    """Return the threads that PyTorch would take: ``OMP_NUM_THREADS``, or as many as there are cores for this process.

    A core that runs two threads at once counts as one.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said):
        return int(said)
    logical = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return len({_core(cpu) for cpu in logical})


def _core(cpu: int) -> str:
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return file.read()
    except OSError:
        return str(cpu)
