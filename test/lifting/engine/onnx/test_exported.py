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

"""Exported models find what the engine torch finds; files that are no such models are refused."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.models import TINY, some_people, tiny_checkpoint, tiny_file

from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.lifting import Interrupted, Lifter
from diffupose_ros.lifting.checkpoint import load_checkpoint, save_checkpoint
from diffupose_ros.lifting.engine.call import Calls
from diffupose_ros.lifting.engine.onnx import export as export_module
from diffupose_ros.lifting.engine.onnx import graph as onnx_graph
from diffupose_ros.lifting.engine.onnx import model as onnx_model
from diffupose_ros.lifting.engine.onnx.export import export
from diffupose_ros.lifting.engine.onnx.exported import read_exported
from diffupose_ros.lifting.engine.onnx.model import OnnxModel
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import OtherStepsError, Sampling
from diffupose_ros.lifting.rows import found


def people(count: int, hypotheses: int = 4, channels: int = 5, **sampling) -> tuple[np.ndarray, np.ndarray, Sampling]:
    """What a model takes of people of any kind."""
    return *some_people(count, channels), Sampling(hypotheses, **{"seed": 0, "steps": 2} | sampling)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a proposal, of 2 steps."""
    folder = tmp_path_factory.mktemp("tiny")
    export(tiny_file(folder), folder / "tiny.onnx", steps=2)
    return folder / "tiny.onnx"


@pytest.fixture
def model(tiny: Path) -> OnnxModel:
    return OnnxModel(tiny, "cpu")


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("kind", TINY)
def test_one_seed_finds_the_same_in_both_engines(kind: str, steps: int, tmp_path: Path) -> None:
    weights = tiny_file(tmp_path, kind)
    channels = export(weights, tmp_path / "tiny.onnx", steps).condition_channels
    checkpoint = load_checkpoint(weights)
    ours = OnnxModel(tmp_path / "tiny.onnx", "cpu")
    theirs = Calls(Sampler.of(checkpoint, "cpu", "float32"), checkpoint.calibration)
    for count, hypotheses, flip in ((1, 1, True), (3, 4, True), (2, 5, False)):
        asked = people(count, hypotheses, channels, steps=steps, flip=flip, seed=1)
        lifted, expected = (found(hypotheses).split(engine.run(*asked)) for engine in (ours, theirs))
        for name, of in expected.items():
            size = np.abs(of).max(tuple(range(1, of.ndim)), keepdims=True)
            np.testing.assert_allclose(lifted[name] / size, of / size, atol=2e-3, err_msg=name)
        assert lifted["hypotheses"].std() > 0.01
    assert ours.run(*people(0, channels=channels, steps=steps)).shape == (0, found(4).width)


def test_the_shipped_model_lifts_the_same_within_a_tenth_of_a_millimetre(tmp_path: Path) -> None:
    export("default", tmp_path / "whole.onnx")
    export("default", tmp_path / "half.onnx", precision="float16")
    assert (tmp_path / "half.onnx").stat().st_size < 0.55 * (tmp_path / "whole.onnx").stat().st_size
    pixels, scores, camera = seen(4)
    expected, whole, half = (
        Lifter.load(model, "cpu", precision, engine).lift(pixels, scores, camera, LAYOUT, seed=0, detector=DETECTOR)
        for model, precision, engine in (
            ("default", "float32", "torch"),
            (tmp_path / "whole.onnx", "float32", "onnx"),
            (tmp_path / "half.onnx", "float16", "onnx"),
        )
    )
    for lifted, most in ((whole, 1e-4), (half, 3e-3)):
        poses, others = (each.hypotheses - each.hypotheses[:, :, :1] for each in (lifted, expected))
        np.testing.assert_allclose(poses, others, atol=most)
        np.testing.assert_allclose(lifted.root, expected.root, rtol=3 * most)
        size = np.trace(expected.covariance, axis1=-1, axis2=-2)[..., None, None]
        np.testing.assert_allclose(lifted.covariance / size, expected.covariance / size, atol=10 * most)


def test_a_file_says_what_it_is(tiny: Path) -> None:
    model = read_exported(tiny)
    assert (model.variant, model.joints, model.channels, model.condition_channels) == ("robust", 17, 32, 5)
    assert (model.steps, model.precision, model.card) == (2, "float32", {"licence": "of nobody"})


def test_the_number_of_people_at_once_is_bounded_and_ends_with_the_memory(model: OnnxModel) -> None:
    expected = model.run(*people(9))
    session, sizes = model._session, []

    class Small:
        """A GPU with room for two people."""

        def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            sizes.append(len(inputs["features"]))
            if sizes[-1] > 2:
                raise RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer")
            return session.run(outputs, inputs)

    model._session = Small()
    with pytest.warns(UserWarning, match="not enough memory for 9 people at once, now 4"):
        np.testing.assert_allclose(model.run(*people(9)), expected, rtol=1e-4, atol=1e-5)
    assert sizes[0] == 9 and max(sizes[-5:]) <= 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.run(*people(9))  # it has learned
    with pytest.raises(ValueError, match="no such thing"):
        model._session.run = lambda *_: (_ for _ in ()).throw(ValueError("no such thing"))
        model.run(*people(1))


