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

"""The training loop of the ``robust`` denoiser."""

import copy
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from diffupose_ros.clips import load_clips
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.training.observations import Pairs
from diffupose_ros.training.samples import draw_samples, measure
from diffupose_ros.training.synthesis import CLEAN, TRAINING, Conditions, make_pairs


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is made of.

    Attributes:
        channels: the paper's d.
        steps: optimiser steps of the whole run.
        batch: pairs a step.
        learning_rate: peak of a cosine that ends at 0, after a linear warm-up over 1 % of the steps.
        ema: decay of the exponential moving average of the weights; the average is what ships.
        seed: of everything random.
        bfloat16: run the network in bfloat16 where that is safe (autocast).
        compile: compile the network with torch.compile.
        validate_every: steps between validations, each of which also saves.
    """

    channels: int = 128
    steps: int = 22_000
    batch: int = 512
    learning_rate: float = 1e-3
    ema: float = 0.9995
    seed: int = 0
    bfloat16: bool = True
    compile: bool = True
    validate_every: int = 1_000


class PairStream:
    """Endless batches of pairs from clips, each frame equally likely."""

    def __init__(self, clips: dict[str, np.ndarray], batch: int, conditions: Conditions) -> None:
        self.poses = np.concatenate(list(clips.values()))
        self.batch, self.conditions = batch, conditions
        self.description = f"{len(clips)} clips, {len(self.poses)} frames"

    def draw(self, rng: np.random.Generator) -> Pairs:
        """Return the next batch; people too close to their camera to be seen are drawn anew."""
        drawn = self.poses[rng.integers(0, len(self.poses), self.batch + self.batch // 4)]
        pairs = make_pairs(drawn, rng, self.conditions, vary=True)
        # Parts of a batch come ordered by layout.
        keep = rng.permutation(len(pairs.poses))[: self.batch]
        return Pairs(pairs.features[keep], pairs.poses[keep])


class Trainer:
    """One training run in a folder: resumes from ``state.pt`` there if there is one."""

    def __init__(
        self, config: TrainConfig, train: dict[str, np.ndarray], validation: dict[str, np.ndarray], folder: Path
    ) -> None:
        self.config, self.folder = config, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.stream = PairStream(train, config.batch, TRAINING)
        self.validation = validation
        self.diffusion = DiffusionConfig().process()
        self.model = Denoiser(DenoiserConfig("robust", config.channels)).to(self.device)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.learning_rate, weight_decay=1e-4)
        self.rng = np.random.default_rng(config.seed)
        self.step, self.best = 0, float("inf")
        if (folder / "state.pt").exists():
            self._resume()

    def run(self) -> float:
        """Train to the end; return the best validation MPJPE in mm. Can be stopped and run again."""
        forward = torch.compile(self.model) if self.config.compile else self.model
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        with Progress(*columns) as progress:
            task = progress.add_task("training", total=self.config.steps, completed=self.step)
            running, start = 0.0, time.monotonic()
            while self.step < self.config.steps:
                running += 0.01 * (self._step(forward) - running)
                self.step += 1
                progress.update(task, advance=1, description=f"loss {running:.4f}, best {self.best:.1f} mm")
                if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                    error = self._validate()
                    progress.console.print(
                        f"step {self.step}: loss {running:.4f}, MPJPE {error:.1f} mm, {time.monotonic() - start:.0f} s",
                        highlight=False,
                    )
        return self.best

    def _step(self, forward: Callable[..., Tensor]) -> float:
        progress = self.step / self.config.steps
        rate = min(1.0, progress / 0.01 + 1e-3) * 0.5 * (1 + np.cos(np.pi * progress))
        for group in self.optimizer.param_groups:
            group["lr"] = float(self.config.learning_rate * rate)
        pairs = self.stream.draw(self.rng)
        features = torch.from_numpy(pairs.features).to(self.device)
        x0 = torch.from_numpy(pairs.poses).to(self.device) / DiffusionConfig().pose_scale
        t = torch.randint(self.diffusion.steps, (len(x0),)).to(self.device)
        x, target = self.diffusion.add_noise(x0, torch.randn(x0.shape).to(self.device), t)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            prediction = forward(x, features, t)
        loss = (prediction.float() - target).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self._average()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step}; the last good state is in {self.folder}"
            )
        return value

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.ema.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)

    def validation_error(self, every: int = 15, hypotheses: int = 10) -> float:
        """Return the averaged model's MPJPE in mm on clean 2D of every ``every``-th validation frame."""
        lifter = Lifter(Checkpoint(self.ema.config, DiffusionConfig(), self.ema.state_dict()), str(self.device))
        samples = draw_samples(lifter, list(self.validation.values()), CLEAN, every, hypotheses)
        return measure(samples, Calibration.none())["mpjpe_mm"]

    def _validate(self) -> float:
        error = self.validation_error()
        if error < self.best:
            self.best = error
            training = {**asdict(self.config), "data": self.stream.description, "best_step": self.step}
            state = {"config": asdict(self.ema.config), "model": self.ema.state_dict(), "training": training}
            _save(state, self.folder / "best.pt")
        _save(
            {
                "step": self.step,
                "best": self.best,
                "model": self.model.state_dict(),
                "ema": self.ema.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "numpy": self.rng.bit_generator.state,
                "torch": torch.get_rng_state(),
            },
            self.folder / "state.pt",
        )
        return error

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        self.step, self.best = state["step"], state["best"]
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"].cpu())


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a file whole or not at all: the previous one stays usable when this is interrupted."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def train(config: TrainConfig, train_file: Path, validation_file: Path, folder: Path) -> float:
    """Run or resume a training; return the best validation MPJPE in mm.

    Raises:
        FileNotFoundError, ValueError: the data cannot be read.
        FloatingPointError: the loss became infinite or NaN.
    """
    return Trainer(config, load_clips(train_file), load_clips(validation_file), folder).run()
