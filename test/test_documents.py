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

"""The pages: what they say of parameters, messages, topics and commands is so, links lead somewhere, Python runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diffupose_ros.msg import People, Person
from std_msgs.msg import Header
from support import ROOT

from diffupose_ros.nodes.common.launching import ARGUMENTS

FOLDERS = ("*.md", "docs/**/*.md", "resource/**/*.md", "test/**/*.md")
DOCUMENTS = sorted(path for folder in FOLDERS for path in ROOT.glob(folder))
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(
    r"(?:^    |^|`)(?:\.venv/bin/)?((?:diffupose|make|ros2 (?:run|launch) diffupose_ros) [^`\n]*)", re.MULTILINE
)


def load_tables() -> Any:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["tables"] = module
    spec.loader.exec_module(module)
    return module


tables = load_tables()


# What the code declares


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_of_the_pages_are_what_the_code_declares(page: Path) -> None:
    assert page.read_text() == tables.filled(page.read_text()), "run: python docs/tables.py"


def test_each_node_has_one_page_and_so_have_messages_launch_arguments_and_machines() -> None:
    marks = Counter(mark[1] for page in tables.pages() for mark in tables.MARKED.finditer(page.read_text()))
    nodes = [f"parameters of {node}_node" for node in tables.nodes()]
    assert marks == Counter(["messages", "launch arguments", "machines", *nodes])


@pytest.mark.parametrize("node", tables.nodes())
def test_topics_of_a_node_are_those_of_its_page(node: str) -> None:
    mark = f"<!-- parameters of {node}_node -->"
    (page,) = (text for text in (path.read_text() for path in tables.pages()) if mark in text)
    rows = "".join(re.findall(r"^\| topic \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE))
    said = {name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    folders = [ROOT / "diffupose_ros" / "nodes" / folder for folder in (node, "common")]
    own, common = ("\n".join(path.read_text() for path in sorted(folder.rglob("*.py"))) for folder in folders)
    of_tf2 = {"/tf", "/tf_static"}
    assert [name for name in said - of_tf2 if not re.search(rf"\b{name.split('/')[-1]}\b", own + common)] == []
    used = re.findall(r'create_(?:publisher|subscription)\(\s*\w+,\s*"([\w/]+)"', own)
    assert set(used) <= said


# Links


def headings(document: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = FENCED.sub("", document.read_text())
    found: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        anchors.add(anchor if not found[anchor] else f"{anchor}-{found[anchor]}")
        found[anchor] += 1
    return anchors


@EACH
def test_documents_have_no_blanks_left_and_their_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    assert "@@" not in text
    for link in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not anchor or anchor in headings(target), link


@EACH
def test_files_and_folders_of_the_code_that_documents_name_are_there(document: Path) -> None:
    starts = ROOT, ROOT / "diffupose_ros"
    tops = "|".join(path.name for start in starts for path in start.iterdir() if path.is_dir())
    named = re.findall(rf"`((?:{tops})/(?:[\w/-]*/|[\w/-]+\.(?:py|c|yaml|rviz)))`", document.read_text())
    missing = [name for name in named if not any((start / name).exists() for start in starts)]
    assert not missing


def test_the_site_lists_every_page_and_the_pictures_say_where_they_come_from() -> None:
    index = (ROOT / "docs" / "index.rst").read_text()
    pages = [path for path in (ROOT / "docs").glob("*.*") if path.suffix in (".md", ".rst") and path.stem != "index"]
    assert [path.name for path in pages if not re.search(rf"^   (.*<)?{path.stem}>?$", index, re.MULTILINE)] == []
    pictures = (ROOT / "docs" / "images" / "README.md").read_text()
    named = set(re.findall(r"`(\w+\.(?:png|gif))`", pictures))
    assert named == {path.name for path in (ROOT / "docs" / "images").iterdir() if path.suffix != ".md"}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


# Code


def commands(document: Path) -> Iterator[list[str]]:
    """Return the words of each command of ours in a document: without comments, redirections and ``&``."""
    for line in COMMAND.findall(document.read_text().replace("\\\n", " ")):
        words = shlex.split(line.replace("...", ""), comments=True)
        end = next((i for i, word in enumerate(words) if word in ("|", "&", "&&", ">") or word.endswith(";")), None)
        yield words[:end]


@EACH
def test_commands_of_documents_have_such_options(document: Path) -> None:
    for words in commands(document):
        check = {"diffupose": check_ours, "make": check_make, "ros2": check_ros2}[words[0]]
        check(words[1:])


def check_ours(words: list[str]) -> None:
    typer = pytest.importorskip("typer")  # optional on a ROS 2
    from diffupose_ros.cli import app

    command: Any = typer.main.get_command(app)
    name, rest = "", words[: words.index("--ros-args")] if "--ros-args" in words else words
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in command.commands, words
        command = command.commands[name]
    context = typer.Context(command, info_name=name, resilient_parsing=True)
    _, left, _ = command.make_parser(context).parse_args(rest)  # raises for an option that there is not
    assert not [word for word in left if word.startswith("-")], words
    if "--ros-args" in words:
        check_parameters(name, words)


def check_parameters(node: str, words: list[str]) -> None:
    declared = {row.name for row in tables.parameters(node)} | {"use_sim_time"}
    given = {after.partition(":=")[0] for word, after in pairwise(words) if word == "-p"}
    assert given <= declared, words


def check_ros2(words: list[str]) -> None:
    verb, _, what, *rest = words
    if verb == "run":
        check_parameters(what.removesuffix("_node"), rest)
        return
    assert list((ROOT / "launch").rglob(what)), words
    given = {word.partition(":=")[0] for word in rest if ":=" in word}
    assert what != "lift.launch.py" or given <= {each.name for each in ARGUMENTS}, words


def check_make(words: list[str]) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert not words or words[0] in targets, words


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if PYTHON.search(d.read_text())], ids=lambda d: d.name)
def test_python_of_documents_runs(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {
        "K": np.diag([1000.0, 1000.0, 1.0]) + np.array([[0, 0, 640], [0, 0, 360], [0, 0, 0]]),
        "D": np.zeros(5),
        "keypoints": 300 + 100 * np.random.default_rng(0).normal(size=(1, 17, 2)),
        "scores": np.ones((1, 17)),
        "ids": ["a"],
        "time": 1.0,
        "camera_pose": np.eye(4),
    }
    monkeypatch.setattr(rclpy, "spin", lambda node: names["receive"](People(people=[Person()])))
    try:
        for block in PYTHON.findall(document.read_text()):
            exec(compile(block, str(document), "exec"), names)
    finally:
        rclpy.try_shutdown()
    if "message_of" in names:
        message = names["message_of"](Header(), 1280, 720, names["ids"], names["keypoints"], names["scores"])
        assert [len(skeleton.keypoints) for skeleton in message.skeletons] == [17]
