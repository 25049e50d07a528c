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

"""The soak: people come and go, and what is told of memory."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from diffupose_ros.benchmark import soak
from diffupose_ros.cli import app


def test_a_slope_is_that_after_the_warm_up() -> None:
    warm = [100.0 + i for i in range(30)]
    flat = soak.memory_over_time([*warm, *[150.0] * 60])
    assert (flat["first_mb"], flat["last_mb"], flat["mb_per_hour"]) == (150.0, 150.0, 0.0)
    grows = soak.memory_over_time([*warm, *(150 + np.arange(60) * 10 / 360)])
    assert grows["mb_per_hour"] == pytest.approx(10) and len(grows["samples_mb"]) == 90
    assert soak.memory_over_time([7.0])["mb_per_hour"] == 0


def test_people_come_and_go_before_real_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "_STAY", (0.2, 0.5))
    monkeypatch.setattr(soak, "_AWAY", (0.1, 0.2))
    monkeypatch.setattr(soak, "EVERY", 1.0)
    output = tmp_path / "soak.json"
    result = CliRunner().invoke(app, ["soak", "--minutes", "0.05", "--output", str(output)])
    assert result.exit_code == 0, result.output
    found = json.loads(output.read_text())
    assert found["visits"] > soak.PEOPLE and found["people_messages"] > 0 and found["sent"] > 0
    assert set(found["processes"]) == {"lift_node", "people_node", "planner_node", "publisher"}
    assert all(min(process["samples_mb"]) > 20 for process in found["processes"].values())
    assert "lift_node: " in result.output


def test_a_model_that_is_not_there_is_said_at_once() -> None:
    result = CliRunner().invoke(app, ["soak", "--weights", "none.pt"])
    assert result.exit_code == 1 and "no weights 'none.pt'" in result.output
