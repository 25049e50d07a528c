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

"""Measures sections one after another; what has been measured is kept, whatever ends the run."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from diffupose_ros.benchmark.display import show
from diffupose_ros.benchmark.machine import describe, peak_memory, title
from diffupose_ros.benchmark.results import Results, path_of
from diffupose_ros.benchmark.section import GiveUp, Options, Section
from diffupose_ros.files import make_folder
from diffupose_ros.lifting import Interrupted
from diffupose_ros.offline.display import progress_bar
from diffupose_ros.offline.interrupt import interruptible
from diffupose_ros.pytorch import select_device

_HEEDED = ("OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
"""What of the environment figures depend on."""


def run(sections: Sequence[Section], folder: Path, options: Options, again: bool, console: Console) -> list[Path]:
    """Measure sections and write their files; return these.

    Cells that the files hold already, of the same machine and setting, are not measured again.

    Args:
        sections: to measure.
        folder: of the files; made where it is missing.
        options: of the benchmark.
        again: measure everything anew.
        console: for the progress and the figures.

    Raises:
        BenchmarkError: a section cannot be measured, or its file is damaged.
        ValueError: a device that is not there, or broken weights.
        OSError: a file cannot be read or written.
        Interrupted: Ctrl-C.
    """
    device = select_device(options.device)
    make_folder(folder)
    machine, found = describe(device), []
    console.print(title(machine), highlight=False)
    for section in sections:
        path = path_of(folder, section.name, device.type)
        results = Results(path, section.name, machine, _setting(section, options), command(section, options))
        found.append((section, results, not again and results.resume()))  # damaged files come to light at once
    with interruptible() as interrupted:
        for section, results, resumed in found:
            results.bars = section.bars(results.rows, device.type)
            if not results.complete:
                console.print(
                    f"{section.name}: " + (f"going on after {len(results.rows)} cells" if resumed else section.about)
                )
                with progress_bar(console) as progress:
                    _measure(section, results, options, device, interrupted, progress)
            else:
                console.print(f"{section.name}: measured before, on {results.machine['date']}; --again measures anew")
            show(section, results, console)
    return [results.path for _, results, _ in found]


def _measure(
    section: Section,
    results: Results,
    options: Options,
    device: torch.device,
    interrupted: GiveUp,
    progress: Progress,
) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    task = progress.add_task(section.name, total=None)
    with section.prepare(options) as cells:
        progress.update(task, total=len(cells))
        for cell in cells:
            progress.update(task, description=f"{section.name}: {cell.title}")
            if not results.has(cell.labels):
                if interrupted():
                    raise Interrupted
                results.add(cell.labels, cell.measure(interrupted))
                results.bars = section.bars(results.rows, device.type)
                results.save(peak_memory(device))
            progress.advance(task)
    results.complete = True
    results.save(peak_memory(device))


def command(section: Section, options: Options) -> str:
    """Return what to type to measure a section so."""
    usual = Options()
    given = {name: getattr(options, name) for name in ("device", *section.depends)}
    words = [f"--{name}={value}" for name, value in given.items() if value != getattr(usual, name)]
    heeded = [f"{name}={os.environ[name]}" for name in _HEEDED if name in os.environ]
    return shlex.join([*heeded, "diffupose", "benchmark", section.name, *words])


def _setting(section: Section, options: Options) -> dict[str, Any]:
    """What figures depend on, as it reads back from JSON."""
    chosen = {name: getattr(options, name) for name in section.depends}
    return {key: _listed(value) for key, value in {**chosen, **section.setting}.items()}


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, (tuple, list)) else value
