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

"""MoveNet's network: where it comes from.

It is Google's, Apache-2.0 (tfhub.dev/google/movenet/singlepose/lightning/4), as the npm package Human (MIT) has it for
TensorFlow.js.
"""

import os
import tarfile
from collections.abc import Sequence
from typing import Any
from urllib.request import Request, urlopen

from diffupose_ros.detection.cached_files import CachedFiles
from diffupose_ros.detection.weights import Progress

REGISTRY = "https://registry.npmjs.org"
PACKAGE = "@vladmandic/human/-/human-3.3.6.tgz"
_GRAPH, _WEIGHTS = "package/models/movenet-lightning.json", "package/models/movenet-lightning.bin"
_TIMEOUT = 30.0  # seconds without a byte


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


def _out_of_the_package(members: Sequence[str], progress: Progress) -> list[bytes]:
    address = f"{os.environ.get('NPM_CONFIG_REGISTRY', REGISTRY).rstrip('/')}/{PACKAGE}"
    found: dict[str, bytes] = {}
    request = Request(address, headers={"User-Agent": "diffupose_ros"})
    try:
        with (
            urlopen(request, timeout=_TIMEOUT) as response,
            tarfile.open(fileobj=_Counted(response, progress), mode="r|gz") as package,  # type: ignore[call-overload]
        ):
            for entry in package:
                if entry.name in members and (file := package.extractfile(entry)) is not None:
                    found[entry.name] = file.read()
                if len(found) == len(members):
                    return [found[name] for name in members]
    except (EOFError, tarfile.TarError) as error:
        raise ConnectionError(f"{address}: {error}") from None
    raise ConnectionError(f"{address} has no {' and '.join(sorted(set(members) - found.keys()))}")


NETWORKS = CachedFiles(
    title="MoveNet's network",
    detector="movenet",
    licence="Apache-2.0",
    source=f"{REGISTRY}/{PACKAGE}",
    inside="the npm package Human (29 MB)",
    digests={
        _GRAPH: "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
        _WEIGHTS: "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    },
    by_hand=(
        f"get {REGISTRY}/{PACKAGE} on any machine, then `tar xzf human-*.tgz --strip-components 2 -C {{folder}} "
        f"{_GRAPH} {_WEIGHTS}`"
    ),
    take=_out_of_the_package,
)
"""The graph, and its weights."""
