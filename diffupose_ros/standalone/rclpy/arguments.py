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

"""ROS arguments: ``--ros-args -p name:=value -r from:=to --params-file F --log-level L``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

FLAGS = re.compile(r"--(?:enable|disable)-(?:rosout|stdout|external-lib)-logs")
REMAP = re.compile(r"(?:(?P<node>[A-Za-z0-9_]+):)?(?:rostopic://|rosservice://)?(?P<old>[^:]+):=(?P<new>.+)")
PARAMETER = re.compile(r"(?:(?P<node>[^:]+):)?(?P<name>[^:]+):=(?P<value>.*)", re.DOTALL)
_NOT_YAML = YAMLError, RecursionError, ValueError  # the last of a date that there is not, for instance


class UnknownROSArgsError(ValueError):
    """A ROS argument is not one that this runtime knows."""


@dataclass(frozen=True)
class Remap:
    """One rule; ``node`` None means every node."""

    node: str | None
    old: str
    new: str


@dataclass
class Arguments:
    """What the ROS arguments of one command line say."""

    remaps: list[Remap] = field(default_factory=list)
    parameters: list[tuple[str, str, Any]] = field(default_factory=list)  # node pattern, name, value
    log_levels: list[tuple[str, str]] = field(default_factory=list)  # logger ("" = all), level
    rest: list[str] = field(default_factory=list)  # what is not for ROS

    def overrides(self, node: str) -> dict[str, Any]:
        """Return the values given for a node, by its fully qualified name; the last one wins."""
        return {name: value for pattern, name, value in self.parameters if _matches(pattern, node)}


def parse(args: Sequence[str]) -> Arguments:
    """Sort a command line.

    Raises:
        ValueError: a ROS argument is unknown, malformed or incomplete, or a parameter file is unreadable.
    """
    parsed = Arguments()
    words = iter(args)
    ros = False
    for word in words:
        if word == "--ros-args":
            ros = True
        elif not ros:
            parsed.rest.append(word)
        elif word == "--":
            ros = False
        else:
            _ros_argument(parsed, word, words)
    return parsed


def _ros_argument(parsed: Arguments, word: str, words: Iterator[str]) -> None:
    if FLAGS.fullmatch(word):
        return  # launch files may set these; there is one log here, stderr
    option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
    known = (
        "-p",
        "--param",
        "-r",
        "--remap",
        "--params-file",
        "--log-level",
        "-e",
        "--enclave",
        "--log-config-file",
    )
    if option not in known:
        raise UnknownROSArgsError(f"found unknown ROS argument: {word!r}")
    if not joined:
        value = next(words, "")
    if not value:
        raise ValueError(f"{option} needs a value")
    if option in ("-p", "--param"):
        parsed.parameters.append(_parameter(value))
    elif option in ("-r", "--remap"):
        parsed.remaps.append(_remap(value))
    elif option == "--params-file":
        parsed.parameters += list(read_parameter_file(Path(value)))
    elif option == "--log-level":
        logger, named, level = value.partition(":=")
        parsed.log_levels.append((logger, level) if named else ("", value))


def _parameter(text: str) -> tuple[str, str, Any]:
    match = PARAMETER.fullmatch(text)
    if not match:
        raise ValueError(f"parameter {text!r}: expected name:=value")
    return match["node"] or "/**", match["name"], parse_value(match["value"])


def _remap(text: str) -> Remap:
    match = REMAP.fullmatch(text)
    if not match:
        raise ValueError(f"remap rule {text!r}: expected from:=to")
    return Remap(match["node"], {"__name": "__node"}.get(match["old"], match["old"]), match["new"])


def parse_value(text: str) -> Any:
    """Return the parameter value that a YAML text means.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(text) if text else ""
    except _NOT_YAML as error:
        raise ValueError(f"parameter value {text[:100]!r} is not YAML: {_one_line(error)}") from error


def read_parameter_file(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield (node pattern, parameter name, value) of a ROS 2 parameter file.

    Raises:
        ValueError: the file cannot be read or is not a parameter file.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, *_NOT_YAML) as error:
        raise ValueError(f"cannot read the parameter file {path}: {_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a parameter file: expected node names")
    yield from _nodes(path, "", content)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _nodes(path: Path, prefix: str, content: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for key, value in content.items():
        if key == "ros__parameters":
            for name, parameter in _flat("", value or {}):
                yield prefix, name, parameter
        elif isinstance(value, dict):
            yield from _nodes(path, f"{prefix}/{str(key).strip('/')}", value)
        else:
            raise ValueError(f"{path}: {key!r} is not under ros__parameters")


def _flat(prefix: str, content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _matches(pattern: str, node: str) -> bool:
    tokens = {"**": "(?:/[^/]+)*", "*": "/[^/]+"}
    if not pattern.startswith("/") and "/" not in pattern and "*" not in pattern:
        return node.rsplit("/", 1)[1] == pattern  # -p node:name:=value
    regex = "".join(tokens.get(part, f"/{re.escape(part)}") for part in pattern.strip("/").split("/"))
    return re.fullmatch(regex, node) is not None
