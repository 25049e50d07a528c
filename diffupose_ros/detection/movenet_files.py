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

"""MoveNet's network: where it comes from, and how it gets here.

It is Google's, Apache-2.0 (tfhub.dev/google/movenet/singlepose/lightning/4), as the npm package Human (MIT) has it for
TensorFlow.js.
"""

import os
import tarfile
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from diffupose_ros.detection.cached_files import announced, from_mirror, keep, verify
from diffupose_ros.detection.weights import MIRROR, Progress, cache_folder

REGISTRY = "https://registry.npmjs.org"
PACKAGE = "@vladmandic/human/-/human-3.3.6.tgz"
LICENCE = "Apache-2.0"
SOURCE = f"{REGISTRY}/{PACKAGE}"
NETWORKS = {  # SHA-256 of the file, by its path in the package: the graph, and its weights
    "package/models/movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "package/models/movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
}
_TIMEOUT = 30.0  # seconds without a byte


def network_files() -> list[Path]:
    """Return where the files are in the user's cache, or would be: the graph, and its weights."""
    return [cache_folder() / Path(member).name for member in NETWORKS]


def find_networks() -> list[Path]:
    """Return the files; see ``network_files``.

    Raises:
        FileNotFoundError: they are not here; says how to get them.
        ValueError: one of them is damaged.
    """
    paths = network_files()
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"MoveNet's network is not on this machine ({', '.join(missing)}): get it with "
            f"`diffupose weights fetch movenet`. {_hint()}"
        )
    for path, digest in zip(paths, NETWORKS.values(), strict=True):
        verify(path.read_bytes(), digest, str(path), "delete it, then run `diffupose weights fetch movenet`")
    return paths


def fetch_networks(progress: Progress = lambda done, total: None) -> list[Path]:
    """Return the files, taken out of the npm package into the user's cache if need be.

    Raises:
        ConnectionError: the registry cannot be reached, refuses, or broke off; says how to do it by hand.
        ValueError: what came, or what is in the cache, is not this network.
        OSError: the cache cannot be written.
    """
    paths = network_files()
    if all(path.is_file() for path in paths):
        return find_networks()
    cache_folder().mkdir(parents=True, exist_ok=True)
    try:
        names = [path.name for path in paths]
        contents = from_mirror(names) if os.environ.get(MIRROR) else _unpacked(progress)
    except (OSError, EOFError, tarfile.TarError) as error:
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", None) or error
        raise ConnectionError(f"MoveNet's network cannot be fetched: {reason}. {_hint()}") from None
    for path, digest, content in zip(paths, NETWORKS.values(), contents, strict=True):
        verify(content, digest, f"{path.name} as it came", f"it was not kept. {_hint()}")
    for path, content in zip(paths, contents, strict=True):
        keep(path, content)
    return paths


def networks() -> list[Path]:
    """Return what ``fetch_networks`` does, and say on stderr that something is fetched, and how far it is."""
    if all(path.is_file() for path in network_files()):
        return find_networks()
    what = "MoveNet's network (5 MB) is not on this machine yet: taking it out of the npm package Human (29 MB) ..."
    return announced(what, fetch_networks)


class _Counted:
    """A response that tells how much of it was read."""

    def __init__(self, response: Any, progress: Progress) -> None:
        length = response.headers.get("Content-Length")
        self._response, self._progress = response, progress
        self._done, self._total = 0, None if length is None else int(length)

    def read(self, size: int) -> bytes:
        part: bytes = self._response.read(size)
        self._done += len(part)
        self._progress(self._done, self._total)
        return part


def _unpacked(progress: Progress) -> list[bytes]:
    address = f"{os.environ.get('NPM_CONFIG_REGISTRY', REGISTRY).rstrip('/')}/{PACKAGE}"
    found: dict[str, bytes] = {}
    request = Request(address, headers={"User-Agent": "diffupose_ros"})
    with (
        urlopen(request, timeout=_TIMEOUT) as response,
        tarfile.open(fileobj=_Counted(response, progress), mode="r|gz") as package,  # type: ignore[call-overload]
    ):
        for member in package:
            if member.name in NETWORKS and (file := package.extractfile(member)) is not None:
                found[member.name] = file.read()
            if len(found) == len(NETWORKS):
                return [found[name] for name in NETWORKS]
    raise tarfile.TarError(f"{address} has no {' and '.join(NETWORKS.keys() - found.keys())}")


def _hint() -> str:
    return (
        f"By hand: get {SOURCE} on any machine, then `tar xzf human-*.tgz --strip-components 2 -C {cache_folder()} "
        f"{' '.join(NETWORKS)}`; or set {MIRROR} to an address or a folder that has the two files"
    )
