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

"""Our checkpoint files, and the import of the official ones."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from diffupose_ros import pytorch
from diffupose_ros.detection.hrnet_files import read_hrnet
from diffupose_ros.lifting import Camera, Lifter
from diffupose_ros.lifting.checkpoint import (
    PARENTS_16,
    Checkpoint,
    DiffusionConfig,
    import_official,
    load_checkpoint,
    save_checkpoint,
)
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.skeleton import NECK
from diffupose_ros.training.networks import read_any

SCHEDULE_BUFFERS = (
    "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2", "p2_loss_weight",
)  # fmt: skip


def small_checkpoint(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    config = DenoiserConfig(channels=32)
    calibration = Calibration.none()
    rng = np.random.default_rng(seed)
    calibration = Calibration(
        calibration.prior * rng.uniform(1, 2, calibration.prior.shape),
        calibration.strength * rng.uniform(1, 2, calibration.strength.shape),
        calibration.scale * rng.uniform(1, 2, calibration.scale.shape),
        rng.uniform(2, 20, calibration.freedom.shape),
        rng.uniform(0.5, 2, calibration.root.shape),
        rng.uniform(1, 3, calibration.widening.shape),
    )
    return Checkpoint(config, DiffusionConfig(), Denoiser(config).state_dict(), calibration, {"trained": ["a", 1]})


def contents(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["diffupose"])


def without_neck(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official weights of a 16-joint network."""
    keep = [j for j in range(17) if j != NECK]
    changed = {}
    for name, value in state.items():
        if name.endswith(".M"):
            value = value[keep]
        elif name.endswith("adj2"):
            value = value[keep][:, keep]
        changed[name] = value
    return changed


def training_file(model: dict[str, torch.Tensor], ema: dict[str, torch.Tensor]) -> dict:
    """The layout that the released training code writes."""
    buffers = {name: torch.rand(100) for name in SCHEDULE_BUFFERS}
    online = {f"module.denoise_fn.{name}": v for name, v in model.items()}
    online |= {f"module.{name}": v for name, v in buffers.items()}
    averaged = {f"ema_model.module.denoise_fn.{name}": v for name, v in ema.items()}
    averaged |= {f"ema_model.module.{name}": v for name, v in buffers.items()}
    averaged |= {f"online_model.{name}": v for name, v in online.items()}
    averaged |= {"initted": torch.tensor([True]), "step": torch.tensor([310_000])}
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 3}
    return {"step": 310_000, "model": online, "ema": dict(reversed(averaged.items())), "scaler": scaler}


def assert_paper_outputs(checkpoint: Checkpoint, vectors: dict[str, np.ndarray]) -> None:
    with torch.inference_mode():
        output = checkpoint.build()(*(torch.from_numpy(vectors[name]) for name in ("x", "cond", "t")))
    np.testing.assert_allclose(output, vectors["output"], rtol=0, atol=1e-5)


# Official files.


@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_bare_official_state_dict(official_file: Path, vectors, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"official.{suffix}"
    path.write_bytes(official_file.read_bytes())
    checkpoint = load_checkpoint(path)
    assert checkpoint.denoiser == DenoiserConfig.paper(128)
    assert checkpoint.diffusion == DiffusionConfig(100, "cosine", "epsilon", clamp=1.0, pose_scale=1.0)
    assert_paper_outputs(checkpoint, vectors)


def test_official_training_file_whose_averaged_copy_wins(official_file, vectors, tmp_path: Path) -> None:
    averaged = torch.load(official_file, weights_only=True)
    online = {name: v + 1 for name, v in averaged.items()}
    torch.save(training_file(online, averaged), tmp_path / "model.pt")
    assert_paper_outputs(import_official(tmp_path / "model.pt"), vectors)


def test_official_training_file_without_averaged_copy(official_file, vectors, tmp_path: Path) -> None:
    online = torch.load(official_file, weights_only=True)
    saved = training_file(online, online)
    torch.save({"step": saved["step"], "model": saved["model"]}, tmp_path / "model.pt")
    assert_paper_outputs(import_official(tmp_path / "model.pt"), vectors)


@pytest.mark.parametrize("wrapper", ["", "model", "state_dict", "model_state_dict", "ema", "model.state_dict"])
@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module.", "model.", "module._orig_mod.", "model._orig_mod.denoise_fn."]
)
def test_what_training_scripts_make_of_a_state_dict(official_state, vectors, wrapper: str, prefix: str, tmp_path: Path):
    saved: dict = {f"{prefix}{name}": value for name, value in official_state.items()}
    for word in reversed(wrapper.split(".")) if wrapper else ():
        saved = {"epoch": 3, word: saved, "optimizer": {"lr": 0.1}, "ema_state_dict": {"decay": 0.99}}
    torch.save(saved, tmp_path / "model.ckpt")
    assert_paper_outputs(load_checkpoint(tmp_path / "model.ckpt"), vectors)


