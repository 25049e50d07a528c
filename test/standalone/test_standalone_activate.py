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

"""Activation: a real ROS 2 wins, and what is missing says so."""

from __future__ import annotations

import support.standalone  # noqa: F401

# isort: split
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from support import ROOT

from diffupose_ros.standalone import activate
from diffupose_ros.standalone.finder import StandaloneFinder


def test_activate_twice_is_once() -> None:
    before = list(sys.meta_path)
    assert activate() is True
    assert sys.meta_path == before


def test_a_real_rclpy_wins(tmp_path: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "__init__.py").write_text("REAL = True")
    code = "from diffupose_ros.standalone import activate; print(activate()); import rclpy; print(rclpy.REAL)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )
    assert done.stdout.split() == ["False", "True"]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(AttributeError, match=r"rclpy\.create_rate is not part of .* standalone runtime"):
        rclpy.create_rate  # noqa: B018
    with pytest.raises(AttributeError, match="LivelinessPolicy"):
        from rclpy import qos

        qos.LivelinessPolicy  # noqa: B018


@pytest.mark.parametrize("name", ["rclpy.action", "sensor_msgs.nonsense", "nonsense_msgs.msg", "nonsense_msgs"])
def test_unknown_modules_are_not_there(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__(name)


def test_without_cyclonedds_it_says_who_has_it() -> None:
    with pytest.raises(ModuleNotFoundError, match="cyclonedds, which PyPI has for x86-64"):
        StandaloneFinder().find_spec("cyclonedds", None)
