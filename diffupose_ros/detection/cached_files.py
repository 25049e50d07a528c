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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from diffupose_ros.detection.weights import MIRROR, Progress, mirrored, reason_of
from diffupose_ros.files import cache_folder

_TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class CachedFiles:
    """Files of one detector, which somebody publishes inside of something larger.

    Attributes:
        title: what messages call them.
        detector: its name, which is also theirs for ``diffupose weights``.
        licence: of the files.
        source: address, or what else tells people where they come from.
        inside: what they are taken out of, with its size.
        digests: SHA-256 of each file, by its path inside of that.
        by_hand: how to do it without this program; ``{folder}`` stands for the cache.
        take: returns what the files of some paths hold, in their order, and tells its progress; raises OSError or
            ValueError where it cannot.
    """

    title: str
    detector: str
    licence: str
    source: str
    inside: str
    digests: Mapping[str, str]
    by_hand: str
    take: Callable[[Sequence[str], Progress], list[bytes]]

    def paths(self) -> list[Path]:
        """Return where the files are in the user's cache, or would be, in the order of ``digests``."""
        return [cache_folder() / Path(member).name for member in self.digests]

    def are_here(self) -> bool:
        """Return whether all are there, whatever they hold."""
        return all(path.is_file() for path in self.paths())

    def find(self) -> list[Path]:
        """Return the files.

        Raises:
            FileNotFoundError: they are not here; says how to get them.
            ValueError: one of them is damaged.
        """
        command, paths = f"`diffupose weights fetch {self.detector}`", self.paths()
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise FileNotFoundError(
                f"{self.title}: not on this machine ({', '.join(missing)}): run {command}. {self._hint()}"
            )
        for path, digest in zip(paths, self.digests.values(), strict=True):
            _verify(path.read_bytes(), digest, str(path), f"delete it, then run {command}")
        return paths

    def fetch(self, progress: Progress = lambda done, total: None) -> list[Path]:
        """Return the files, brought into the user's cache if need be.

        They appear there whole and verified, or not at all.

        Raises:
            ConnectionError: their source, or the user's mirror, cannot be reached, refuses, or broke off; says how to
                do it by hand.
            ValueError: what came, or what is in the cache, are not these files.
            OSError: the cache cannot be written.
        """
        if self.are_here():
            return self.find()
        paths = self.paths()
        cache_folder().mkdir(parents=True, exist_ok=True)
        try:
            if os.environ.get(MIRROR):
                contents = _from_mirror([path.name for path in paths])
            else:
                contents = self.take(list(self.digests), progress)
        except (OSError, HTTPException, ValueError) as error:
            kind = ValueError if isinstance(error, ValueError) else ConnectionError
            raise kind(f"{self.title}: cannot be fetched: {reason_of(error)}. {self._hint()}") from None
        for path, digest, content in zip(paths, self.digests.values(), contents, strict=True):
            _verify(content, digest, f"{path.name} as it came", f"it was not kept. {self._hint()}")
        for path, content in zip(paths, contents, strict=True):
            _keep(path, content)
        return paths

    def fetch_aloud(self) -> list[Path]:
        """Return what ``fetch`` does, and say on stderr what is fetched, how far it is, and where it then is."""
        if self.are_here():
            return self.find()
        _say(f"{self.title}: not on this machine yet, now taken out of {self.inside} ...")
        quarter = 0

        def progress(done: int, total: int | None) -> None:
            nonlocal quarter
            if total and done * 4 // total > quarter:
                quarter = done * 4 // total
                _say(f"  {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        paths = self.fetch(progress)
        _say(f"They are in {cache_folder()}.")
        return paths

    def _hint(self) -> str:
        by_hand = self.by_hand.format(folder=cache_folder())
        return f"By hand: {by_hand}; or set {MIRROR} to an address or a folder that has these files"


def _verify(content: bytes, expected: str, what: str, what_to_do: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(
            f"{what}: damaged, or not the published file: its SHA-256 should be {expected[:16]}..., "
            f"but is {found[:16]}...; {what_to_do}"
        )


def _keep(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; others may do so at the same time."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _from_mirror(names: Sequence[str]) -> list[bytes]:
    """Return what files of the user's mirror hold; see ``weights.MIRROR``."""
    contents = []
    for name in names:
        with urlopen(mirrored(name), timeout=_TIMEOUT) as response:
            contents.append(response.read())
    return contents


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
