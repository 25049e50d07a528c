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
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

import diffupose_ros
from diffupose_ros.lifting.engine.kernels import INSTRUCTIONS
from diffupose_ros.processor import cpu_flags
from diffupose_ros.pytorch import product_type
from diffupose_ros.threads import cores

WHEN = ("date", "load", "version")
"""What of a machine's description is of the moment."""
_ARM = ("aarch64", "arm64")


def describe(device: torch.device) -> dict[str, Any]:
    """Return class, models, cores, threads, versions, and the moment: the date, and the load where the system tells."""
    gpu = {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda} if device.type == "cuda" else {}
    return {
        "class": kind(device.type, platform.machine(), cpu_flags()),
        "cpu": processor(),
        **gpu,
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "kernels": INSTRUCTIONS,
        "products": str(product_type(device)).removeprefix("torch."),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "version": version(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def kind(device: str, architecture: str, flags: Collection[str]) -> str:
    """Return a machine's class: ``GPU``, ``Arm``, ``AMX``, ``AVX-512``, ``AVX2``, or ``other``.

    Args:
        device: ``cpu`` or ``cuda``.
        architecture: as ``uname`` calls it.
        flags: the CPU's instructions, by Linux's names.
    """
    if device != "cpu":
        return "GPU"
    if architecture in _ARM:
        return "Arm"
    best = (("AMX", "amx_bf16"), ("AVX-512", "avx512f"), ("AVX2", "avx2"))
    return next((name for name, flag in best if flag in flags), "other")


def kind_of(machine: dict[str, Any]) -> str:
    """Return the class of a described machine; of descriptions from before there were classes, as far as they tell."""
    if "class" in machine:
        return str(machine["class"])
    architecture = str(machine.get("system", "")).rpartition(" ")[2]
    if "gpu" in machine or architecture in _ARM:
        return kind("cuda" if "gpu" in machine else "cpu", architecture, ())
    intel = "Intel" in str(machine.get("cpu"))  # only they have AMX, and not all of them
    known = {"avx2": "AVX2", "avx512": "AVX-512 or AMX" if intel else "AVX-512"}
    return known.get(str(machine.get("kernels")), "unknown")


def title(machine: dict[str, Any]) -> str:
    """Return a described machine's class and model, of a CPU with its threads."""
    threads = machine.get("threads", "?")
    cpu = f"{machine.get('cpu', 'unknown CPU')}, {threads} thread{'s' if threads != 1 else ''}"
    return f"{kind_of(machine)}: {machine.get('gpu') or cpu}"


def version() -> str:
    """Return the package's version, in a git checkout with the commit, and ``modified`` where the code is."""
    root = Path(diffupose_ros.__file__).parents[1]

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)

    try:
        commit = git("rev-parse", "--short", "HEAD").stdout.strip() if (root / ".git").exists() else ""
        changed = bool(commit) and git("diff", "--quiet", "HEAD", "--", "diffupose_ros", "resource").returncode != 0
    except OSError:  # no git
        commit, changed = "", False
    return " ".join(filter(None, [diffupose_ros.__version__, commit, "modified" if changed else ""]))


def same(machine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two descriptions are of one machine, at whatever moments."""
    return all(machine.get(key) == other.get(key) for key in {*machine, *other} - {*WHEN})


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
