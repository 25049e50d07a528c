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

"""Training configurations: the shipped ones, and what is refused with which words."""

from dataclasses import replace
from pathlib import Path

import pytest

from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.resources import resource_path
from diffupose_ros.training.config import TrainConfig, load_config, save_config
from diffupose_ros.training.networks import ProposedDenoiserConfig, network_config

SHIPPED = sorted(resource_path("config/training").glob("*.yaml"))


def refusal(text: str, folder: Path) -> str:
    path = folder / "run.yaml"
    path.write_text(text)
    with pytest.raises(ValueError) as refused:
        load_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    return str(refused.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configurations_load_and_survive_a_round_trip(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    save_config(config, tmp_path / "again.yaml")
    assert load_config(tmp_path / "again.yaml") == config


def test_there_is_a_configuration_for_each_model() -> None:
    h36m = {f"paper-h36m-{d}" for d in (128, 256, 384)}
    assert {path.stem for path in SHIPPED} == h36m | {
        "paper-humaneva", "robust-cmu-128", "robust-cmu-384", "regressor-cmu", "paper-cmu", "one-step"
    }  # fmt: skip
    for path in SHIPPED:
        if path.stem in h36m:
            config = load_config(path)
            assert f"paper-h36m-{config.model.channels}" == path.stem
            assert config.diffusion == DiffusionConfig.paper() and config.loss == "paper"


def test_the_regressor_is_the_usual_form_of_the_one_pass_part_of_our_model_trained_as_that() -> None:
    ours, baseline = (
        load_config(resource_path(f"config/training/{n}.yaml")) for n in ("robust-cmu-128", "regressor-cmu")
    )
    for name in ("data", "optimiser", "ema", "steps", "batch", "precision", "seed"):
        assert getattr(ours, name) == getattr(baseline, name), name
    part = network_config(ours)
    assert isinstance(part, ProposedDenoiserConfig)
    usual = network_config(baseline)
    assert isinstance(usual, ProposalConfig) and usual.blocks == 2 and replace(part.proposal, blocks=2) == usual
    assert 4.2e6 < sum(weights.numel() for weights in Proposal(usual).trunk.parameters()) < 4.4e6


def test_what_a_file_leaves_out_has_its_default_and_options_win(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert load_config(tmp_path / "empty.yaml") == TrainConfig()
    (tmp_path / "run.yaml").write_text("data: {train: here.npz}\nsteps: 5\noptimiser: {learning_rate: 1}\n")
    config = load_config(tmp_path / "run.yaml", {"data.train": "there.npz", "model.channels": 64, "seed": None})
    assert (config.data.train, config.model.channels, config.seed, config.steps) == ("there.npz", 64, 0, 5)
    assert config.optimiser.learning_rate == 1.0 and isinstance(config.optimiser.learning_rate, float)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stepz: 3", "stepz: there is no such key: did you mean steps?"),
        ("model: {width: 3}", "model.width: there is no such key: expected kind, variant, channels, joints"),
        ("optimiser: {learningrate: 1}", "optimiser.learningrate: there is no such key: did you mean learning_rate?"),
        ("steps: many", "steps: expected an integer, got 'many'"),
        ("steps: 1.5", "steps: expected an integer, got 1.5"),
        ("steps: true", "steps: expected an integer, got True"),
        ("steps: 0", "steps: expected 1 or more, got 0"),
        ("batch: 1", "batch: expected 2 or more, got 1"),
        ("seed: -1", "seed: expected 0 or more, got -1"),
        ("workers: many", "workers: expected auto or an integer, got 'many'"),
        ("optimiser: {learning_rate: -1}", "optimiser.learning_rate: expected a number above 0, got -1.0"),
        ("optimiser: {learning_rate: .nan}", "optimiser.learning_rate: expected a number, got nan"),
        ("optimiser: {gradient_clip: 0}", "optimiser.gradient_clip: expected a number above 0, got 0.0"),
        ("optimiser: {schedule: step}", "optimiser.schedule: expected cosine or constant or exponential, got 'step'"),
        ("ema: {decay: 1}", "ema.decay: expected 0 to 0.9999999, got 1.0"),
        ("model: {channels: 100}", "model.channels: expected a multiple of 16 from 32 on, got 100"),
        ("model: {joints: 15}", "model.joints: expected 16 or 17, got 15"),
        ("model: {kind: regressor, joints: 16}", "model.joints: expected 17 for a regressor, got 16"),
        ("model: {proposal: 1}", "model.proposal: expected true or false, got 1"),
        ("model: {proposal: true, joints: 16}", "model.proposal: expected false for a robust denoiser with 16 joints"),
        (
            "model: {proposal: true, variant: paper}",
            "model.proposal: expected false for a paper denoiser",
        ),
        ("model: {proposal: true, kind: regressor}", "model.proposal: expected false for a robust regressor with 17"),
        ("model: {proposal: true}", "diffusion.prediction: expected correction with model.proposal true"),
        (
            "diffusion: {prediction: correction}",
            "diffusion.prediction: expected velocity or epsilon with model.proposal false",
        ),
        ("model: {proposal: true}\ndiffusion: {prediction: correction}", "loss: expected distance with model.proposal"),
        ("loss: distance", "loss: expected squared or paper of a network that does not return a pose"),
        ("taken_steps: 101", "taken_steps: expected 0 to 100, got 101"),
        ("model: {proposal_width: 8}", "model.proposal_width: expected a multiple of 16 from 32 on, got 8"),
        ("model: {proposal_blocks: 0}", "model.proposal_blocks: expected 1 or more, got 0"),
        ("diffusion: {schedule: sigmoid}", "diffusion.schedule: expected cosine or linear, got 'sigmoid'"),
        ("diffusion: {clamp: text}", "diffusion.clamp: expected a number or null, got 'text'"),
        ("diffusion: {pose_scale: 0}", "diffusion.pose_scale: expected a number above 0, got 0.0"),
        ("precision: float16", "precision: expected float32 or tf32 or bfloat16, got 'float16'"),
        ("compile: true", "compile: expected auto or on or off, got True"),
        ("data: {dataset: coco}", "data.dataset: expected cmu or h36m or humaneva, got 'coco'"),
        ("data: [1]", "data: expected names and values, got [1]"),
        ("- 1", "the file: expected names and values, got [1]"),
        ("loss: paper", "loss: expected squared for a robust denoiser: only a paper denoiser"),
        ("steps: [", "not YAML: "),
        ("steps: 1\nsteps: 2", "not YAML: "),
    ],
)
def test_what_cannot_be_is_refused_with_file_key_and_what_was_expected(text: str, reason: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(reason)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no training configuration at .*nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"binary\.yaml: not YAML"):
        load_config(tmp_path / "binary.yaml")
