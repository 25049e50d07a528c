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

"""The paper's tables: what is said of results, and whole runs at a scale for tests."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.lifting.checkpoint import PARENTS_16, Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.paper import ablations
from diffupose_ros.paper.ablations import Kept, Model, Models, Setup
from diffupose_ros.paper.figures import affinities, denoising, figures
from diffupose_ros.paper.reproduce import reproduce, table_of
from diffupose_ros.paper.tables import TABLES, markdown
from diffupose_ros.resources import resource_path
from diffupose_ros.training.predictors import load_predictor
from diffupose_ros.training.train import Trainer

TINY = {"batch": 8, "precision": "float32", "compile": "off", "workers": 0, "data.every": 1}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "people.npz"
    with np.load(resource_path("resource/clips/people.npz")) as arrays:
        np.savez(path, **{f"cmu/{i}/1": arrays[name][:40:20] for i, name in enumerate(arrays.files[:2])})
    return path


@pytest.fixture(scope="module")
def setup(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return Setup("cmu", clips, clips, 16, 1, tmp_path_factory.mktemp("cache"), training=TINY)


def recorded(dataset: ablations.Dataset, samples: int | None = None) -> Setup:
    return Setup(dataset, Path("data"), Path("data"), samples, 64, Path("cache"))


def result(labels: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    """A result of ``reproduce``, canned."""
    metrics = {"mpjpe_mm": 60.04, "p_mpjpe_mm": 45.0}
    activities = {"walking": {"people": 3, "mpjpe_mm": 55.5, "p_mpjpe_mm": 44.4}}
    row = {
        "parameters": 1_450_000,
        "raw": {**metrics, "per_activity": activities},
        "paper": {"mpjpe_mm": 50.0, "p_mpjpe_mm": 40.0, "per_activity": activities},
        "published": {"mpjpe_mm": 50.7},
        **more,
    }
    return {
        "table": "I", "title": "2D joints of a detector", "dataset": "cmu", "train": "train.npz", "data": "val.npz",
        "every": 15, "people": 486, "ddim_steps": 5, "seed": 3, "machine": {"device": "a CPU", "threads": 2},
        "budget": {"samples": 131_072, "steps": 512, "batch": 256}, "rows": [{"labels": n, **row} for n in labels],
    }  # fmt: skip


# What is said.


def test_markdown_has_ours_beside_the_papers_and_says_the_scale() -> None:
    text = markdown(result([{"N": "1"}, {"N": "10"}]))
    lines = text.splitlines()
    assert lines[0] == "## Table I: 2D joints of a detector (cmu)"
    assert "131,072 samples of train.npz (512 steps of 256), seed 3, on a CPU, 2 threads" in text
    assert "486 people (one frame in 15 of val.npz)" in text and "DDIM 5 steps" in text
    assert lines[4].startswith("| N | parameters | raw P1 | raw P2 | paper's protocol P1 | paper's protocol P2 | paper")
    assert lines[6] == "| 1 | 1.45 M | 60.0 | 45.0 | 50.0 | 40.0 | 50.7 |"
    assert text.count("| N | walking | all |") == 4 and "| 10 | 55.5 | 60.0 |" in text


def test_markdown_of_speeds() -> None:
    canned = result([{"N": "1", "steps": "2"}], people_per_second=1234.5, published={"people_per_second": 8927.0})
    text = markdown(canned | {"table": "schedule"})
    assert text.startswith("## 2D joints of a detector (cmu)")
    assert "DDIM 5 steps" not in text  # each row has its own
    assert "| 1 | 2 | 1.45 M | 60.0 | 45.0 | 50.0 | 40.0 | 1,234.5 | 8,927 |" in text


def test_tables_over_two_things_come_in_the_papers_form_first() -> None:
    canned = result([{"N": n, "d": d} for n in ("1", "5") for d in ("128", "256")])
    canned["rows"][3] |= {"published": {}}
    lines = markdown(canned).splitlines()
    assert lines[4].startswith("| raw P1 (paper, Human3.6M)") and lines[4].endswith("| 128 | 256 |")
    assert lines[6:8] == ["| 1 | 60.0 (50.7) | 60.0 (50.7) |", "| 5 | 60.0 (50.7) | 60.0 |"]


def test_rows_without_a_published_number_leave_it_empty() -> None:
    canned = result([{"N": "1"}, {"N": "10"}])
    canned["rows"][1]["published"] = {}
    assert "| 10 | 1.45 M | 60.0 | 45.0 | 50.0 | 40.0 |  |" in markdown(canned)


# What is compared.


def test_unknown_tables_and_data_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown table 'VII': expected one of I, II, III, IV, V, VI, schedule"):
        table_of("VII", recorded("h36m"))
    with pytest.raises(ValueError, match="table III is made of humaneva or cmu, not of h36m"):
        table_of("III", recorded("h36m"))


def test_the_papers_data_is_learnt_with_the_papers_budget() -> None:
    setup = recorded("h36m")
    row = TABLES["V"].rows(setup)[-1]
    config = setup.config(row.model)
    assert (row.hypotheses, row.steps, row.published) == (10, None, {"mpjpe_mm": 49.4})
    assert (config.model.channels, config.model.joints, config.data.keypoints) == (384, 16, "hr")
    assert (config.steps, config.loss, config.diffusion.prediction) == (310_000, "paper", "epsilon")
    exact = setup.config(TABLES["II"].rows(setup)[0].model)
    assert (exact.model.joints, exact.data.keypoints) == (17, "gt")


@pytest.mark.parametrize("table", ["IV", "V", "schedule"])
@pytest.mark.parametrize("dataset", ["h36m", "cmu"])
def test_all_sides_of_a_comparison_are_trained_alike(table: str, dataset: ablations.Dataset) -> None:
    setup = recorded(dataset, samples=100_000)
    configs = [setup.config(row.model) for row in TABLES[table].rows(setup)]
    alike = {replace(c, model=configs[0].model, diffusion=configs[0].diffusion) for c in configs}
    assert len(alike) == 1 and len(set(configs)) > 1
    assert configs[0].steps == round(100_000 / configs[0].batch) == configs[0].validate_every


# Whole runs.


def test_a_run_of_table_iv(setup: Setup, tmp_path: Path) -> None:
    made = reproduce("IV", setup, tmp_path)
    assert json.loads((tmp_path / "reproduce_IV_cmu.json").read_text()) == made
    assert (tmp_path / "reproduce_IV_cmu.md").read_text() == markdown(made)
    unet, graph = made["rows"]
    assert unet["labels"] == {"denoiser": "U-Net"} and unet["published"] == {"mpjpe_mm": 58.1}
    assert unet["parameters"] > 2 * graph["parameters"]
    assert made["budget"]["samples"] == 16 and made["people"] == 4 and made["machine"]["threads"] >= 1
    for row in made["rows"]:
        assert row["raw"]["mpjpe_mm"] > row["raw"]["p_mpjpe_mm"] > 0
        assert row["raw"]["mpjpe_mm"] != row["paper"]["mpjpe_mm"]


def test_a_run_of_table_vi_is_not_repeated(setup: Setup, tmp_path: Path, monkeypatch) -> None:
    made = reproduce("VI", setup, tmp_path)
    assert [tuple(row["labels"].values()) for row in made["rows"][:2]] == [("1", "2"), ("1", "5")]
    rates = {tuple(row["labels"].values()): row["people_per_second"] for row in made["rows"]}
    assert rates["1", "2"] > rates["10", "100"] > 0
    assert (tmp_path / "reproduce_VI_cmu.png").read_bytes().startswith(b"\x89PNG")

    def again(*_: object, **__: object) -> None:
        raise AssertionError("trained or measured again")

    monkeypatch.setattr(Trainer, "run", again)
    monkeypatch.setattr(ablations, "evaluate", again)
    assert reproduce("VI", setup, tmp_path) == made


def test_a_training_that_was_stopped_goes_on(clips: Path, tmp_path: Path, monkeypatch) -> None:
    setup = Setup("cmu", clips, clips, 32, 1, tmp_path, training=TINY | {"save_every": 1})
    models, model = Models(setup), Model(channels=32)
    step, steps = Trainer._step, []

    def counted(self: Trainer, *batch: Any) -> Any:
        if self.step == 2 and len(steps) == 2:
            steps.append("stopped")
            raise KeyboardInterrupt
        steps.append(self.step)
        return step(self, *batch)

    monkeypatch.setattr(Trainer, "_step", counted)
    with pytest.raises(KeyboardInterrupt):
        models.trained(model)
    assert not (models.folder(model) / "finished").exists()
    models.trained(model)
    assert steps == [0, 1, "stopped", 2, 3]
    models.trained(model)
    assert len(steps) == 5


def test_another_budget_seed_or_file_is_another_model(setup: Setup, clips: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    other.write_bytes(clips.read_bytes())
    setups = [setup, replace(setup, samples=24), replace(setup, seed=1), replace(setup, train=other)]
    assert len({Models(s).folder(Model()) for s in setups}) == 4
    assert len({Models(setup).folder(m) for m in (Model(), Model(schedule="linear"), Model(keypoints="detected"))}) == 3


def test_kept_draws_are_the_predictors_own() -> None:
    predictor, _, _ = load_predictor("default", "cpu")
    kept = Kept(predictor)
    features = np.random.default_rng(0).normal(size=(2, 17, 5)).astype(np.float32)
    first, again = (kept.draw(features, Sampling(2, 1, seed=4)) for _ in range(2))
    assert first is again and kept.seconds > 0
    np.testing.assert_array_equal(first, predictor.draw(features, Sampling(2, 1, seed=4)))
    assert not np.allclose(kept.draw(features, Sampling(2, 1, seed=5)), first)


# Figures and the command.


def test_figures_of_the_papers_networks_of_16_joints(setup: Setup, tmp_path: Path) -> None:
    network = Denoiser(DenoiserConfig.paper(32, PARENTS_16)).eval()
    checkpoint = Checkpoint(network.config, DiffusionConfig.paper(), network.state_dict())
    denoising(checkpoint, Models(setup).people("gt")[:1], tmp_path / "2.png", hypotheses=2)
    affinities(network, tmp_path / "5.png")
    assert all((tmp_path / f"{n}.png").stat().st_size > 20_000 for n in (2, 5))


def test_nobody_and_unknown_models_have_no_figures(setup: Setup, tmp_path: Path) -> None:
    people = Models(setup).people("gt")
    with pytest.raises(ValueError, match="nobody to draw"):
        figures("default", people[:0], tmp_path)
    with pytest.raises(FileNotFoundError, match="no weights 'nothing'"):
        figures("nothing", people, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["VII"], "unknown table 'VII'"),
        (["II", "--train", "nowhere.npz"], "no clips at"),
        (["II"], "give --train"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], reason: str, tmp_path: Path, clips: Path) -> None:
    if arguments == ["VII"]:
        arguments = [*arguments, "--train", str(clips)]
    places = ["--data", str(clips), "--cache", str(tmp_path), "--out", str(tmp_path)]
    outcome = CliRunner().invoke(app, ["reproduce", *arguments, "--dataset", "cmu", *places])
    assert outcome.exit_code == 1 and reason in outcome.output
    assert not list(tmp_path.glob("*.json"))


def test_the_command_makes_figures_of_the_shipped_model(clips: Path, tmp_path: Path) -> None:
    options = ["--dataset", "cmu", "--data", str(clips), "--every", "1", "--out", str(tmp_path)]
    outcome = CliRunner().invoke(app, ["reproduce", "figures", *options])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.count("wrote") == 4 and (tmp_path / "worst.png").stat().st_size > 20_000
    for number in (2, 4, 5):
        picture = (tmp_path / f"figure_{number}.png").read_bytes()
        assert int.from_bytes(picture[16:20], "big") == 1000 and len(picture) > 20_000
