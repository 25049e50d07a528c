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

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.clips import load_clips
from diffupose_ros.resources import resource_path
from diffupose_ros.training.synthesis import TRAINING
from diffupose_ros.training.train import (
    PairStream,
    TrainConfig,
    Trainer,
    train,
)

CLIPS = resource_path("resource/clips/people.npz")
TINY = TrainConfig(
    channels=32, steps=12, batch=16, learning_rate=3e-3, bfloat16=False, compile=False, validate_every=4
)  # fmt: skip


@pytest.fixture(scope="module")
def clips() -> dict[str, np.ndarray]:
    return load_clips(CLIPS)


@pytest.fixture(scope="module")
def validation(clips: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"5_walk": clips["5_walk"]}


def states(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    return {f"{part}.{name}": v for part in ("model", "ema") for name, v in state[part].items()}


# Clips.


def test_clips_are_metres_of_the_files_millimetres(clips: dict[str, np.ndarray]) -> None:
    with np.load(CLIPS) as arrays:
        assert list(clips) == arrays.files
        for name in arrays.files:
            np.testing.assert_allclose(clips[name] * 1000, arrays[name], atol=0.01)


def test_missing_clips_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no clips at .*nowhere\.npz"):
        load_clips(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    "clip",
    [np.zeros((5, 17, 3)), np.zeros((5, 16, 3), np.int16), np.zeros((17, 3), np.int16)],
    ids=["float", "16", "2d"],
)
def test_arrays_that_are_no_clips_are_refused(clip: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"cmu/1/1": clip})
    with pytest.raises(ValueError, match=r"a\.npz: cmu/1/1: expected int16 \(T, 17, 3\).*got"):
        load_clips(tmp_path / "a.npz")


def test_files_that_hold_no_clips_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a clip")
    (tmp_path / "cut.npz").write_bytes(CLIPS.read_bytes()[:20_000])
    for name in ("text", "cut"):
        with pytest.raises(ValueError, match=rf"{name}\.npz"):
            load_clips(tmp_path / f"{name}.npz")


# Pairs.


def test_batches_are_full_and_mixed(clips: dict[str, np.ndarray]) -> None:
    stream, rng = PairStream(clips, 64, TRAINING), np.random.default_rng(0)
    first, second = stream.draw(rng), stream.draw(rng)
    assert first.features.shape == (64, 17, 5) and first.poses.shape == (64, 17, 3)
    assert not np.allclose(first.poses, second.poses)
    derived = first.features[:, :, 3].any(1)  # people of layouts with derived joints are not all at one end
    assert 0 < derived[:32].mean() < 1 and 0 < derived[32:].mean() < 1


def test_the_validation_error_is_always_of_the_same_views(clips, validation, tmp_path: Path) -> None:
    trainer = Trainer(TINY, clips, validation, tmp_path)
    assert trainer.validation_error() == trainer.validation_error()


# Training.


def test_training_lowers_the_loss_and_the_error(clips, validation, tmp_path: Path) -> None:
    config = TrainConfig(
        channels=32,
        steps=80,
        batch=64,
        learning_rate=4e-3,
        bfloat16=False,
        compile=False,
        validate_every=1000,
    )
    trainer = Trainer(config, clips, validation, tmp_path)
    untrained = trainer.validation_error()
    losses = []
    step = trainer._step

    def recorded(forward: torch.nn.Module) -> float:
        losses.append(step(forward))
        return losses[-1]

    trainer._step = recorded
    best = trainer.run()
    assert len(losses) == 80 and np.isfinite(losses).all()
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    assert best < 0.9 * untrained


def test_learning_rate_warms_up_and_ends_near_zero(clips, validation, tmp_path: Path) -> None:
    trainer = Trainer(TINY, clips, validation, tmp_path)
    rates = []
    for trainer.step in range(TINY.steps):
        trainer._step(trainer.model)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert max(rates) <= TINY.learning_rate and rates[-1] < 0.1 * max(rates)
    assert int(np.argmax(rates)) < 3


def test_a_stopped_training_resumes_to_the_same_weights(clips, validation, tmp_path: Path, monkeypatch) -> None:
    uninterrupted = Trainer(TINY, clips, validation, tmp_path / "whole").run()
    step = Trainer._step

    def stopped_at_seven(self: Trainer, forward: torch.nn.Module) -> float:
        if self.step == 7:
            raise KeyboardInterrupt
        return step(self, forward)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Trainer, "_step", stopped_at_seven)
        Trainer(TINY, clips, validation, tmp_path / "stopped").run()
    torch.manual_seed(99)  # another process would not know the random state either
    resumed = Trainer(TINY, clips, validation, tmp_path / "stopped")
    assert resumed.step == 4
    assert resumed.run() == uninterrupted
    whole, stopped = states(tmp_path / "whole"), states(tmp_path / "stopped")
    assert set(whole) == set(stopped)
    for name, value in whole.items():
        assert torch.equal(stopped[name], value), name
    initial = Trainer(TINY, clips, validation, tmp_path / "new")
    assert not torch.equal(initial.model.output.W.cpu(), whole["model.output.W"])


def test_a_finished_training_is_not_run_again(clips, validation, tmp_path: Path) -> None:
    best = Trainer(TINY, clips, validation, tmp_path).run()
    before = (tmp_path / "state.pt").read_bytes()
    assert Trainer(TINY, clips, validation, tmp_path).run() == best
    assert (tmp_path / "state.pt").read_bytes() == before


def test_the_seed_decides_the_training(clips, validation, tmp_path: Path) -> None:
    results = []
    for run, seed in enumerate((1, 1, 2)):
        config = replace(TINY, steps=3, validate_every=3, seed=seed)
        Trainer(config, clips, validation, tmp_path / str(run)).run()
        results.append(states(tmp_path / str(run))["model.output.W"])
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


def test_a_save_that_is_interrupted_leaves_the_last_state(clips, validation, tmp_path: Path, monkeypatch) -> None:
    trainer = Trainer(TINY, clips, validation, tmp_path)
    trainer._validate()
    before = (tmp_path / "state.pt").read_bytes()

    def half_a_save(state: dict, file) -> None:
        file.write(before[: len(before) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(torch, "save", half_a_save)
        trainer._validate()
    assert (tmp_path / "state.pt").read_bytes() == before
    assert Trainer(TINY, clips, validation, tmp_path).step == 0


def test_a_loss_that_is_not_finite_stops_the_training(clips, validation, tmp_path: Path) -> None:
    trainer = Trainer(TINY, clips, validation, tmp_path)
    with torch.no_grad():
        trainer.model.output.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="loss is nan at step 0"):
        trainer.run()
    assert not (tmp_path / "state.pt").exists()


def test_training_from_files(tmp_path: Path) -> None:
    with np.load(CLIPS) as arrays:
        np.savez(tmp_path / "small.npz", **{"cmu/1/1": arrays["5_walk"][::10]})
    config = replace(TINY, steps=2, validate_every=2)
    best = train(config, tmp_path / "small.npz", tmp_path / "small.npz", tmp_path / "run")
    assert np.isfinite(best)
    saved = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert saved["config"]["channels"] == 32 and saved["config"]["variant"] == "robust"
