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


"""Files out of a package's wheel, from pip's package index; without the rest of the wheel where the server can."""

import base64
import io
import os
import ssl
import subprocess
import sys
import tempfile
import zipfile
import zlib
from ast import literal_eval
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from http.client import HTTPException
from typing import IO, Any, cast
from urllib.error import URLError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import Request, urlopen

from diffupose_ros.detection.weights import Progress, reason_of

PYPI = "https://pypi.org/simple"
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18
_BLOCK = 1 << 20  # bytes of one request at least, where a server sends parts of files
_PIP_TIMEOUT = 30.0  # s


def read_members(
    project: str, version: str, members: Sequence[str], progress: Progress = lambda done, total: None
) -> list[bytes]:
    """Return files that the wheels of a release hold, whatever platform they are for.

    The indexes are pip's: its environment variables and its configuration files tell which, PyPI if nothing does.

    Args:
        project: normalised name.
        version: as the wheels' names have it.
        members: their paths within the wheel.
        progress: told of what is read.

    Raises:
        ConnectionError: no index can be reached, has the release, or sent all of it; says of each what was wrong.
        ValueError: a wheel that is broken, or lacks one of them.
    """
    settings = pip_settings()
    wrong = []
    for address in _indexes(settings):
        index = _Index(address, settings.get("cert", ""))
        try:
            return index.read(project, version, members, progress)
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            reason = reason_of(error)
            wrong.append(f"{index.address}: {reason}")
    raise ConnectionError(f"no wheel of {project} {version} from {'; '.join(wrong)}")


def pip_settings() -> dict[str, str]:
    """Return what pip's environment variables and configuration files say of ``pip install``, by option."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # an environment without pip
        names = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "cert": "PIP_CERT"}
        return {option: os.environ[name] for option, name in names.items() if os.environ.get(name)}
    found: dict[str, dict[str, str]] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        found.setdefault(section, {})[option] = str(literal_eval(value))
    return found.get("global", {}) | found.get("install", {}) | found.get(":env:", {})


def _indexes(settings: dict[str, str]) -> list[str]:
    return [settings.get("index-url", PYPI), *settings.get("extra-index-url", "").split()]


class _Index:
    """A package index: pages of links (PEP 503).

    Attributes:
        address: without the user's name and password, which go with each request to the same host.
    """

    def __init__(self, address: str, certificates: str) -> None:
        parts = urlsplit(address)
        user, _, self._host = parts.netloc.rpartition("@")
        self.address = parts._replace(netloc=self._host).geturl().rstrip("/")
        self._credentials = base64.b64encode(unquote(user).encode()).decode() if user else ""
        self._context = ssl.create_default_context(cafile=certificates) if certificates else None

    def read(self, project: str, version: str, members: Sequence[str], progress: Progress) -> list[bytes]:
        wheel, known = self._open_wheel(self._wheel(project, version), progress)
        with wheel:
            return _unpacked(wheel, members, (lambda done, total: None) if known else progress)

    def _wheel(self, project: str, version: str) -> str:
        page = f"{self.address}/{project}/" + ("index.html" if self.address.startswith("file:") else "")
        with self._open(page) as response:
            links = _Links(response.geturl(), response.read().decode(errors="replace")).found
        fitting = [link for link in links if unquote(_file(link)).startswith(f"{project}-{version}-")]
        wheels = [link for link in fitting if _file(link).endswith(".whl")]
        if not wheels:
            raise ConnectionError("it has no such wheel")
        return min(wheels, key=lambda link: "manylinux" not in link)  # those are the smallest

    def _open_wheel(self, address: str, progress: Progress) -> tuple[IO[bytes], bool]:
        """The wheel as a file that can be searched, and whether all of it is here."""
        with self._open(address, "bytes=0-0") as response:
            if response.status == 206:
                size = int(response.headers["Content-Range"].rpartition("/")[2])
                remote = _Remote(lambda part: self._open(address, part), size)
                return cast(IO[bytes], io.BufferedReader(remote, _BLOCK)), False
            whole = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who asked for it
            length = response.headers["Content-Length"]
            total = None if length is None else int(length)
            while chunk := response.read(_CHUNK):
                whole.write(chunk)
                progress(whole.tell(), total)
            if total is not None and whole.tell() < total:
                raise ConnectionError(f"it broke off after {whole.tell()} of {total} bytes")
            return whole, True

    def _open(self, address: str, part: str = "") -> Any:
        request = Request(address, headers={"User-Agent": "diffupose_ros"} | ({"Range": part} if part else {}))
        if self._credentials and urlsplit(address).netloc == self._host:
            request.add_unredirected_header("Authorization", f"Basic {self._credentials}")
        return urlopen(request, timeout=_TIMEOUT, context=self._context)


class _Remote(io.RawIOBase):
    """A file of a server that sends parts of files."""

    def __init__(self, get: Callable[[str], Any], size: int) -> None:
        self._get, self._size, self._at = get, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        with self._get(f"bytes={self._at}-{self._at + wanted - 1}") as response:
            data = response.read()
        if response.status != 206 or len(data) != wanted:
            raise ConnectionError(f"it sent {len(data)} of {wanted} bytes at {self._at}")
        buffer[:wanted] = data
        self._at += wanted
        return wanted


def _unpacked(wheel: IO[bytes], members: Sequence[str], progress: Progress) -> list[bytes]:
    contents, done = [], 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            total = sum(archive.getinfo(member).file_size for member in members)
            for member in members:
                with archive.open(member) as file:
                    parts = []
                    while part := file.read(_CHUNK):
                        parts.append(part)
                        done += len(part)
                        progress(done, total)
                contents.append(b"".join(parts))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise ValueError(f"the wheel is broken, or not the right one: {error}") from None
    return contents


class _Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self, base: str, page: str) -> None:
        super().__init__()
        self._base = base
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "base" and target:
            self._base = urljoin(self._base, target)
        elif tag == "a" and target:
            self.found.append(urldefrag(urljoin(self._base, target)).url)


def _file(address: str) -> str:
    return urlsplit(address).path.rpartition("/")[2]
