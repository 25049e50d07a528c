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

"""What ROS4HRI has of people where it is not installed: hri_msgs, human_description and xacro."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from diffupose_ros.nodes.planner.human_description import HumanDescription
from support.messages import add_messages


def add_ros4hri(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Make what the output ``humans`` imports importable, for one test; return whether it is, on whichever runtime.

    The stand-in of xacro tells what it was asked for, in place of a URDF.
    """
    if find_spec("hri_msgs") is None:
        package = "hri_for_tests_msgs"  # under its own name, other tests would take it for the whole of hri_msgs
        if not add_messages(package, {"IdsList": "std_msgs/Header header\nstring[] ids"}):
            return False
        monkeypatch.setitem(sys.modules, "hri_msgs", import_module(package))
        monkeypatch.setitem(sys.modules, "hri_msgs.msg", import_module(f"{package}.msg"))
    try:
        HumanDescription("this test")
    except ModuleNotFoundError:
        packages = SimpleNamespace(get_package_share_directory=lambda name: f"/share/{name}")
        monkeypatch.setitem(sys.modules, "ament_index_python", SimpleNamespace(packages=packages))
        monkeypatch.setitem(sys.modules, "ament_index_python.packages", packages)
        monkeypatch.setitem(sys.modules, "xacro", SimpleNamespace(process_file=_process_file))
    return True


def _process_file(path: str, mappings: dict[str, str]) -> SimpleNamespace:
    links = f"<link name='body_{mappings['id']}'/>"
    return SimpleNamespace(toxml=lambda: f"<robot name='human'>{links}<!-- {path}, {mappings['height']} m --></robot>")
