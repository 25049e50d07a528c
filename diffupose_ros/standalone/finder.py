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

"""Serves ``rclpy`` and ``tf2_ros`` from this folder and ``<pkg>.msg``, ``<pkg>.srv`` from the message definitions."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
PACKAGES = ("rclpy", "tf2_ros")


class StandaloneFinder(MetaPathFinder):
    """The last entry of ``sys.meta_path``: whatever else can import a module wins."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in PACKAGES:
            folder = HERE / fullname
            return importlib.util.spec_from_file_location(
                fullname, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
        if fullname == "cyclonedds":
            message = (
                "without a ROS 2, topics need the Python package cyclonedds, which PyPI has for x86-64 "
                "and Python 3.10 to 3.13: docs/install.md"
            )
            raise ModuleNotFoundError(message, name=fullname)
        package, _, kind = fullname.partition(".")
        if kind not in ("", "msg", "srv") or not package.endswith(("_msgs", "_interfaces", "diffupose_ros")):
            return None
        from diffupose_ros.standalone import definitions  # only when needed: rosbags is slow to import

        if not definitions.names(package, kind):
            return None
        return ModuleSpec(fullname, InterfaceLoader(), is_package=not kind)


class InterfaceLoader(Loader):
    """Fills ``<pkg>.msg`` with message classes and ``<pkg>.srv`` with service classes."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from diffupose_ros.standalone import definitions, messages

        package, _, kind = module.__name__.partition(".")
        for name in definitions.names(package, kind) if kind else ():
            maker = messages.message_class if kind == "msg" else messages.service_class
            setattr(module, name, maker(f"{package}/{kind}/{name}"))
