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

"""MoveNet's network in the user's cache, from a registry on this machine that has a few bytes in its place."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from diffupose_ros.detection import movenet_files
from diffupose_ros.detection.cached_files import CachedFiles
from diffupose_ros.detection.weights import MIRROR

CONTENTS = (b"graph", b"weights")
BY_HAND = r"By hand: get https://registry.npmjs.org/@vladmandic/human/-/human-3.3.6.tgz .*tar xzf .* -C "


def networks() -> CachedFiles:
    return movenet_files.NETWORKS  # which tests replace


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small = {
        name: hashlib.sha256(content).hexdigest() for name, content in zip(networks().digests, CONTENTS, strict=True)
    }
    monkeypatch.setattr(movenet_files, "NETWORKS", replace(movenet_files.NETWORKS, digests=small))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", (tmp_path / "registry").as_uri() + "/")
    monkeypatch.delenv(MIRROR, raising=False)
    path = tmp_path / "registry" / movenet_files.PACKAGE
    path.parent.mkdir(parents=True)
    packed(path, dict(zip(small, CONTENTS, strict=True)))
    return path


def packed(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in ({"package/README.md": b"Human"} | files).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_it_is_fetched_once_which_is_said(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match=f"diffupose weights fetch movenet.*{BY_HAND}"):
        networks().find()
    paths = networks().fetch_aloud()
    assert tuple(path.read_bytes() for path in paths) == CONTENTS
    assert [path.name for path in paths] == ["movenet-lightning.json", "movenet-lightning.bin"]
    assert "not on this machine yet" in capsys.readouterr().err
    package.unlink()
    assert networks().fetch_aloud() == networks().fetch() == networks().find() == paths
    assert capsys.readouterr().err == ""
    paths[1].write_bytes(b"weight")
    with pytest.raises(ValueError, match=r"movenet-lightning.bin: damaged.*delete it"):
        networks().fetch_aloud()


def test_what_is_not_the_published_is_refused_and_not_kept(package: Path) -> None:
    graph, weights = networks().digests
    packed(package, {graph: CONTENTS[0], weights: b"others"})
    with pytest.raises(ValueError, match=rf"movenet-lightning.bin as it came: damaged.*{BY_HAND}"):
        networks().fetch()
    packed(package, {graph: CONTENTS[0]})
    with pytest.raises(ConnectionError, match=rf"human-3.3.6.tgz has no {weights}\. {BY_HAND}"):
        networks().fetch()
    package.write_bytes(package.read_bytes()[:-40])
    with pytest.raises(ConnectionError, match=rf"cannot be fetched: .*{BY_HAND}"):
        networks().fetch()
    package.write_bytes(b"<html>log in</html>")
    with pytest.raises(ConnectionError, match=rf"cannot be fetched: .*{BY_HAND}"):
        networks().fetch()
    assert not any(path.exists() for path in networks().paths())


def test_without_network_or_with_a_mirror(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.unlink()
    with pytest.raises(ConnectionError, match=rf"cannot be fetched: .*{BY_HAND}.*or set {MIRROR}"):
        networks().fetch_aloud()
    monkeypatch.setenv(MIRROR, str(tmp_path))
    for path, content in zip(networks().paths(), CONTENTS, strict=True):
        (tmp_path / path.name).write_bytes(content)
    assert tuple(path.read_bytes() for path in networks().fetch()) == CONTENTS


def test_commands(package: Path) -> None:
    testing = pytest.importorskip("typer.testing", reason="optional on a ROS 2")
    from diffupose_ros.cli import app

    def run(*arguments: str) -> tuple[int, str]:
        result = testing.CliRunner().invoke(app, ["weights", *arguments])
        return result.exit_code, result.output

    listed = next(line for line in run("list")[1].splitlines() if line.startswith("movenet "))
    assert "Apache-2.0" in listed and "not here" in listed and "human-3.3.6.tgz" in listed
    code, output = run("fetch", "movenet")
    assert code == 0 and output.splitlines()[-2:] == [str(path) for path in networks().paths()]
    assert run("path", "movenet") == (0, "".join(f"{path}\n" for path in networks().paths()))
