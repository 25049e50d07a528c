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


"""Public weights: the table, downloads that break off, and the command, against a server on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from diffupose_ros.detection import weights as weights_module
from diffupose_ros.detection.weights import ALIASES, MIRROR, WEIGHTS, PublicWeights, fetch_weights, find_weights

DATA = np.random.default_rng(0).bytes(1_000_000)
FILE = "hrnet_w32_coco_256x192-0badcafe_20200101.pth"


@dataclass
class Server:
    """A web server that has one file.

    Attributes:
        data: what it has.
        ranges: whether it can begin in the middle.
        breaks_off_after: bytes of an answer after which it closes the connection.
        tells_size: whether it says how long an answer is.
        status: what it answers instead of the file.
        asked: the Range headers of the requests.
    """

    address: str = ""
    data: bytes = DATA
    ranges: bool = True
    breaks_off_after: int | None = None
    tells_size: bool = True
    status: int = 0
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.headers["Range"])
            start = int(self.headers["Range"][6:-1]) if state.ranges and self.headers["Range"] else 0
            if state.status or not self.path.endswith(FILE):
                self.send_error(state.status or 404)
                return
            if start >= len(state.data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.data)}")
                self.end_headers()
                return
            body = state.data[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.data) - 1}/{len(state.data)}")
            if state.tells_size:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.breaks_off_after])

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that weights go to, with weights called "small" on the server."""
    entry = PublicWeights(f"{server.address}/{FILE}", hashlib.sha256(DATA).hexdigest()[:8], "w32", (256, 192), 75.0)
    monkeypatch.setitem(WEIGHTS, "small", entry)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "diffupose_ros"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_table_says_of_every_file_where_it_is_and_how_to_know_it() -> None:
    for name, entry in WEIGHTS.items():
        assert entry.address.startswith("https://download.openmmlab.com/mmpose/top_down/hrnet/hrnet_w")
        assert f"-{entry.sha256}_20" in entry.file and len(bytes.fromhex(entry.sha256)) == 4
        height, width = entry.input_size
        assert name.removesuffix("-dark") == f"{entry.width}-{height}x{width}"
        assert entry.width in ("w32", "w48") and entry.input_size in ((256, 192), (384, 288))
        assert 74 < entry.average_precision < 78
    assert len({entry.sha256 for entry in WEIGHTS.values()}) == len(WEIGHTS) == 8
    assert set(ALIASES.values()) <= set(WEIGHTS)


def test_a_file_is_downloaded_once_and_found(server: Server, cache: Path) -> None:
    seen = []
    path = fetch_weights("small", lambda done, total: seen.append((done, total)))
    assert path == cache / FILE and path.read_bytes() == DATA and files(cache) == [FILE]
    assert seen[0] == (0, len(DATA)) and seen[-1] == (len(DATA), len(DATA))
    assert fetch_weights("small") == find_weights("small") == path
    assert find_weights(path) == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("tells_size", [True, False])
def test_a_download_that_broke_off_goes_on_where_it_was(server: Server, cache: Path, tells_size: bool) -> None:
    server.breaks_off_after, server.tells_size = 300_000, True
    with pytest.raises(ConnectionError, match=r"300000 of 1000000 bytes.*300000 bytes are kept: the same command"):
        fetch_weights("small")
    assert files(cache) == [f"{FILE}.part"]
    with pytest.raises(FileNotFoundError, match="diffupose weights fetch small"):
        find_weights("small")
    server.breaks_off_after, server.tells_size = None, tells_size
    seen = []
    assert fetch_weights("small", lambda done, total: seen.append((done, total))).read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"] and files(cache) == [FILE]
    assert seen[0] == (300_000, len(DATA) if tells_size else None) and seen[-1][0] == len(DATA)


