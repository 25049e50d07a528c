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

"""The command line, as a user calls it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rclpy
import torch
from diffupose_ros.msg import Skeleton3DArray
from support.models import tiny_file
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.data.postures import POSTURES
from diffupose_ros.evaluation.export import CONDITIONS
from diffupose_ros.lifting import Camera, Lifter
from diffupose_ros.lifting.checkpoint import load_checkpoint
from diffupose_ros.resources import resource_path

RUNNER = CliRunner()


def test_an_official_checkpoint_is_imported_and_lifts(
    tmp_path: Path, official_state: dict[str, torch.Tensor], vectors: dict[str, np.ndarray]
) -> None:
    official, out = tmp_path / "official.pt", tmp_path / "ours.safetensors"
    ema = {f"ema_model.module.denoise_fn.{name}": value for name, value in official_state.items()}
    torch.save({"step": 1, "model": {}, "ema": ema, "scaler": None}, official)
    result = RUNNER.invoke(app, ["import-checkpoint", str(official), str(out)])
    assert result.exit_code == 0, result.output
    assert "paper, 17 joints, d = 128" in result.output
    with torch.inference_mode():
        output = load_checkpoint(out).build()(*(torch.from_numpy(vectors[name]) for name in ("x", "cond", "t")))
    np.testing.assert_allclose(output, vectors["output"], rtol=0, atol=1e-5)
    camera = Camera.from_fov(1.0, 1000, 1000)
    pixels = 400 + 50 * np.random.default_rng(0).normal(size=(1, 17, 2))
    ours, theirs = (
        Lifter.load(path, device="cpu").lift(pixels, np.ones((1, 17)), camera, "h36m17", seed=0)
        for path in (out, official)
    )
    np.testing.assert_array_equal(ours.mean, theirs.mean)


def test_what_is_no_checkpoint_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    for name, reason in (("text.pt", "not a PyTorch weights file"), ("missing.pt", "no checkpoint at")):
        result = RUNNER.invoke(app, ["import-checkpoint", str(tmp_path / name), str(tmp_path / "out.safetensors")])
        assert result.exit_code == 1
        assert reason in result.output
        assert not (tmp_path / "out.safetensors").exists()


def test_an_export_lifts_a_bag_and_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    weights, out = tiny_file(tmp_path), tmp_path / "out.onnx"
    result = RUNNER.invoke(app, ["export", str(weights), str(out), "--steps", "2", "--precision", "float16"])
    assert result.exit_code == 0 and "robust, 17 joints, steps 2, float16" in result.output
    assert Lifter.load(out).checkpoint.precision == "float16"
    for arguments, reason in (
        (["export", "nobody", str(out)], "no weights 'nobody'"),
        (["lift", str(tmp_path), str(tmp_path / "o"), "--weights", str(out), "--engine", "torch"], "not ONNX files"),
    ):
        result = RUNNER.invoke(app, arguments)
        assert result.exit_code == 1 and reason in result.output


def test_a_trained_model_is_calibrated_into_a_checkpoint_that_loads(tmp_path: Path) -> None:
    with np.load(resource_path("resource/clips/people.npz")) as arrays:
        clips = {f"clips/{i}/{name}": arrays[name][::3] for i, name in enumerate(arrays.files)}
    np.savez(tmp_path / "clips.npz", **clips)
    out, clips_file = tmp_path / "model.safetensors", str(tmp_path / "clips.npz")
    (tmp_path / "tiny.yaml").write_text("model: {channels: 32}\nsteps: 400\nbatch: 32\nprecision: float32\n")
    options = ["--steps", "4", "--workers", "0", "--folder", str(tmp_path / "run")]
    data = ["--train", clips_file, "--validation", clips_file]
    result = RUNNER.invoke(app, ["train", str(tmp_path / "tiny.yaml"), *data, *options])
    assert result.exit_code == 0, result.output
    assert "mm of error on the validation data" in result.output
    result = RUNNER.invoke(app, ["calibrate", str(tmp_path / "run" / "best.pt"), clips_file, str(out)])
    assert result.exit_code == 0, result.output
    assert "coverage_90" in result.output
    card = Lifter.load(out, device="cpu").checkpoint.card
    assert "mocap.cs.cmu.edu" in card["credit"]
    assert set(card["metrics"]) == {*CONDITIONS, *POSTURES}
    assert all(0 <= of["root_coverage_90"] <= 1 for of in card["metrics"].values())


def test_a_training_that_cannot_be_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("stepz: 4")
    (tmp_path / "right.yaml").write_text("steps: 4")
    for command, reason in (
        (["wrong.yaml"], "wrong.yaml: stepz: there is no such key: did you mean steps?"),
        (["missing.yaml"], "no training configuration at"),
        (["right.yaml", "--precision", "half"], "precision: expected float32"),
        (["right.yaml"], "data.train: expected where the training data is"),
        (["right.yaml", "--train", "nowhere.npz", "--validation", "nowhere.npz"], "no clips at nowhere.npz"),
    ):
        name, *options = command
        result = RUNNER.invoke(app, ["train", str(tmp_path / name), *options, "--folder", str(tmp_path / "run")])
        assert result.exit_code == 1
        assert reason in result.output
    assert not (tmp_path / "run").exists()


def test_lift_and_replay_run_as_nodes_and_talk() -> None:
    rclpy.init(args=[])
    node, received = rclpy.create_node("listener"), []
    node.create_subscription(Skeleton3DArray, "people", received.append, 5)
    options = {
        "replay": ["-p", "people:=2", "-p", "layout:=body25", "-r", "skeletons_2d:=/detector/skeletons"],
        "lift": ["-r", "skeletons_2d:=/detector/skeletons", "-r", "skeletons_3d:=people", "--log-level", "warn"],
    }
    command = [sys.executable, "-m", "diffupose_ros.cli"]
    nodes = [subprocess.Popen([*command, name, "--ros-args", *rest]) for name, rest in options.items()]
    try:
        end = time.monotonic() + 60
        while not any(len(m.skeletons) == 2 for m in received):
            assert time.monotonic() < end, "nothing came"
            rclpy.spin_once(node, timeout_sec=0.1)
        for process in nodes:
            process.send_signal(signal.SIGINT)
        assert [process.wait(timeout=10) for process in nodes] == [0, 0]
    finally:
        for process in nodes:
            process.kill()
        node.destroy_node()
        rclpy.try_shutdown()


def test_what_is_no_trained_model_or_no_clips_of_subjects_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    people = str(resource_path("resource/clips/people.npz"))
    for name, reason in (("text.pt", "not the best.pt"), ("missing.pt", "no trained model at")):
        result = RUNNER.invoke(app, ["calibrate", str(tmp_path / name), people, str(tmp_path / "out.safetensors")])
        assert result.exit_code == 1
        assert reason in result.output


def test_detect_and_video_run_as_nodes_and_say_why_they_end() -> None:
    reasons = {"video": ("source:=missing.mp4", "nothing at source"), "detect": ("detector:=orb", "one of auto")}
    command = [sys.executable, "-m", "diffupose_ros.cli"]
    nodes = {
        name: subprocess.Popen([*command, name, "--ros-args", "-p", option], stderr=subprocess.PIPE, text=True)
        for name, (option, _) in reasons.items()
    }
    for name, process in nodes.items():
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert reasons[name][1] in errors
        assert "Traceback" not in errors