def test_official_16_joint_network_is_imported_and_lifts(official_file, vectors, tmp_path: Path) -> None:
    state = without_neck(torch.load(official_file, weights_only=True))
    torch.save(state, tmp_path / "official16.pth")
    checkpoint = import_official(tmp_path / "official16.pth")
    assert checkpoint.denoiser == DenoiserConfig.paper(128, PARENTS_16)
    lifter = Lifter(checkpoint, "cpu")
    keypoints = np.random.default_rng(0).uniform(100, 500, (2, 17, 2))
    lifted = lifter.lift(keypoints, np.ones((2, 17)), Camera.from_fov(1.2, 640, 480), hypotheses=3, seed=0)
    assert lifted.hypotheses.shape == (2, 3, 17, 3) and np.isfinite(lifted.mean).all()
    # It has no neck: ours is half-way from thorax to head.
    np.testing.assert_allclose(lifted.mean[:, 9], (lifted.mean[:, 8] + lifted.mean[:, 10]) / 2)


def test_official_weights_survive_our_format(official_file, vectors, tmp_path: Path) -> None:
    save_checkpoint(import_official(official_file), tmp_path / "ours.safetensors")
    again = load_checkpoint(tmp_path / "ours.safetensors")
    assert again.denoiser == DenoiserConfig.paper(128) and again.diffusion == DiffusionConfig.paper()
    assert_paper_outputs(again, vectors)


class NotWeights:
    """A class that unpickling must not bring to life."""


@pytest.mark.parametrize(
    "saved",
    [
        torch.zeros(3), [1, 2], {"conv1.weight": torch.zeros(3)}, {"step": 3, "model": {}}, {},
        {"model": 3}, {"model": {"a": torch.zeros(1)}, "ema": None}, {3: torch.zeros(3)},
    ],
    ids=str,
)  # fmt: skip
def test_foreign_pytorch_files_are_refused(saved, tmp_path: Path) -> None:
    torch.save(saved, tmp_path / "foreign.pt")
    with pytest.raises(ValueError, match=r"foreign\.pt: not a DiffuPose checkpoint"):
        import_official(tmp_path / "foreign.pt")


