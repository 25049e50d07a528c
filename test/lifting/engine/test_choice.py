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

"""Which engine runs a model, and where its ONNX file comes from."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from support.models import tiny_file

from diffupose_ros.camera import Camera
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.engine import choice
from diffupose_ros.lifting.engine.choice import choose
from diffupose_ros.lifting.engine.onnx import files
from diffupose_ros.lifting.engine.onnx.export import export
from diffupose_ros.lifting.engine.onnx.exported import read_exported
from diffupose_ros.lifting.engine.onnx.files import export_of
from diffupose_ros.lifting.engine.sampling import OtherStepsError
from diffupose_ros.resources import resource_path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "diffupose_ros" / "exports"


@pytest.fixture
def weights(cache: Path, tmp_path: Path) -> Path:
    return tiny_file(tmp_path)


def forbid(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let these seem not to be installed."""
    there = files.installed
    for module in (choice, files):
        monkeypatch.setattr(module, "installed", lambda *names: not {*names} & {*modules} and there(*names))


# Files


def test_a_model_is_written_once_for_each_number_of_steps(
    weights: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = export_of(weights)
    assert first.parent == cache and read_exported(first).steps == 5
    assert f"is written for onnxruntime, once, to {first}" in capsys.readouterr().err
    assert export_of(weights, 5, "float32") == first
    assert capsys.readouterr().err == ""
    other = export_of(weights, 2, "float16")
    assert (read_exported(other).steps, read_exported(other).precision) == (2, "float16")
    assert len(list(cache.iterdir())) == 2


def test_other_weights_of_the_same_name_get_another_file(weights: Path) -> None:
    first = export_of(weights)
    tiny_file(weights.parent, "robust")
    assert export_of(weights) != first


def test_a_damaged_file_in_the_cache_is_written_anew(weights: Path) -> None:
    first = export_of(weights)
    first.write_bytes(first.read_bytes()[:1000])
    assert read_exported(export_of(weights)).source == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_an_export_beside_the_weights_is_taken_if_it_is_of_them(weights: Path, cache: Path) -> None:
    beside = weights.with_suffix(".onnx")
    export(weights, beside, 3)
    assert export_of(weights, 3) == export_of(beside, 7) == beside
    assert export_of(weights).parent == cache  # of as many steps as suit the model
    assert export_of(weights, 5).parent == cache
    tiny_file(weights.parent, "robust")
    assert export_of(weights).parent == cache


def test_the_shipped_export_is_of_the_shipped_weights() -> None:
    file = export_of("default")
    assert file == resource_path("resource/weights/default.onnx") and read_exported(file).steps == 1


def test_what_there_is_no_file_of(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "torch")
    with pytest.raises(FileNotFoundError, match=r"no export of .* with 2 DDIM steps in float32 .*--steps 2"):
        export_of(weights, 2)
    with pytest.raises(FileNotFoundError, match="expected an ONNX file of `diffupose export`"):
        export_of(weights.with_name("none.onnx"))
    with pytest.raises(FileNotFoundError, match="no weights 'nobody'"):
        export_of("nobody")
    with pytest.raises(ValueError, match="precision 'bfloat16': the engine onnx has auto, float32 and float16"):
        export_of(weights, precision="bfloat16")


# Engines


def test_auto_is_torch_where_it_is_installed(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_of(weights)
    assert (
        choose("auto", weights)
        == choose("auto", weights, "cuda")
        == choose("auto", weights, "cpu", "bfloat16")
        == "torch"
    )
    forbid(monkeypatch, "onnxruntime")
    assert choose("auto", weights) == "torch"


def test_auto_is_onnx_where_torch_is_missing_or_cannot_do_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("auto", "model.onnx") == choose("auto", weights, "tensorrt:1") == "onnx"
    assert choose("auto", weights, precision="float16") == "onnx"
    forbid(monkeypatch, "torch")
    assert choose("auto", weights) == "onnx"
    forbid(monkeypatch, "torch", "onnxruntime")
    with pytest.raises(ImportError, match=r"needs torch: .* -m pip install torch; or take the engine onnx"):
        choose("auto", weights)
    with pytest.raises(ImportError, match="the engine torch needs torch"):
        choose("torch", weights)


def test_what_no_engine_does() -> None:
    with pytest.raises(ValueError, match="engine 'tflite': expected auto, torch, onnx"):
        choose("tflite", "default")
    with pytest.raises(ValueError, match=r"model.onnx: the engine torch reads \.safetensors, .* not ONNX files"):
        choose("torch", "model.onnx")


# Lifting


def test_one_step_is_drawn_by_the_network_that_was_distilled_for_it(tmp_path: Path) -> None:
    weights = tiny_file(tmp_path, "distilled", "distilled")
    pixels, camera = 300 + 50 * np.random.default_rng(0).normal(size=(3, 17, 2)), Camera.from_fov(1.0, 640, 480)
    ours, theirs, plain = (
        Lifter.load(path, "cpu", "float32", engine)
        for path, engine in ((weights, "onnx"), (weights, "torch"), (tiny_file(tmp_path), "torch"))
    )
    assert (ours.usual_steps, theirs.usual_steps, plain.usual_steps) == (1, 1, 5)

    def poses(lifter: Lifter, steps: int | None) -> np.ndarray:
        lifted = lifter.lift(pixels, np.ones((3, 17)), camera, steps=steps, seed=0)
        return lifted.hypotheses - lifted.root[:, None, None]

    np.testing.assert_allclose(poses(ours, None), poses(theirs, None), rtol=1e-3, atol=1e-3)
    assert np.abs(poses(theirs, None) - poses(plain, 1)).max() > 0.01
    np.testing.assert_array_equal(poses(theirs, 2), poses(plain, 2))


def test_both_engines_lift_the_same(weights: Path) -> None:
    pixels = 300 + 50 * np.random.default_rng(0).normal(size=(3, 17, 2))
    camera = Camera.from_fov(1.0, 640, 480)
    ours, theirs = (Lifter.load(weights, "cpu", "float32", engine, 2) for engine in ("onnx", "torch"))
    assert str(ours) == "robust, d = 32, engine onnx, on cpu" and str(theirs).endswith("engine torch, on cpu")
    lifted, expected = (lifter.lift(pixels, np.ones((3, 17)), camera, steps=2, seed=0) for lifter in (ours, theirs))
    for name, array in vars(expected).items():
        size = np.abs(array).max() or 1  # covariances are small
        np.testing.assert_allclose(getattr(lifted, name) / size, array / size, atol=1e-3, err_msg=name)
    with pytest.raises(OtherStepsError, match="takes 2, not 5"):
        ours.lift(pixels, np.ones((3, 17)), camera, steps=5)
    assert ours.usual_steps == 2 and theirs.usual_steps == 5
    ours.close()


def test_an_export_needs_no_weights_beside_it(weights: Path) -> None:
    file = export_of(weights, 4)
    weights.unlink()
    lifter = Lifter.load(file)
    assert lifter.sampler.engine == "onnx" and lifter.checkpoint.steps == 4 and "torch" in sys.modules
