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

"""What a figure was measured on, and how much memory it took."""

import datetime
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from diffupose_ros.lifting.engine.kernels import INSTRUCTIONS
from diffupose_ros.pytorch import product_type

WHEN = ("date", "load")
"""What of a machine's description is of the moment."""


def describe(device: torch.device) -> dict[str, Any]:
    """Return models, cores, threads, versions, and the moment: the date, and the load where the system tells."""
    gpu = {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda} if device.type == "cuda" else {}
    return {
        "cpu": processor(),
        **gpu,
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "kernels": INSTRUCTIONS,
        "products": str(product_type(device)).removeprefix("torch."),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def same(machine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two descriptions are of one machine, at whatever moments."""
    return all(machine.get(key) == other.get(key) for key in {*machine, *other} - {*WHEN})


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the CPU's model; on Arm, where Linux does not tell, the board's; its kind where there is neither."""
    lines = _read("/proc/cpuinfo").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    board = _read("/proc/device-tree/model").rstrip("\0")
    return next(models, board or platform.processor() or platform.machine())


def _read(path: str) -> str:
    """Return a file's text; nothing where it is not there."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def peak_memory(device: torch.device) -> dict[str, float]:
    """Return the most memory in MB that this process ever had, and that torch has had on the GPU."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    memory = {"process_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)}
    if device.type == "cuda":
        memory["gpu_mb"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return memory


def resident_memory(pid: int) -> float | None:
    """Return a process' resident memory in MB; None where the system does not tell (Linux does)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * resource.getpagesize() / 2**20
