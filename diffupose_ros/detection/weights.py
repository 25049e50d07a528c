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


"""Public weights of HRNet: which there are, where they come from, and how they get here, whole and unaltered."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from diffupose_ros.files import cache_folder, user_path

MIRROR = "DIFFUPOSE_WEIGHTS_MIRROR"
"""Environment variable: an address (https://..., file://...) or a folder that holds the files instead."""
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18
Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here, and those of the whole file where the server tells."""


@dataclass(frozen=True)
class PublicWeights:
    """A public checkpoint of HRNet, trained on COCO's 17 keypoints.

    Attributes:
        address: where its publisher has it.
        sha256: the beginning of the file's SHA-256 that the publisher tells: enough against damage, not
            against somebody who forges files.
        width: ``w32`` or ``w48``.
        input_size: (height, width) in pixels.
        average_precision: on COCO val2017 with the publisher's person boxes and flip test, in percent.
        licence: as the publisher states it.
    """

    address: str
    sha256: str
    width: str
    input_size: tuple[int, int]
    average_precision: float
    licence: str = "Apache-2.0"

    @property
    def file(self) -> str:
        """The file's name."""
        return self.address.rpartition("/")[2]


def _openmmlab(file: str, average_precision: float) -> PublicWeights:
    """Of MMPose's model zoo, whose names tell the rest: hrnet_w32_coco_256x192_dark-07f147eb_20200812.pth."""
    model, published = file.removesuffix(".pth").split("-")
    _, width, _, size = model.removesuffix("_dark").split("_")
    height, _, across = size.partition("x")
    address = f"https://download.openmmlab.com/mmpose/top_down/hrnet/{file}"
    return PublicWeights(address, published.partition("_")[0], width, (int(height), int(across)), average_precision)


# Names, addresses and figures from MMPose's model indices (hrnet_coco.yml, hrnet_dark_coco.yml). "dark": trained
# with targets at sub-pixel positions (Zhang et al., CVPR 2020), at the same cost.
WEIGHTS = {
    "w32-256x192-dark": _openmmlab("hrnet_w32_coco_256x192_dark-07f147eb_20200812.pth", 75.7),
    "w32-384x288-dark": _openmmlab("hrnet_w32_coco_384x288_dark-307dafc2_20210203.pth", 76.6),
    "w48-256x192-dark": _openmmlab("hrnet_w48_coco_256x192_dark-8cba3197_20200812.pth", 76.4),
    "w48-384x288-dark": _openmmlab("hrnet_w48_coco_384x288_dark-e881a4b6_20210203.pth", 77.2),
    "w32-256x192": _openmmlab("hrnet_w32_coco_256x192-c78dce93_20200708.pth", 74.6),
    "w32-384x288": _openmmlab("hrnet_w32_coco_384x288-d9f0d786_20200708.pth", 76.0),
    "w48-256x192": _openmmlab("hrnet_w48_coco_256x192-b9e0b3ab_20200708.pth", 75.6),
    "w48-384x288": _openmmlab("hrnet_w48_coco_384x288-314c8528_20200708.pth", 76.7),
}
ALIASES = {"w32": "w32-256x192-dark", "w48": "w48-384x288-dark"}
"""The quickest and the most precise."""


def reason_of(error: Exception) -> object:
    """Return what people are told of an error of a download."""
    return error if isinstance(error, HTTPError) else getattr(error, "reason", None) or error


def mirrored(file: str) -> str:
    """Return the address of a file in the user's mirror; empty where there is none. See ``MIRROR``."""
    mirror = os.environ.get(MIRROR, "")
    if not mirror:
        return ""
    base = mirror if "://" in mirror else user_path(mirror).resolve().as_uri()
    return f"{base.rstrip('/')}/{file}"


def public_weights(name: str) -> PublicWeights:
    """Return the entry of a name or alias.

    Raises:
        FileNotFoundError: no such name; says which there are.
    """
    if ALIASES.get(name, name) not in WEIGHTS:
        raise FileNotFoundError(f"no weights {name!r}: not a file, and the names are {', '.join((*ALIASES, *WEIGHTS))}")
    return WEIGHTS[ALIASES.get(name, name)]


def is_here(name: str) -> bool:
    """Whether public weights are in the user's cache.

    Raises:
        FileNotFoundError: no such name.
    """
    return (cache_folder() / public_weights(name).file).is_file()


def find_weights(name_or_path: str | Path) -> Path:
    """Return the file of a path, or of public weights that are already here.

    Raises:
        FileNotFoundError: neither; says how to get them.
        ValueError: the cached file is damaged.
    """
    path = user_path(name_or_path)
    if path.is_file():
        return path
    name = str(name_or_path)
    entry = public_weights(name)
    path = cache_folder() / entry.file
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights {name!r} are not on this machine: get them with `diffupose weights fetch {name}`, or by "
            f"hand: {_by_hand(entry)}"
        )
    _verify(path, entry, f"delete it, then run `diffupose weights fetch {name}`")
    return path


