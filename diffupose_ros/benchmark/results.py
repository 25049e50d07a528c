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

"""The file of a section: written after each cell, so that an interrupted run goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffupose_ros.benchmark import machine as machines
from diffupose_ros.benchmark.section import Bar, BenchmarkError, Label, Row
from diffupose_ros.files import write_text

_DIGITS = 5
_KEYS = {"section": str, "machine": dict, "setting": dict, "rows": list}


def path_of(folder: Path, section: str, device: str) -> Path:
    """Return where a section's file is; ``device`` is ``cpu`` or ``cuda``."""
    return folder / f"bench_{section}_{device}.json"


def read(path: Path) -> dict[str, Any]:
    """Return a file of results.

    Raises:
        BenchmarkError: not there, or not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise BenchmarkError(f"{path} is damaged, no JSON: {error}; remove it, or measure anew with --again") from None
    if not isinstance(content, dict):
        raise BenchmarkError(f"{path}: expected results of `diffupose benchmark`, got a {type(content).__name__}")
    wrong = [key for key, kind in _KEYS.items() if not isinstance(content.get(key), kind)]
    wrong = wrong or ["labels" for row in content["rows"] if not isinstance(row, dict) or "labels" not in row][:1]
    if wrong:
        raise BenchmarkError(
            f"{path}: not results of `diffupose benchmark`: no good {', '.join(wrong)}; remove it, or give --again"
        )
    return content


class Results:
    """The results of one section.

    Args:
        path: of the file.
        section: name.
        machine: description of this machine.
        setting: what else the figures depend on.
        command: that measures them.

    Attributes:
        rows: measured so far.
        complete: whether that is all.
        bars: what is demanded of the rows.
    """

    def __init__(
        self, path: Path, section: str, machine: dict[str, Any], setting: dict[str, Any], command: str
    ) -> None:
        self.path, self.section, self.machine, self.setting, self.command = path, section, machine, setting, command
        self.rows: list[Row] = []
        self.bars: list[Bar] = []
        self.complete = False

    def resume(self) -> bool:
        """Take over what the file holds if it is of this machine and setting; return whether it is.

        Raises:
            BenchmarkError: the file is damaged.
        """
        if not self.path.exists():
            return False
        content = read(self.path)
        if not machines.same(content["machine"], self.machine) or content["setting"] != self.setting:
            return False
        self.machine = content["machine"]
        self.rows, self.complete = content["rows"], content.get("complete") is True
        return True

    def has(self, labels: Mapping[str, Label]) -> bool:
        """Whether a cell has been measured."""
        return any(row["labels"] == labels for row in self.rows)

    def add(self, labels: Mapping[str, Label], figures: Mapping[str, float]) -> None:
        """Take a cell's figures, rounded."""
        rounded = {name: float(f"{value:.{_DIGITS}g}") for name, value in figures.items()}
        self.rows.append({"labels": dict(labels), **rounded})

    def save(self, memory: Mapping[str, float]) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        content = {
            "section": self.section,
            "complete": self.complete,
            "command": self.command,
            "machine": self.machine,
            "setting": self.setting,
            "peak_memory": dict(memory),
            "bars": [bar.as_dict() for bar in self.bars],
        }
        # A row a line: a file that people read, and whose changes git shows.
        head = json.dumps(content, indent=1, allow_nan=False).removesuffix("\n}")
        rows = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in self.rows)
        write_text(f'{head},\n "rows": [\n{rows}\n ]\n}}\n', self.path)
