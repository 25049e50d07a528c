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

"""The state of a run on disk: written whole or not at all, with the one before it kept."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from diffupose_ros.files import one_line

NEWEST, PREVIOUS = "state.pt", "state.previous.pt"
_BROKEN = "state.broken.pt"


def write_whole(state: dict[str, Any], path: Path, keep: Path | None = None) -> None:
    """Write a file so that an interruption at any moment leaves the old one or the new one.

    Args:
        state: what torch can save.
        path: of the file.
        keep: where the file that was there goes.

    Raises:
        OSError: it cannot be written; the file that was there is still there.
    """
    buffer = io.BytesIO()  # torch's own writer ends the process where a disk is full
    torch.save(state, buffer)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from None
    if keep is not None and path.exists():
        path.replace(keep)
    partial.replace(path)


def save_state(state: dict[str, Any], folder: Path) -> None:
    """Write the newest state; the one before it stays beside it.

    Raises:
        OSError: it cannot be written; those that were there are still there.
    """
    write_whole(state, folder / NEWEST, keep=folder / PREVIOUS)


def load_state(folder: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the newest state of a run that can be read, on the CPU; None where there is none yet.

    Args:
        folder: of the run.
        say: is told where the newest was of no use.

    Raises:
        ValueError: there are states, and none can be read.
    """
    reasons = []
    for name in (NEWEST, PREVIOUS):
        path = folder / name
        if not path.is_file():
            continue
        try:
            state = _read(path)
        except Exception as error:  # noqa: BLE001 - torch and zipfile raise a dozen kinds for a broken file
            reasons.append(f"{path}: {type(error).__name__}: {one_line(error)}")
            continue
        if reasons:
            say(f"unreadable: {reasons[0]}; going on from {path}, of step {state['step']}")
            (folder / NEWEST).replace(folder / _BROKEN)  # or the next save would keep it as the previous one
        return state
    if reasons:
        raise ValueError(
            f"the saved state of this run cannot be read ({'; '.join(reasons)}); delete {folder} to start anew, "
            "or train in another folder"
        )
    return None


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()  # torch does not look at the check sums
    if damaged is not None:
        raise ValueError(f"damaged at {damaged}")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    state["step"]  # raises for what is no state
    return state