def fetch_weights(name: str, progress: Progress = lambda done, total: None) -> Path:
    """Return the file of public weights in the user's cache, downloaded if need be.

    What an interrupted download left is gone on with. A file appears in the cache whole and verified, or
    not at all.

    Raises:
        FileNotFoundError: no such name.
        ConnectionError: the server cannot be reached, refuses, or broke off; says how to do it by hand.
        ValueError: what came is not the published file.
        OSError: the cache cannot be written.
    """
    entry = public_weights(name)
    path = cache_folder() / entry.file
    if path.is_file():
        _verify(path, entry, "delete it and try again")
        return path
    partial = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    address = mirrored(entry.file) or entry.address
    try:
        _download(address, partial, progress)
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        have = partial.stat().st_size if partial.exists() else 0
        kept = f" {have} bytes are kept: the same command goes on from there." if have else ""
        reason = reason_of(error)
        raise ConnectionError(f"{address} cannot be downloaded: {reason}.{kept} {_hint(entry)}") from None
    try:
        _verify(partial, entry, "it was deleted; try again, or get it elsewhere. " + _hint(entry))
    except ValueError:
        partial.unlink()
        raise
    os.replace(partial, path)
    return path


def _download(address: str, partial: Path, progress: Progress) -> None:
    """Append to ``partial`` what it lacks, or write it anew where the server cannot go on in the middle."""
    have = partial.stat().st_size if partial.exists() else 0
    try:
        response = _open(address, have)
    except HTTPError as error:
        if error.code != 416 or not have:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":  # it was whole already
            return
        response = _open(address, 0)
    with response:
        resumed = have > 0 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with open(partial, "ab" if resumed else "wb") as file:
            done = _copy(response, file, start, total, progress)
    if total is not None and done < total:
        raise ConnectionError(f"it broke off after {done} of {total} bytes")


def _open(address: str, start: int) -> Any:
    headers = {"User-Agent": "diffupose_ros"} | ({"Range": f"bytes={start}-"} if start else {})
    return urlopen(Request(address, headers=headers), timeout=_TIMEOUT)


def _copy(response: Any, file: IO[bytes], done: int, total: int | None, progress: Progress) -> int:
    progress(done, total)
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        progress(done, total)
    return done


def _verify(path: Path, entry: PublicWeights, what_to_do: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    found = digest.hexdigest()
    if not found.startswith(entry.sha256):
        raise ValueError(
            f"{path}: damaged, or not the published file: its SHA-256 should begin with {entry.sha256}, "
            f"but is {found[:16]}...; {what_to_do}"
        )


def _by_hand(entry: PublicWeights) -> str:
    return f"get {entry.address} on any machine and put that file into {cache_folder()}"


def _hint(entry: PublicWeights) -> str:
    return f"By hand: {_by_hand(entry)}; or set {MIRROR} to an address or a folder that has {entry.file}"