def test_pickled_objects_are_not_brought_to_life(tmp_path: Path) -> None:
    torch.save({"model": NotWeights()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"evil\.pt: holds a .*NotWeights, which is no weight, and could run code"):
        import_official(tmp_path / "evil.pt")


@pytest.mark.parametrize("kept", [0, 10, 5_000, -1_000])
def test_truncated_official_file_is_refused(official_file: Path, kept: int, tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes(official_file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut\.pth: truncated, or not a PyTorch weights file"):
        load_checkpoint(tmp_path / "cut.pth")


@pytest.mark.parametrize("lost", ["time_mlp.1.weight", "gconv_layers.2.gconv1.gconv.M", "gconv_input.0.gconv.M"])
def test_official_file_without_a_parameter_is_refused(official_state, lost: str, tmp_path: Path) -> None:
    torch.save({name: v for name, v in official_state.items() if name != lost}, tmp_path / "lost.pth")
    with pytest.raises(ValueError, match=r"lost\.pth|do not fit a paper denoiser"):
        import_official(tmp_path / "lost.pth")


def test_official_network_of_another_skeleton_is_refused(official_state, tmp_path: Path) -> None:
    state = {name: v[:15] if name.endswith(".M") else v for name, v in official_state.items()}
    torch.save(state, tmp_path / "15.pth")
    with pytest.raises(ValueError, match=r"15\.pth: a network for 15 joints; only Human3.6M's 16 or 17"):
        import_official(tmp_path / "15.pth")


@pytest.mark.parametrize("load", [import_official, load_checkpoint, Lifter.load])
def test_missing_file_is_named(load, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth"):
        load(tmp_path / "nowhere.pth")


# Our own files.


def test_shipped_checkpoint_has_what_its_users_need() -> None:
    checkpoint = load_checkpoint("default")
    assert checkpoint.denoiser.variant == "robust" and checkpoint.denoiser.joints == 17
    assert all(value.dtype == torch.float32 for value in checkpoint.weights.values() if value.is_floating_point())
    assert all(torch.isfinite(value).all() for value in checkpoint.weights.values())
    checkpoint.build()


def test_unknown_name_is_refused_naming_the_shipped_ones() -> None:
    with pytest.raises(FileNotFoundError, match=r"'best'.*shipped.*default"):
        load_checkpoint("best")


def test_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = small_checkpoint()
    save_checkpoint(saved, tmp_path / "a.safetensors")
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert (loaded.denoiser, loaded.diffusion, loaded.card) == (saved.denoiser, saved.diffusion, saved.card)
    assert set(loaded.weights) == set(saved.weights)
    for name, value in saved.weights.items():
        if value.is_floating_point():
            rounded = value.half().float() if value.ndim > 1 else value
            assert torch.equal(loaded.weights[name], rounded), name
    for name, array in asdict(saved.calibration).items():
        np.testing.assert_allclose(getattr(loaded.calibration, name), array, rtol=1e-6)
    save_checkpoint(loaded, tmp_path / "b.safetensors")  # a second round changes nothing
    again = load_checkpoint(str(tmp_path / "b.safetensors"))
    assert all(torch.equal(again.weights[name], value) for name, value in loaded.weights.items())


def test_interrupted_save_leaves_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(small_checkpoint(0), path)
    before = path.read_bytes()

    def half_a_save(tensors, filename, metadata):
        Path(filename).write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pytorch, "save_file", half_a_save)
        save_checkpoint(small_checkpoint(1), path)
    assert path.read_bytes() == before
    save_checkpoint(small_checkpoint(1), path)  # what the interrupted one left is in nobody's way
    assert path.read_bytes() != before and [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_truncated_checkpoint_is_refused(kept: float, tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "whole.safetensors")
    data = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: int(len(data) * kept) if 0 < kept < 1 else int(kept)])
    with pytest.raises(ValueError, match=r"cut\.safetensors: truncated, or not a safetensors file"):
        load_checkpoint(tmp_path / "cut.safetensors")


def test_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("404: not found, and here is a long text about it")
    with pytest.raises(ValueError, match=r"text\.safetensors: truncated, or not a safetensors file"):
        load_checkpoint(tmp_path / "text.safetensors")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.ckpt", "a.pth.tar"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<!DOCTYPE html>\n<html>Sign in</html>", "a page of a web site, not the file itself"),
        ("\n<HTML><body>404</body>", "a page of a web site, not the file itself"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS.*`git lfs pull`"),
        ("nothing", "truncated, or not a"),
    ],
)
def test_what_came_in_place_of_weights_is_told(name: str, content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    for load in (load_checkpoint, read_hrnet, read_any):
        with pytest.raises(ValueError, match=reason) as raised:
            load(tmp_path / name)
        assert name in str(raised.value) and "weights_only" not in str(raised.value)


@pytest.mark.parametrize("name", ["a.ckpt", "a.pth.tar", "a.bin", "a"])
def test_a_file_is_read_by_what_it_holds(official_file: Path, vectors, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(official_file.read_bytes())
    assert_paper_outputs(load_checkpoint(tmp_path / name), vectors)
    save_checkpoint(small_checkpoint(), tmp_path / name)
    assert load_checkpoint(tmp_path / name).denoiser == small_checkpoint().denoiser


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"diffupose": '{"format": 99}'}, {"diffupose": "[1]"}])
def test_foreign_safetensors_are_refused(metadata: dict | None, tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "foreign.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=r"foreign\.safetensors: not a diffupose checkpoint of format 2"):
        load_checkpoint(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("lost", ["calibration.prior", "denoiser", "diffusion", "card"])
def test_checkpoint_without_one_of_its_parts_is_refused(lost: str, tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "whole.safetensors")
    tensors, meta = contents(tmp_path / "whole.safetensors")
    tensors.pop(lost, None)
    meta.pop(lost, None)
    save_file(tensors, tmp_path / "part.safetensors", metadata={"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"part\.safetensors"):
        Lifter.load(tmp_path / "part.safetensors", device="cpu")


@pytest.mark.parametrize("change", [{"channels": 64}, {"blocks": 3}, {"variant": "paper"}, {"condition_channels": 2}])
def test_weights_of_another_architecture_are_refused(change: dict, tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "a.safetensors")
    tensors, meta = contents(tmp_path / "a.safetensors")
    meta["denoiser"] |= change
    save_file(tensors, tmp_path / "b.safetensors", metadata={"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"do not fit a .* denoiser with 17 joints and d = "):
        Lifter.load(tmp_path / "b.safetensors", device="cpu")


@pytest.mark.parametrize(("section", "change"), [("denoiser", {"depth": 3}), ("diffusion", {"schedule": "cosinus"})])
def test_metadata_that_is_not_understood_is_refused(section: str, change: dict, tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "a.safetensors")
    tensors, meta = contents(tmp_path / "a.safetensors")
    meta[section] |= change
    save_file(tensors, tmp_path / "b.safetensors", metadata={"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"depth|cosinus"):
        Lifter.load(tmp_path / "b.safetensors", device="cpu")


def test_a_checkpoint_from_before_roots_were_calibrated_is_taken_as_it_is(tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "a.safetensors")
    tensors, meta = contents(tmp_path / "a.safetensors")
    for name in ("root", "widening"):
        del tensors[f"calibration.{name}"]
    save_file(tensors, tmp_path / "b.safetensors", metadata={"diffupose": json.dumps(meta)})
    calibration = load_checkpoint(tmp_path / "b.safetensors").calibration
    assert (calibration.root == 1).all() and (calibration.widening == 1).all()


def test_calibration_of_another_shape_is_refused(tmp_path: Path) -> None:
    save_checkpoint(small_checkpoint(), tmp_path / "a.safetensors")
    tensors, meta = contents(tmp_path / "a.safetensors")
    tensors["calibration.prior"] = tensors["calibration.prior"][:, 0].contiguous()
    save_file(tensors, tmp_path / "b.safetensors", metadata={"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"calibration\.prior: expected shape .*, got "):
        Lifter.load(tmp_path / "b.safetensors", device="cpu")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = Denoiser(DenoiserConfig(channels=32)).state_dict()
    weights["output.bias"].fill_(float("nan"))
    path = tmp_path / "nan.safetensors"
    save_checkpoint(Checkpoint(DenoiserConfig(channels=32), DiffusionConfig(), weights), path)
    with pytest.raises(ValueError, match=r"NaN.*output\.bias"):
        Lifter.load(path, device="cpu")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("denoiser", "channels", 10**6),
        ("denoiser", "blocks", 10**6),
        ("denoiser", "blocks", 2.5),
        ("denoiser", "condition_channels", 10**7),
        ("denoiser", "variant", "pear"),
        ("denoiser", "parents", [-1, 99]),
        ("denoiser", "parents", ["a"]),
        ("diffusion", "steps", 10**9),
        ("diffusion", "steps", 0),
        ("diffusion", "pose_scale", float("nan")),
        ("diffusion", "clamp", "x"),
    ],
)
def test_configurations_that_no_network_has_are_refused_at_once(
    tmp_path: Path, part: str, name: str, value: object
) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(small_checkpoint(), path)
    tensors, meta = contents(path)
    meta[part][name] = value
    save_file(tensors, path, {"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=f"a broken checkpoint, or one of another version: {name}: expected"):
        load_checkpoint(path)


def test_a_network_larger_than_its_weights_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(small_checkpoint(), path)
    tensors, meta = contents(path)
    meta["denoiser"] |= {"channels": 4096, "blocks": 64}  # 17 GB
    save_file(tensors, path, {"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match="the weights do not fit a robust denoiser"):
        load_checkpoint(path).build()


def test_calibrations_without_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(small_checkpoint(), path)
    tensors, meta = contents(path)
    tensors["calibration.scale"][:] = float("nan")
    save_file(tensors, path, {"diffupose": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"calibration\.scale: expected finite numbers"):
        load_checkpoint(path)
