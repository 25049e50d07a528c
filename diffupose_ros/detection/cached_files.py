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

"""Networks' files in the user's cache: whole and verified, or not there at all."""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.request import urlopen

from diffupose_ros.detection.weights import Progress, cache_folder, mirrored

_TIMEOUT = 30.0  # seconds without a byte


def verify(content: bytes, expected: str, what: str, what_to_do: str) -> None:
    """Compare a file's SHA-256 with the expected one.

    Raises:
        ValueError: it is another; says so of ``what``, and what to do.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(
            f"{what}: damaged, or not the published file: its SHA-256 should be {expected[:16]}..., "
            f"but is {found[:16]}...; {what_to_do}"
        )


def keep(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; others may do so at the same time."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def from_mirror(names: Sequence[str]) -> list[bytes]:
    """Return what files of the user's mirror hold; see ``weights.MIRROR``."""
    contents = []
    for name in names:
        with urlopen(mirrored(name), timeout=_TIMEOUT) as response:
            contents.append(response.read())
    return contents


def announced(what: str, fetch: Callable[[Progress], list[Path]]) -> list[Path]:
    """Fetch files, and say on stderr what is fetched, how far it is, and where it then is."""
    _say(what)
    quarter = 0

    def progress(done: int, total: int | None) -> None:
        nonlocal quarter
        if total and done * 4 // total > quarter:
            quarter = done * 4 // total
            _say(f"  {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    paths = fetch(progress)
    _say(f"They are in {cache_folder()}.")
    return paths


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
