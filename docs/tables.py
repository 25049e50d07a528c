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

"""Writes what code and results declare into the pages: nodes' parameters, the launch file's arguments, messages, speed.

    python docs/tables.py    # between <!-- parameters of lift_node --> (or launch arguments, messages, machines)
                             # and <!-- end -->

What stands between such marks is overwritten; a test holds that it is what would be written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from diffupose_ros import standalone

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(
    r"<!-- (parameters of (\w+)_node|launch arguments|messages|machines) -->\n.*?(?=<!-- end -->)", re.DOTALL
)


@dataclass(frozen=True)
class Declared:
    """A line of a message's definition, and the comment above it."""

    kind: str
    name: str
    value: str
    comment: str


def pages() -> list[Path]:
    """Return all pages in which there may be marks."""
    return sorted((ROOT / "docs").rglob("*.md"))


def nodes() -> list[str]:
    """Return the names of all nodes, without ``_node``."""
    return sorted(path.parent.name for path in (ROOT / "diffupose_ros" / "nodes").glob("*/node.py"))


def parameters(node: str) -> tuple[Any, ...]:
    """Return the table of a node: rows of ``diffupose_ros.nodes.common.parameters.Parameter``."""
    standalone.activate()  # does nothing where a ROS 2 is sourced
    return import_module(f"diffupose_ros.nodes.{node}.node").PARAMETERS


def filled(text: str) -> str:
    """Return a page's text with what is between its marks written anew."""

    def content(mark: re.Match[str]) -> str:
        others = {"messages": _messages, "launch arguments": _arguments, "machines": _machines}
        lines = _parameter_table(mark[2]) if mark[2] else others[mark[1]]()
        return "\n".join([f"<!-- {mark[1]} -->", "", *lines, "", ""])

    return MARKED.sub(content, text)


# Parameters


def _parameter_table(node: str) -> Iterator[str]:
    yield "| name | default | range | takes effect | |"
    yield "|---|---|---|---|---|"
    for row in parameters(node):
        description = row.description.replace("\n", " ")
        cells = f"`{row.name}`", _value(row.default), _range(row), row.effect, _escaped(description)
        yield f"| {' | '.join(cells)} |"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    return f"{value:g}"


def _range(row: Any) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    return "" if row.low is None else f"{_number(row.low)} to {_number(row.high)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


# The launch file


def _arguments() -> Iterator[str]:
    yield "| argument | default | |"
    yield "|---|---|---|"
    for row in import_module("diffupose_ros.nodes.common.launching").ARGUMENTS:
        choices = f" ({', '.join(f'`{choice}`' for choice in row.choices)})" if row.choices else ""
        yield f"| `{row.name}` | {_value(row.default)} | {_escaped(row.description)}{choices} |"


# Messages


def _messages() -> Iterator[str]:
    names = sorted(path.stem for path in (ROOT / "msg").glob("*.msg"))
    for name in names:
        yield from ["", f"## {name}", ""] if name != names[0] else [f"## {name}", ""]
        yield from _message((ROOT / "msg" / f"{name}.msg").read_text(), names)


def _message(text: str, names: list[str]) -> Iterator[str]:
    about, _, rest = text.partition("\n\n")
    yield _escaped(" ".join(line.lstrip("# ") for line in about.splitlines()))
    declared = list(_declared(rest))
    plain = [each for each in declared if each.value and not each.comment]
    if plain:
        yield from ("", f"Constants ({plain[0].kind}): " + ", ".join(f"`{c.name}` {c.value}" for c in plain) + ".")
    yield from ("", "| field | type | |", "|---|---|---|")
    for each in declared:
        if each not in plain:
            name = f"{each.name} = {each.value}" if each.value else each.name
            yield f"| `{name}` | {_type(each.kind, names)} | {_escaped(each.comment)} |"


def _declared(text: str) -> Iterator[Declared]:
    comment: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif not line:
            comment = []
        else:
            kind, name, *value = line.replace("=", " ").split()
            yield Declared(kind, name, "".join(value), " ".join(comment))
            comment = []


def _type(kind: str, names: list[str]) -> str:
    base, bracket, size = kind.partition("[")
    return f"[{base}](#{base.lower()}){_escaped(bracket + size)}" if base in names else _escaped(kind)


def _escaped(text: str) -> str:
    return re.sub(r"([<|\[])", r"\\\1", text)


# How fast machines are


def _machines() -> Iterator[str]:
    results = "benchmarks/results"
    return import_module("diffupose_ros.benchmark.table").machines(ROOT / results, f"../{results}")


def main() -> None:
    """Write all pages that have marks anew."""
    for page in pages():
        before = page.read_text()
        if (after := filled(before)) != before:
            page.write_text(after)
            print(f"{page.relative_to(ROOT)}: written anew")


if __name__ == "__main__":
    main()
