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

"""The training loop, on a network and clips small enough for a test."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import ROOT
from support.training import CLIPS, LONG, PROPOSED, TINY, assert_same, states, trainer

from diffupose_ros.lifting.checkpoint import DiffusionConfig, load_checkpoint, save_checkpoint
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.training.config import DataConfig, EmaConfig, ModelConfig, OptimiserConfig, load_config
from diffupose_ros.training.networks import checkpoint_of, read_trained
from diffupose_ros.training.predictors import load_predictor
from diffupose_ros.training.train import Stopped, Trainer, train

SUPPORT = ROOT / "test/support/training.py"
SHORT = replace(TINY, steps=2, validate_every=2, save_every=2)
PAPER = replace(
    SHORT, model=ModelConfig(variant="paper", channels=32, joints=16), diffusion=DiffusionConfig.paper(), loss="paper"
)


def process(job: str, folder: Path, *launcher: str) -> subprocess.Popen[str]:
    command = [sys.executable, *launcher, str(SUPPORT), job, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def kill_when_it_says(word: str, running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    with running:
        try:
            assert any(word in line for line in running.stdout), f"it never said {word!r}"
        finally:
            running.kill()
    assert running.returncode == -signal.SIGKILL


# Learning.


def test_training_lowers_the_loss_and_the_error(tmp_path: Path) -> None:
    config = replace(TINY, steps=60, batch=64, optimiser=OptimiserConfig(learning_rate=5e-3), validate_every=30)
    run = trainer(config, tmp_path)
    untrained = run.validation_error()
    assert untrained == run.validation_error()  # always of the same views and noise
    losses = []
    step = run._step

    def recorded(forward, batch) -> torch.Tensor:
        losses.append(float(step(forward, batch)))
        return torch.tensor(losses[-1])

    run._step = recorded
    best = run.run()
    assert len(losses) == 60 and np.isfinite(losses).all()
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    assert best < 0.9 * untrained
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [30, 60]
    assert min(float(row["mpjpe_mm"]) for row in rows) == pytest.approx(best, abs=1e-3)


def test_the_seed_decides_the_training(tmp_path: Path) -> None:
    for name, config in {"a": SHORT, "b": SHORT, "c": replace(SHORT, seed=1)}.items():
        trainer(config, tmp_path / name).run()
    assert_same(tmp_path / "a", tmp_path / "b")
    assert not torch.equal(states(tmp_path / "a")["model.output.W"], states(tmp_path / "c")["model.output.W"])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on one core
def test_who_makes_the_batches_does_not_matter(tmp_path: Path) -> None:
    trainer(TINY, tmp_path / "itself").run()
    trainer(replace(TINY, workers=2), tmp_path / "workers").run()
    assert_same(tmp_path / "itself", tmp_path / "workers")


def test_bfloat16_trains_float32_weights(tmp_path: Path) -> None:
    trainer(replace(SHORT, precision="bfloat16"), tmp_path).run()
    trained = states(tmp_path)
    assert all(v.dtype == torch.float32 and v.isfinite().all() for v in trained.values() if v.is_floating_point())


# Starting from a checkpoint.


def test_a_run_starts_from_a_checkpoint_and_its_average_too(tmp_path: Path) -> None:
    trainer(SHORT, tmp_path / "first").run()
    best = tmp_path / "first" / "best.pt"
    config = replace(SHORT, init=str(best), ema=EmaConfig(decay=0.999), seed=5)
    second = trainer(config, tmp_path / "second")
    for name, value in read_trained(best).weights.items():
        assert torch.equal(second.model.state_dict()[name], value) and torch.equal(second.ema.state_dict()[name], value)
    second.run()
    drift = (second.ema.output.W - read_trained(best).weights["output.W"]).abs().max()
    assert 0 < drift < 1e-4  # not the decay of a cold start, which would forget it


def test_the_shipped_and_the_official_checkpoint_start_runs(tmp_path: Path, official_file: Path) -> None:
    shipped = load_checkpoint("default")
    sizes = ModelConfig(
        channels=shipped.denoiser.channels,
        proposal=True,
        proposal_width=shipped.proposal.width,
        proposal_blocks=shipped.proposal.blocks,
    )
    model = trainer(replace(PROPOSED, model=sizes, init="default"), tmp_path / "ours").model
    assert torch.equal(model.denoiser.output.W, shipped.weights["output.W"])
    paper = replace(PAPER, model=ModelConfig(variant="paper", channels=128), init=str(official_file))
    assert trainer(paper, tmp_path / "official").model.config.variant == "paper"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (replace(PROPOSED, init="default"), r"init: default does not fit this model"),
        (replace(TINY, init="default"), r"diffusion.prediction correction, here it is velocity"),
        (replace(TINY, init="nowhere"), r"no weights 'nowhere'"),
        (
            replace(PROPOSED, init="default", diffusion=DiffusionConfig(prediction="correction", pose_scale=1.0)),
            r"default was trained with diffusion.pose_scale 0.3, here it is 1.0",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(config, reason: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        trainer(config, tmp_path)


# With a proposal.


def test_a_denoiser_trains_with_its_proposal_each_clipped_alone_and_both_improve(tmp_path: Path) -> None:
    optimiser = OptimiserConfig(learning_rate=5e-3, gradient_clip=0.5)
    run = trainer(replace(PROPOSED, steps=50, batch=32, optimiser=optimiser, validate_every=50), tmp_path)
    seen, truth = torch.from_numpy(run.validation.features), torch.from_numpy(run.validation.poses) / 0.3

    def proposed() -> float:
        return float((run.ema.proposal.estimate(seen)[0] - truth).norm(dim=-1).mean())

    untrained, unproposed = run.validation_error(), proposed()
    assert run.run() < 0.9 * untrained and proposed() < 0.6 * unproposed
    for part in (run.model.denoiser, run.model.proposal):
        assert torch.stack([p.grad.norm() for p in part.parameters()]).norm() < 0.5 + 1e-4


def test_the_denoiser_corrects_the_average_of_its_proposal_and_does_not_teach_it(tmp_path: Path) -> None:
    run = trainer(PROPOSED, tmp_path)
    made = run.batches[0]
    estimate = run._propose(made.features)
    torch.testing.assert_close(estimate[..., :3], run.ema.proposal.estimate(made.features)[0])
    with torch.no_grad():
        for value in run.model.proposal.parameters():
            value.add_(1.0)
    assert torch.equal(run._propose(made.features), estimate)
    run.model(made.poses, made.features, estimate, made.t)[0].sum().backward()
    assert all(value.grad is None for value in run.model.proposal.parameters())


def test_a_denoiser_and_its_proposal_go_from_a_run_to_a_checkpoint_and_into_a_run_again(tmp_path: Path) -> None:
    short = replace(PROPOSED, steps=2)
    trainer(short, tmp_path / "run").run()
    best, file = tmp_path / "run" / "best.pt", tmp_path / "model.safetensors"
    trained = read_trained(best)
    checkpoint = checkpoint_of(trained.build(), trained.diffusion, trained.card)
    assert checkpoint.denoiser.condition_channels == 11 and checkpoint.proposal.width == 64
    save_checkpoint(checkpoint, file)
    features = np.random.default_rng(0).normal(size=(3, 17, 5)).astype(np.float32)
    predictors = [load_predictor(path, "cpu")[0] for path in (best, file)]
    drawn = [predictor.draw(features, Sampling(4, 2, seed=0)) for predictor in predictors]
    np.testing.assert_allclose(drawn[1], drawn[0], atol=1e-2)  # float16 on disk
    assert [p.expected_covariance(features).shape for p in predictors] == [(3, 17, 3, 3)] * 2
    for path in (best, file):
        again = trainer(replace(short, init=str(path)), tmp_path / path.suffix)
        for name, value in trained.weights.items():
            torch.testing.assert_close(again.ema.state_dict()[name], value, atol=1e-3, rtol=1e-3)
        with pytest.raises(ValueError, match=r"diffusion.prediction correction, here it is velocity"):
            trainer(replace(SHORT, init=str(path)), tmp_path / "without")


# Distilled.


def test_a_distilled_network_learns_to_draw_in_one_step_and_the_others_stay_as_they_are(tmp_path: Path) -> None:
    trainer(replace(PROPOSED, steps=20, batch=32), tmp_path / "taught").run()
    init = tmp_path / "taught" / "best.pt"
    optimiser = OptimiserConfig(learning_rate=5e-3)
    config = replace(PROPOSED, init=str(init), distilled_steps=4, steps=40, batch=32, optimiser=optimiser)
    run = trainer(replace(config, validate_every=40, ema=EmaConfig(decay=0.8)), tmp_path / "run")
    away = run.validation_error()
    assert run.run() < 0.85 * away
    trained = read_trained(tmp_path / "run" / "best.pt")
    for name, value in read_trained(init).weights.items():
        assert torch.equal(trained.weights[name], value), name
    file = tmp_path / "model.safetensors"
    save_checkpoint(checkpoint_of(trained.build(), trained.diffusion, trained.card), file)
    features = np.random.default_rng(0).normal(size=(3, 17, 5)).astype(np.float32)
    one, four, usual = (Sampler.of(load_checkpoint(file)).draw(features, Sampling(6, n, seed=0)) for n in (1, 4, None))
    plain = Sampler.of(checkpoint_of(read_trained(init).build(), trained.diffusion))
    assert np.array_equal(one, usual) and plain.usual_steps == 5
    assert np.abs(four - plain.draw(features, Sampling(6, 4, seed=0))).max() < 1e-2  # float16 of the file
    near, far = (
        np.linalg.norm(drawn - four, axis=-1).mean() for drawn in (one, plain.draw(features, Sampling(6, 1, seed=0)))
    )
    assert near < far
    again = trainer(replace(config, init=str(file), steps=1), tmp_path / "again")  # goes on with the distilled one
    np.testing.assert_allclose(again.ema.one_step.output.W, trained.weights["one_step.output.W"], atol=1e-3)
    assert trainer(replace(PROPOSED, init=str(file)), tmp_path / "anew").model.denoiser is not None  # without it


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"init": None}, "distilled_steps: expected model.proposal true and init"),
        ({"distilled_steps": 101}, "distilled_steps: expected 0, or 2 to 100, got 101"),
        ({"distilled_steps": 1}, "distilled_steps: expected 0, or 2 to 100, got 1"),
    ],
)
def test_a_distillation_needs_something_to_learn_from(wrong: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(PROPOSED, **{"init": "default", "distilled_steps": 5} | wrong)


# Going on.


def test_a_training_killed_in_a_write_and_in_its_middle_goes_on_to_the_same_weights(tmp_path: Path, capsys) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    kill_when_it_says("writing", process("hang", killed))
    assert (killed / "state.partial").stat().st_size == 5_000
    assert trainer(LONG, killed).step == 9  # the write was that of step 12
    kill_when_it_says("step 20", process("run", killed))
    (killed / "state.pt").write_bytes((killed / "state.pt").read_bytes()[:-30_000])  # as if the disk had lost its end
    resumed = trainer(LONG, killed)
    assert 15 <= resumed.step < 30
    assert "state.pt: BadZipFile" in capsys.readouterr().out.replace("\n", " ")
    best = resumed.run()
    assert best == trainer(LONG, whole).run()
    assert_same(whole, killed)
    for name in ("log.csv", "best.pt"):
        lines = [(run / name).read_bytes().splitlines() for run in (whole, killed)]
        assert len(lines[0]) == len(lines[1])


@pytest.mark.parametrize(("number", "config"), [(signal.SIGINT, TINY), (signal.SIGTERM, PROPOSED)])
def test_ctrl_c_saves_and_says_how_to_go_on(number: int, config, tmp_path: Path, monkeypatch) -> None:
    step = Trainer._step

    def interrupted_at_seven(self: Trainer, forward, batch) -> torch.Tensor:
        loss = step(self, forward, batch)
        if self.step == 6:
            os.kill(os.getpid(), number)
        return loss

    before = signal.getsignal(number)
    with monkeypatch.context() as patched, pytest.raises(Stopped, match=r"stopped at step 7 of 12.*same command again"):
        patched.setattr(Trainer, "_step", interrupted_at_seven)
        trainer(config, tmp_path / "stopped").run()
    assert signal.getsignal(number) == before
    resumed = trainer(config, tmp_path / "stopped")
    assert resumed.step == 7
    resumed.run()
    trainer(config, tmp_path / "whole").run()
    assert_same(tmp_path / "whole", tmp_path / "stopped")


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    best = trainer(SHORT, tmp_path).run()
    before = (tmp_path / "state.pt").read_bytes()
    assert trainer(SHORT, tmp_path).run() == best
    assert (tmp_path / "state.pt").read_bytes() == before


def test_a_folder_of_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    trainer(SHORT, tmp_path).run()
    changed = replace(SHORT, optimiser=replace(SHORT.optimiser, learning_rate=0.1))
    with pytest.raises(ValueError, match=r"holds a run with optimiser.learning_rate 0.003, this one has 0.1"):
        trainer(changed, tmp_path)
    trainer(replace(SHORT, workers=1, save_every=1, compile="auto"), tmp_path)  # which change no result


# What goes wrong.


def test_a_full_disk_leaves_the_state_before_usable(tmp_path: Path, monkeypatch) -> None:
    fsync, count = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count > 4:  # best.pt and state.pt of two saves
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched, pytest.raises(OSError, match=r"No space left on device; step 8 is safe in"):
        patched.setattr(os, "fsync", full)
        trainer(TINY, tmp_path / "full").run()
    assert not list((tmp_path / "full").glob("*.partial"))
    resumed = trainer(TINY, tmp_path / "full")
    assert resumed.step == 8
    resumed.run()
    trainer(TINY, tmp_path / "whole").run()
    assert_same(tmp_path / "whole", tmp_path / "full")


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_last_good_state(tmp_path: Path) -> None:
    run = trainer(TINY, tmp_path)
    step = run._step

    def poisoned(forward, batch) -> torch.Tensor:
        if run.step == 5:
            with torch.no_grad():
                run.model.output.bias.fill_(float("nan"))
        return step(forward, batch)

    run._step = poisoned
    with pytest.raises(
        FloatingPointError, match=r"loss is nan at step 5; the last good state is .*state.pt, of step 4"
    ):
        run.run()
    assert trainer(TINY, tmp_path).step == 4
    assert all(value.isfinite().all() for value in states(tmp_path).values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    run = trainer(SHORT, tmp_path)
    step = run._step

    def poisoned(forward, batch) -> torch.Tensor:
        loss = step(forward, batch)
        with torch.no_grad():
            run.model.output.bias[0] = float("inf")
        return loss if run.step == 1 else step(forward, batch)

    run.step = 1  # the last one: no loss will ever tell
    run._step = poisoned
    with pytest.raises(FloatingPointError, match=r"weights became NaN or infinite before step 2.*nothing was saved"):
        run.run()
    assert not (tmp_path / "state.pt").exists() and not (tmp_path / "best.pt").exists()


# Several processes.


def test_two_processes_train_one_model_on_different_data_and_one_writes(tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2")
    with process("parallel", tmp_path, *launcher) as running:
        try:
            running.communicate(timeout=100)
        finally:
            running.terminate()  # which it passes on
    assert running.returncode == 0
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in first["model"].items():
        assert torch.equal(value, second["model"][name]), name
    assert first["batch"]["poses"].shape == second["batch"]["poses"].shape == (TINY.batch // 2, 17, 3)
    assert not torch.equal(first["batch"]["poses"], second["batch"]["poses"])
    assert (tmp_path / "run0" / "state.pt").exists()
    assert not (tmp_path / "run1").exists()


# From files to models.


def config_file(folder: Path) -> Path:
    with np.load(CLIPS) as arrays:
        np.savez(folder / "small.npz", **{"cmu/1/1": arrays["5_walk"][::10]})
    (folder / "run.yaml").write_text("model: {channels: 32}\nsteps: 2\nbatch: 16\ncompile: 'off'\nworkers: 0\n")
    return folder / "run.yaml"


def test_training_from_files_keeps_how_it_was_trained(tmp_path: Path) -> None:
    data = {"data.train": str(tmp_path / "small.npz"), "data.validation": str(tmp_path / "small.npz")}
    config = load_config(config_file(tmp_path), data)
    assert np.isfinite(train(config, tmp_path / "run"))
    assert load_config(tmp_path / "run" / "config.yaml") == config
    saved = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert saved["config"]["channels"] == 32 and saved["config"]["variant"] == "robust"
    assert saved["diffusion"]["prediction"] == "velocity"
    assert "mocap.cs.cmu.edu" in saved["credit"]
    assert saved["training"]["data"] == "1 clips, 30 frames"
    assert str(tmp_path) not in str(saved["training"])


def test_data_that_is_not_named_is_asked_for() -> None:
    for data, missing in ((DataConfig(), "train"), (DataConfig(train=str(CLIPS)), "validation")):
        with pytest.raises(ValueError, match=rf"data\.{missing}: expected .* --{missing}"):
            train(replace(SHORT, data=data), Path("nowhere"))


def test_the_paper_model_and_the_regressor_train_by_the_same_loop_into_predictors(tmp_path: Path) -> None:
    regressor = replace(SHORT, model=ModelConfig(kind="regressor", channels=32))
    data = DataConfig(train=str(CLIPS), validation=str(CLIPS), every=200)
    for name, config in {"paper": PAPER, "regressor": regressor}.items():
        error = train(replace(config, data=data), tmp_path / name)
        predictor, _, card = load_predictor(tmp_path / name / "best.pt", "cpu")
        assert (predictor.joints, predictor.variant) == ((16, "paper") if name == "paper" else (17, "robust"))
        channels = 2 if name == "paper" else 5
        features = np.random.default_rng(0).normal(size=(3, 17, channels)).astype(np.float32)
        assert predictor.draw(features, Sampling(4, 2, seed=0)).shape == (3, 4, 17, 3)
        assert "mocap.cs.cmu.edu" in card["credit"] and np.isfinite(error)
    shipped, _, card = load_predictor(tmp_path / "regressor" / "regressor.safetensors", "cpu")
    best, _, _ = load_predictor(tmp_path / "regressor" / "best.pt", "cpu")
    np.testing.assert_allclose(
        shipped.draw(features, Sampling(1, 1)), best.draw(features, Sampling(1, 1)), atol=2e-3
    )  # float16 on disk
    assert card["training"]["model"]["kind"] == "regressor"
