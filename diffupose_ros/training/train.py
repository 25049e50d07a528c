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
from diffupose_ros.lifting.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.diffusion import Diffusion
from diffupose_ros.skeleton import MIRROR
from diffupose_ros.training.synthesis import CLEAN, TRAINING, Conditions, Pairs, make_pairs

POSE_SCALE = 0.3
"""Metres per unit of the diffusion process: poses then have about the deviation of the noise."""


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
    steps: int = 30_000
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
        self.validation = validation_pairs(validation)
        self.diffusion = Diffusion(prediction="velocity")
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
        x0 = torch.from_numpy(pairs.poses).to(self.device) / POSE_SCALE
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

    def _validate(self) -> float:
        error = validation_error(self.ema, self.diffusion, self.validation, self.device)
        if error < self.best:
            self.best = error
            _save({"config": asdict(self.ema.config), "model": self.ema.state_dict()}, self.folder / "best.pt")
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


def validation_pairs(clips: dict[str, np.ndarray], every: int = 15, conditions: Conditions = CLEAN) -> Pairs:
    """Return pairs of every ``every``-th frame of the clips, always the same ones."""
    poses = np.concatenate([clip[::every] for clip in clips.values()])
    return make_pairs(poses, np.random.default_rng(1), conditions)


@torch.no_grad()
def validation_error(
    model: Denoiser, diffusion: Diffusion, pairs: Pairs, device: torch.device, hypotheses: int = 10, steps: int = 5
) -> float:
    """Return the MPJPE in mm of the mean of ``hypotheses`` DDIM samples and their mirror images."""
    features = torch.from_numpy(pairs.features).to(device)
    flipped = features[:, MIRROR] * torch.tensor([-1.0, 1, 1, 1, 1], device=device)
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros_like(features[..., :3])
    for _ in range(hypotheses):
        noise = torch.randn(total.shape, generator=generator).to(device)
        total += sample(model, diffusion, features, noise, steps) / 2
        mirrored = sample(model, diffusion, flipped, noise, steps)[:, MIRROR] / 2
        total += mirrored * torch.tensor([-1.0, 1, 1], device=device)
    poses = torch.from_numpy(pairs.poses).to(device)
    mean = total / hypotheses * POSE_SCALE
    mean = mean - mean[:, :1]
    return float((mean - poses).norm(dim=-1).mean()) * 1000


def sample(model: Denoiser, diffusion: Diffusion, features: Tensor, noise: Tensor, steps: int) -> Tensor:
    """Return one DDIM sample for each row of ``features``."""
    return diffusion.ddim(lambda x, t: model(x, features, torch.full((1,), t, device=x.device)), noise, steps)


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