def test_an_interrupted_download_goes_on_where_it_was(server: Server, cache: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done > 400_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_weights("small", interrupt)
    kept = (cache / f"{FILE}.part").stat().st_size
    assert 400_000 < kept < len(DATA)
    assert fetch_weights("small").read_bytes() == DATA
    assert server.asked[1] == f"bytes={kept}-"


def test_a_server_that_cannot_begin_in_the_middle_begins_anew(server: Server, cache: Path) -> None:
    server.ranges = False
    cache.mkdir()
    (cache / f"{FILE}.part").write_bytes(b"x" * 500_000)
    assert fetch_weights("small").read_bytes() == DATA
    assert server.asked == ["bytes=500000-"] and files(cache) == [FILE]


def test_what_is_whole_already_is_not_downloaded_again(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / f"{FILE}.part").write_bytes(DATA)  # interrupted before it was verified
    assert fetch_weights("small").read_bytes() == DATA
    (cache / FILE).unlink()
    (cache / f"{FILE}.part").write_bytes(DATA + b"more than there is")
    assert fetch_weights("small").read_bytes() == DATA
    assert server.asked == ["bytes=1000000-", "bytes=1000018-", None]


@pytest.mark.parametrize("left", [b"", b"of another file"])
def test_a_file_with_the_wrong_hash_is_refused_and_not_kept(server: Server, cache: Path, left: bytes) -> None:
    if left:
        cache.mkdir()
        (cache / f"{FILE}.part").write_bytes(left)
    else:
        server.data = DATA[:-1] + b"?"
    with pytest.raises(ValueError, match=r"SHA-256 should begin with \w{8}, but is .*try again.*By hand"):
        fetch_weights("small")
    assert files(cache) == []
    server.data = DATA
    assert fetch_weights("small").read_bytes() == DATA


def test_an_end_too_early_without_a_size_is_noticed(server: Server, cache: Path) -> None:
    server.breaks_off_after, server.tells_size = 300_000, False
    with pytest.raises(ValueError, match="damaged, or not the published file"):
        fetch_weights("small")
    assert files(cache) == []


def test_a_damaged_file_in_the_cache_is_noticed(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / FILE).write_bytes(DATA[:1000])
    for look in (find_weights, fetch_weights):
        with pytest.raises(ValueError, match=rf"{FILE}: damaged.*delete it"):
            look("small")


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_a_folder_can_be_the_mirror(
    server: Server, cache: Path, tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "a mirror"
    mirror.mkdir()
    (mirror / FILE).write_bytes(DATA)
    monkeypatch.setenv(MIRROR, mirror.as_uri() + "/" if scheme else str(mirror))
    cache.mkdir()
    (cache / f"{FILE}.part").write_bytes(DATA[:1000])
    assert fetch_weights("small").read_bytes() == DATA
    assert server.asked == []
    (cache / FILE).unlink()
    (mirror / FILE).unlink()
    with pytest.raises(ConnectionError, match=rf"{urlsplit(mirror.as_uri()).path}/{FILE} cannot be downloaded"):
        fetch_weights("small")


def test_a_server_can_be_the_mirror(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = PublicWeights(f"https://example.invalid/{FILE}", WEIGHTS["small"].sha256, "w32", (256, 192), 75.0)
    monkeypatch.setitem(WEIGHTS, "small", entry)
    monkeypatch.setenv(MIRROR, f"{server.address}/some/folder")
    assert fetch_weights("small").read_bytes() == DATA


def test_without_network_it_says_how_to_do_it_by_hand(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")  # where nobody listens
    by_hand = rf"By hand: get {server.address}/{FILE} .*put that file into {cache}; or set {MIRROR}"
    with pytest.raises(ConnectionError, match=rf"cannot be downloaded: .*refused.*{by_hand}"):
        fetch_weights("small")
    monkeypatch.delenv(MIRROR)
    server.status = 503
    with pytest.raises(ConnectionError, match=rf"503.*{by_hand}"):
        fetch_weights("small")
    assert not cache.exists() or files(cache) == []


def test_a_server_that_falls_silent_is_given_up(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_TIMEOUT", 0.1)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # takes connections, never answers
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{proxy.server_port}")
    try:
        with pytest.raises(ConnectionError, match="timed out"):
            fetch_weights("small")
    finally:
        proxy.server_close()


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(server: Server, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=str(cache)):
        fetch_weights("small")


def test_without_a_home_it_says_what_to_set(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", gone)  # as in a container whose user nobody entered
    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for call in (find_weights, fetch_weights):
        with pytest.raises(FileNotFoundError, match=r"no home directory.*set HOME or XDG_CACHE_HOME"):
            call("small")


def test_commands(server: Server, cache: Path) -> None:
    testing = pytest.importorskip("typer.testing", reason="optional on a ROS 2")
    from diffupose_ros.cli import app

    def run(*arguments: str) -> tuple[int, str]:
        result = testing.CliRunner().invoke(app, ["weights", *arguments])
        return result.exit_code, result.output

    code, before = run("list")
    assert code == 0 and len(before.splitlines()) == len(WEIGHTS) + 2  # and BlazePose, MoveNet
    assert "w32-256x192-dark (w32)" in before and "75.7" in before and "Apache-2.0" in before
    code, output = run("path", "small")
    assert code == 1 and "diffupose weights fetch small" in output
    code, output = run("fetch", "small")
    assert code == 0 and output.splitlines()[-1] == str(cache / FILE)
    assert run("path", "small") == (0, f"{cache / FILE}\n")
    assert run("list")[1].replace("not here", "").count("here") == 1
    for command in ("fetch", "path"):
        code, output = run(command, "w33")
        assert code == 1 and "'w33'" in output and "w32, w48" in output
