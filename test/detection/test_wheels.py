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


"""Files out of wheels, from a package index on this machine."""

import base64
import io
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.detection import wheels
from diffupose_ros.detection.wheels import pip_settings, read_members

RANDOM = np.random.default_rng(0)
MEMBERS = {"package/small.bin": RANDOM.bytes(10_000), "package/deep/large.bin": RANDOM.bytes(1_500_000)}
REST = {"package/library.so": RANDOM.bytes(8_000_000), "package/empty": b""}
WHEEL = "package-1.2-cp311-cp311-manylinux_2_28_x86_64.whl"


def wheel() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        for name, content in (MEMBERS | REST).items():
            archive.writestr(name, content)
    return data.getvalue()


@dataclass
class Index:
    """A package index that has one release.

    Attributes:
        wheel: what is behind the link to it.
        ranges: whether it sends parts of files.
        breaks_off_after: bytes of an answer after which it closes the connection.
        login: what a request must say in Authorization.
        sent: bytes of wheels.
    """

    address: str = ""
    wheel: bytes = field(default_factory=wheel)
    ranges: bool = True
    breaks_off_after: int | None = None
    login: str = ""
    sent: int = 0


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    state = Index()
    other = "package-1.2-cp312-cp312-win_amd64.whl"
    page = "".join(
        f'<a href="../../files/{name}#sha256=0badcafe">{name}</a><br/>'
        for name in ("package-1.1-py3-none-any.whl", other, WHEEL, "package-1.2.tar.gz")
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if state.login and self.headers["Authorization"] != state.login:
                self.send_error(401)
            elif self.path == "/simple/package/":
                self._answer(200, page.encode())
            elif self.path != f"/files/{WHEEL}":
                self.send_error(404)
            elif state.ranges and self.headers["Range"]:
                first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
                part = state.wheel[first : last + 1]
                state.sent += len(part)
                where = f"bytes {first}-{first + len(part) - 1}/{len(state.wheel)}"
                self._answer(206, part, {"Content-Range": where})
            else:
                state.sent += len(state.wheel)
                self._answer(200, state.wheel)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: state.breaks_off_after])

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}/simple"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(wheels, "pip_settings", lambda: {"index-url": state.address})
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.mark.parametrize("ranges", [True, False])
def test_members_are_read_and_little_else_where_the_server_sends_parts(index: Index, ranges: bool) -> None:
    index.ranges = ranges
    seen: list[tuple[int, int | None]] = []
    members = read_members("package", "1.2", list(MEMBERS), lambda done, total: seen.append((done, total)))
    assert members == list(MEMBERS.values())
    whole = sum(map(len, MEMBERS.values())) if ranges else len(index.wheel)
    assert seen[-1] == (whole, whole) and seen == sorted(seen)
    assert (index.sent < 5_000_000) == ranges


def test_an_index_of_files_and_the_next_one_where_the_first_lacks_it(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "simple/package").mkdir(parents=True)
    (tmp_path / "simple/package/index.html").write_text(f'<a href="../../{WHEEL}">{WHEEL}</a>')
    (tmp_path / WHEEL).write_bytes(index.wheel)
    settings = {"index-url": f"{index.address}/nothing", "extra-index-url": (tmp_path / "simple").as_uri()}
    monkeypatch.setattr(wheels, "pip_settings", lambda: settings)
    assert read_members("package", "1.2", list(MEMBERS)) == list(MEMBERS.values())
    assert index.sent == 0


def test_a_name_and_password_go_to_the_index_and_into_no_message(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.login = "Basic " + base64.b64encode(b"me@home:secret").decode()
    with pytest.raises(ConnectionError, match="401"):
        read_members("package", "1.2", list(MEMBERS))
    address = index.address.replace("//", "//me%40home:secret@")
    monkeypatch.setattr(wheels, "pip_settings", lambda: {"index-url": address})
    assert read_members("package", "1.2", list(MEMBERS)) == list(MEMBERS.values())
    with pytest.raises(ConnectionError, match="404") as raised:
        read_members("other", "1.2", [])
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("ranges", [True, False])
def test_what_breaks_off_is_noticed(index: Index, ranges: bool) -> None:
    index.ranges, index.breaks_off_after = ranges, 2000
    with pytest.raises(ConnectionError, match=r"package 1\.2 from http://127.*/simple: .*2000"):
        read_members("package", "1.2", list(MEMBERS))


def test_wheels_that_are_broken_or_lack_something_are_refused(index: Index) -> None:
    with pytest.raises(ValueError, match=r"not the right one: .*missing\.bin"):
        read_members("package", "1.2", ["package/missing.bin"])
    index.wheel = index.wheel[:3_000_000]
    with pytest.raises(ValueError, match="the wheel is broken"):
        read_members("package", "1.2", list(MEMBERS))


def test_without_network_or_release_it_says_of_each_index_what_was_wrong(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"index-url": "http://127.0.0.1:9/simple", "extra-index-url": index.address}
    monkeypatch.setattr(wheels, "pip_settings", lambda: settings)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9/simple: .*refused.*; http://.*: it has no such wheel"):
        read_members("package", "2.0", list(MEMBERS))


def test_pip_tells_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://g.example\ntimeout = 7\n[install]\nindex-url = https://i.example\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    found = pip_settings()
    assert (found["index-url"], found["timeout"]) == ("https://i.example", "7")
    monkeypatch.setenv("PIP_INDEX_URL", "https://e.example")
    assert pip_settings()["index-url"] == "https://e.example"

    def no_pip(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(wheels.subprocess, "run", no_pip)
    assert pip_settings() == {"index-url": "https://e.example"}
