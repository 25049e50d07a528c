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


"""BlazePose's networks in the user's cache; where they come from is replaced by a few bytes."""

import hashlib
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from diffupose_ros.detection import blazepose_files
from diffupose_ros.detection.cached_files import CachedFiles
from diffupose_ros.detection.weights import MIRROR, Progress

CONTENTS = [b"people", b"landmarks"]
BY_HAND = r"By hand: get any wheel of https://pypi.org/project/mediapipe/0.10.21/#files .*unzip -j .* -d "


def networks() -> CachedFiles:
    return blazepose_files.NETWORKS  # which tests replace


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the wheel has in place of the networks; an empty list: no index can be reached."""
    contents = list(CONTENTS)
    digests = [hashlib.sha256(content).hexdigest() for content in CONTENTS]
    small = dict(zip(networks().digests, digests, strict=True))

    def read(project: str, version: str, members: list[str], progress: Progress) -> list[bytes]:
        assert (project, version, members) == ("mediapipe", "0.10.21", list(small))
        if not contents:
            raise ConnectionError("no wheel of it: connection refused")
        for done in range(101):
            progress(done, 100)
        return contents

    monkeypatch.setattr(blazepose_files, "NETWORKS", replace(blazepose_files.NETWORKS, digests=small))
    monkeypatch.setattr(blazepose_files, "read_members", read)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(MIRROR, raising=False)
    return contents


def test_they_are_fetched_once_which_is_said(wheel: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(FileNotFoundError, match=f"diffupose weights fetch blazepose.*{BY_HAND}{tmp_path}"):
        networks().find()
    paths = networks().fetch_aloud()
    assert [path.read_bytes() for path in paths] == CONTENTS
    assert [path.name for path in paths] == ["pose_detection.tflite", "pose_landmark_full.tflite"]
    assert {path.parent for path in paths} == {tmp_path / "diffupose_ros"}
    said = capsys.readouterr().err
    assert said.count("MB") == 5 and "not on this machine yet" in said and str(tmp_path) in said
    wheel.clear()
    assert networks().fetch_aloud() == networks().fetch() == networks().find() == paths
    assert capsys.readouterr().err == ""
    assert sorted((tmp_path / "diffupose_ros").iterdir()) == sorted(paths)


def test_other_files_than_the_published_are_refused_and_not_kept(wheel: list[bytes]) -> None:
    wheel[1] = b"landmark"
    with pytest.raises(ValueError, match=rf"pose_landmark_full.tflite as it came: damaged.*SHA-256.*{BY_HAND}"):
        networks().fetch()
    assert not any(path.exists() for path in networks().paths())
    wheel[1] = CONTENTS[1]
    networks().fetch()[0].write_bytes(b"peop")
    for look in (networks().find, networks().fetch, networks().fetch_aloud):
        with pytest.raises(ValueError, match=r"pose_detection.tflite: damaged.*delete it"):
            look()


def test_without_network_it_says_how_to_do_it_by_hand(wheel: list[bytes], tmp_path: Path) -> None:
    wheel.clear()
    with pytest.raises(ConnectionError, match=f"refused.*{BY_HAND}{tmp_path}.*or set {MIRROR}"):
        networks().fetch_aloud()


def test_a_mirror_has_the_two_files(wheel: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel.clear()
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    with pytest.raises(ConnectionError, match=f"mirror/pose_detection.tflite.*{BY_HAND}"):
        networks().fetch()
    for path, content in zip(networks().paths(), CONTENTS, strict=True):
        (tmp_path / "mirror" / path.name).write_bytes(content)
    assert [path.read_bytes() for path in networks().fetch()] == CONTENTS


def test_commands(wheel: list[bytes], tmp_path: Path) -> None:
    testing = pytest.importorskip("typer.testing", reason="optional on a ROS 2")
    from diffupose_ros.cli import app

    def run(*arguments: str) -> tuple[int, str]:
        result = testing.CliRunner().invoke(app, ["weights", *arguments])
        return result.exit_code, result.output

    code, output = run("path", "blazepose")
    assert code == 1 and "weights fetch blazepose" in output
    listed = next(line for line in run("list")[1].splitlines() if line.startswith("blazepose "))
    assert "Apache-2.0" in listed and "not here" in listed and "mediapipe 0.10.21" in listed
    code, output = run("fetch", "blazepose")
    assert code == 0 and output.splitlines()[-2:] == [str(path) for path in networks().paths()]
    assert run("path", "blazepose") == (0, "".join(f"{path}\n" for path in networks().paths()))
    assert "not here" not in next(line for line in run("list")[1].splitlines() if line.startswith("blazepose "))


@pytest.mark.usefixtures("wheel")
def test_a_mirror_that_breaks_off_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class BreaksOff(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"some")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), BreaksOff) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ConnectionError, match=rf"cannot be fetched: IncompleteRead.*{BY_HAND}{tmp_path}"):
            networks().fetch()
        thread.join()
