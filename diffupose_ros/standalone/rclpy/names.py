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

"""Topic, service and node names: expansion, validation, remapping."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .arguments import Remap
from .exceptions import InvalidNamespaceException, InvalidNodeNameException, InvalidTopicNameException

NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAMESPACE = re.compile(r"/|(?:/[A-Za-z_][A-Za-z0-9_]*)+")
TOPIC = re.compile(r"(?:/[A-Za-z_][A-Za-z0-9_]*)+")


def qualified(namespace: str, name: str) -> str:
    """Return namespace/name with one slash between."""
    return f"{namespace.rstrip('/')}/{name}"


def expand(name: str, node: str, namespace: str) -> str:
    """Return the fully qualified name of a relative, private (~) or absolute topic.

    Raises:
        InvalidTopicNameException: the result is not a valid name.
    """
    full = name.replace("{node}", node).replace("{ns}", namespace.strip("/")).replace("{namespace}", namespace)
    if full == "~" or full.startswith("~/"):
        full = qualified(namespace, node) + full[1:]
    elif not full.startswith("/"):
        full = qualified(namespace, full)
    if not TOPIC.fullmatch(full):
        raise InvalidTopicNameException(name)
    return full


class NameRules:
    """The remap rules that apply to one node."""

    def __init__(self, rules: Sequence[Remap], node: str, namespace: str) -> None:
        mine = [rule for rule in rules if rule.node in (None, node)]
        self.node = next((rule.new for rule in mine if rule.old == "__node"), node)
        mine = [rule for rule in rules if rule.node in (None, node, self.node)]
        self.namespace = next((rule.new for rule in mine if rule.old == "__ns"), namespace) or "/"
        if not self.namespace.startswith("/"):
            self.namespace = f"/{self.namespace}"
        if not NODE.fullmatch(self.node):
            raise InvalidNodeNameException(self.node)
        if not NAMESPACE.fullmatch(self.namespace):
            raise InvalidNamespaceException(self.namespace)
        self._rules = [(self.expand(r.old), self.expand(r.new)) for r in mine if not r.old.startswith("__")]

    def expand(self, name: str) -> str:
        return expand(name, self.node, self.namespace)

    def resolve(self, name: str) -> str:
        """Return the fully qualified, remapped name; the first rule that fits wins."""
        full = self.expand(name)
        return next((new for old, new in self._rules if old == full), full)
