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

"""`diffupose evaluate`, as a user calls it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.evaluation.evaluate import METRICS
from diffupose_ros.resources import resource_path

RUNNER = CliRunner()
CLIPS = str(resource_path("resource/clips/people.npz"))
QUICK = ["--hypotheses", "2", "--steps", "1", "--every", "200", "--device", "cpu"]


def evaluate(*arguments: str, data: str = CLIPS) -> str:
    result = RUNNER.invoke(app, ["evaluate", "--data", data, *QUICK, *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_two_runs_say_the_same_and_the_report_says_what_was_run(tmp_path: Path) -> None:
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file in files:
        shown = evaluate("--protocol", "gt_free", "--keypoints", "noisy", "--json", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "mpjpe_mm" in shown and "1_dance" in shown
    report = json.loads(files[0].read_text())
    assert set(METRICS) <= set(report)
    settings = report["settings"]
    assert settings["dataset"] == "cmu" and settings["keypoints"] == "noisy" and settings["protocol"] == "gt_free"
    assert settings["checkpoint"] == "default" and settings["data"] == "people.npz" and settings["seed"] == 1
    assert sorted(f.name for f in tmp_path.iterdir()) == ["first.json", "second.json"]


def test_all_conditions_in_one_run_with_a_picture(tmp_path: Path) -> None:
    shown = evaluate("--keypoints", "all", "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png"))
    reports = json.loads((tmp_path / "a.json").read_text())
    assert list(reports) == ["clean", "noisy", "occluded", "bodies", "real", "children"]
    assert reports["bodies"]["mpjpe_mm"] != reports["clean"]["mpjpe_mm"]  # whose 2D is as exact
    assert reports["clean"]["mpjpe_mm"] < reports["occluded"]["mpjpe_mm"]
    assert "occluded" in shown and "5_walk" in shown
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1000 and len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_ground_truth_2d_of_mocap_is_clean_2d(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("gt.json", "clean.json")]
    for file in files:
        evaluate("--keypoints", file.stem, "--json", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_ddpm_takes_its_own_steps(tmp_path: Path) -> None:
    evaluate("--sampler", "ddpm", "--hypotheses", "1", "--every", "299", "--json", str(tmp_path / "ddpm.json"))
    settings = json.loads((tmp_path / "ddpm.json").read_text())["settings"]
    assert settings["sampler"] == "ddpm" and settings["steps"] is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", CLIPS], "--data: cmu is one file or folder, got 2"),
        (["--generic"], "--generic: cmu has no detector whose scores could be read otherwise"),
        (["--leave-one-out"], "--leave-one-out: cmu has no cameras that the truth is from"),
        (["--checkpoint", "best_ever"], "no weights 'best_ever'"),
        (["--keypoints", "cpn"], "cmu has gt, clean, noisy, occluded, bodies, real, children, postures, all"),
        (["--dataset", "h36m", "--keypoints", "noisy"], "--keypoints noisy: h36m has gt, hr, cpn, sh"),
        (["--steps", "101"], "steps: expected 1 to 100, got 101"),
        (["--json", "no/such/folder/a.json"], "there is no folder"),
        (["--plot", "a.doc"], "a.doc: expected a name that ends in .png, .pdf, .svg"),
        (["--worst", "a.png"], "--worst: only recordings have frames to show, got --dataset cmu"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    result = RUNNER.invoke(app, ["evaluate", "--data", CLIPS, *QUICK, *arguments])
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and reason in result.output


def test_data_that_is_not_there_is_refused() -> None:
    result = RUNNER.invoke(app, ["evaluate", "--data", "nowhere.npz", *QUICK])
    assert result.exit_code == 1 and "no clips at nowhere.npz" in result.output


@pytest.mark.parametrize("arguments", [["--protocol", "best"], ["--hypotheses", "0"], ["--every", "0"]])
def test_values_that_no_option_takes_are_refused(arguments: list[str]) -> None:
    assert RUNNER.invoke(app, ["evaluate", "--data", CLIPS, *arguments]).exit_code == 2


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report.json"
    out.write_text("the last one")

    def disk_full(path: Path, text: str, encoding: str) -> int:
        path.write_bytes(text[:100].encode())
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", disk_full)
    result = RUNNER.invoke(app, ["evaluate", "--data", CLIPS, *QUICK, "--json", str(out)])
    assert result.exit_code == 1 and "No space left" in result.output
    assert out.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [out]
