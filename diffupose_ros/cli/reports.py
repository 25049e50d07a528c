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

"""What commands that measure a model write, beside the numbers."""

import hashlib
import json
from pathlib import Path
from typing import Any


def weights_settings(checkpoint: str) -> dict[str, str]:
    """Return which model it was, for a report's settings.

    Raises:
        FileNotFoundError: no such model.
    """
    from diffupose_ros.lifting.weights import weights_path

    digest = hashlib.sha256(weights_path(checkpoint).read_bytes()).hexdigest()
    return {"checkpoint": Path(checkpoint).name, "checkpoint_sha256": digest[:16]}


def by_name(files: list[Path]) -> dict[str, Path]:
    """Return files by their names without the ending; by their paths where two have the same name.

    Raises:
        ValueError: one that is given twice.
    """
    if len({file.absolute() for file in files}) < len(files):
        raise ValueError(f"--data: expected each file once, got {', '.join(map(str, files))}")
    short = {file.stem: file for file in files}
    return short if len(short) == len(files) else {str(file): file for file in files}


def number_text(value: float | None) -> str:
    """Return a figure as tables show it; "-" where there is no answer."""
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def write_reports(reports: dict[str, dict[str, Any]], file: Path) -> None:
    """Write reports as JSON by name, or a single one as it is.

    Raises:
        OSError: the file cannot be written; what was there is still there.
    """
    from diffupose_ros.files import write_text

    content = reports if len(reports) > 1 else next(iter(reports.values()))
    write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", file)