def test_a_gpu_too_small_for_one_person(model: OnnxModel) -> None:
    def run(*_: object) -> None:
        raise RuntimeError("CUDA error 2: out of memory")

    model._session = type("None", (), {"run": staticmethod(run)})()
    with pytest.raises(MemoryError, match="not enough memory for the 4 hypotheses of one person: CUDA error 2"):
        model.run(*people(1))


def test_interrupted_before_a_batch(model: OnnxModel) -> None:
    answers = iter([False, True])
    with pytest.raises(Interrupted):
        model.run(*people(200), lambda: next(answers))


def test_other_steps_are_refused_with_what_to_do(model: OnnxModel) -> None:
    with pytest.raises(OtherStepsError, match=r"takes 2, not 5: write another with `diffupose export .* --steps 5`"):
        model.run(*people(1, steps=5))


# Writing


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export_module._MOST, "float32", 0.0)
    with pytest.raises(RuntimeError, match="not written: against the engine torch joints differ by"):
        export(tiny_file(tmp_path), tmp_path / "out.onnx", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_half_precision_that_overflows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tiny_checkpoint("robust")
    huge = tmp_path / "huge.safetensors"
    weights = checkpoint.weights | {"blocks.0.gconv1.bn.running_var": torch.full((32,), 1e-20)}
    weights["non_local.g.weight"] = torch.full((16, 32), 6e4)
    weights["non_local.W.0.weight"] = torch.full((32, 16), 6e4)
    save_checkpoint(replace(checkpoint, weights=weights), huge)
    monkeypatch.setattr(onnx_graph, "_FEW", 16)  # as of a model of more channels
    with pytest.raises(ValueError, match=r"weights up to .* do not fit float16, whose largest number is 65504"):
        export(huge, tmp_path / "out.onnx", 1, "float16")
    assert not (tmp_path / "out.onnx").exists()


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps: expected 1 to 100, got 101"):
        export(tiny_file(tmp_path), tmp_path / "out.onnx", 101)
    with pytest.raises(ValueError, match="precision 'half': an export has float32 or float16"):
        export(tiny_file(tmp_path), tmp_path / "out.onnx", 5, "half")
    with pytest.raises(FileNotFoundError, match="no weights 'nobody'"):
        export("nobody", tmp_path / "out.onnx")


# Reading


def changed(tiny: Path, path: Path, **about: object) -> Path:
    """Write the model with other metadata."""
    model = onnx.load(tiny)
    meta = json.loads(model.metadata_props[0].value) | about
    model.metadata_props[0].value = json.dumps(meta)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 0.9999])
def test_truncated_files_are_refused(tiny: Path, tmp_path: Path, share: float) -> None:
    content = tiny.read_bytes()
    (tmp_path / "part.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"part.onnx: (truncated, or not an ONNX file|not a lifting model)"):
        OnnxModel(tmp_path / "part.onnx", "cpu")


def test_other_files_are_refused(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_text("no network at all")
    with pytest.raises(ValueError, match="truncated, or not an ONNX file"):
        OnnxModel(path, "cpu")
    model = onnx.load(tiny)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ValueError, match="not a lifting model: expected a file that `diffupose export` wrote"):
        OnnxModel(path, "cpu")
    path.write_text("<!doctype html>")
    with pytest.raises(ValueError, match="a page of a web site"):
        OnnxModel(path, "cpu")


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"format": 1}, "a model in format 1, and this version reads 2: write it again"),
        ({"variant": "transformer"}, "a network 'transformer' of 17 joints"),
        ({"joints": 25}, "a network 'robust' of 25 joints"),
        ({"steps": 0}, "steps: expected a whole number from 1 on, got 0"),
        ({"later": 1}, "damaged, or of another version"),
        ({"condition_channels": 7}, "of another architecture than it says"),
    ],
)
def test_files_of_another_version_or_architecture(
    tiny: Path, tmp_path: Path, about: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        OnnxModel(changed(tiny, tmp_path / "x.onnx", **about), "cpu")


def test_metadata_that_is_no_json(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    for text in ("{", "[1]", '"text"', "[" * 100_000):
        model.metadata_props[0].value = text
        onnx.save(model, tmp_path / "x.onnx")
        with pytest.raises(ValueError, match="its metadata is damaged"):
            read_exported(tmp_path / "x.onnx")


def test_operators_that_the_runtime_does_not_know(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    model.opset_import[0].version = 99
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ValueError, match=r"onnxruntime [\d.]+ cannot run it: .*99.* or install a newer onnxruntime"):
        OnnxModel(tmp_path / "x.onnx", "cpu")


def test_devices_that_are_not_there(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("cuda", "cuda:1", "tensorrt", "openvino"):
        with pytest.raises(ValueError, match=f"device '{device}': this onnxruntime has cpu; another build of it has"):
            OnnxModel(tiny, device)
    with pytest.raises(ValueError, match=r"device 'gpu': the engine onnx has auto, cpu, cuda, cuda:1, \.\.\."):
        OnnxModel(tiny, "gpu")
    assert OnnxModel(tiny, "auto").device == "cpu"
    # A build for CUDA without CUDA: silently the CPU for auto alone.
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnxruntime's
        assert OnnxModel(tiny, "auto").device == "cpu"
        with pytest.raises(ValueError, match="device 'cuda': onnxruntime could not start it, only cpu"):
            OnnxModel(tiny, "cuda")


def test_without_onnxruntime(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(onnx_model.sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"the engine onnx needs onnxruntime .*-m pip install onnxruntime"):
        OnnxModel(tiny, "cpu")
