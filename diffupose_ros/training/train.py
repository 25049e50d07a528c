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

"""The training loop: of the denoiser, with its proposal network, and of the regressor that it is compared with."""

import copy
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diffupose_ros.data.observations import Pairs
from diffupose_ros.data.sources import PairSource, load_sources
from diffupose_ros.files import make_folder
from diffupose_ros.lifting.engine.sampling import NO_NECK
from diffupose_ros.lifting.networks.prior import describe
from diffupose_ros.lifting.networks.proposal import Proposal
from diffupose_ros.training.batches import Batch, Batches
from diffupose_ros.training.config import TrainConfig, save_config
from diffupose_ros.training.distillation import DistilledDenoiser, Teacher
from diffupose_ros.training.losses import Forward, loss_of
from diffupose_ros.training.networks import (
    ProposedDenoiser,
    Trained,
    build,
    network_config,
    parts,
    read_trained,
    warm_start,
)
from diffupose_ros.training.optimiser import average, learning_rate, make_optimiser
from diffupose_ros.training.predictors import Predictor, draw_in_batches, predictor_of
from diffupose_ros.training.processes import Processes
from diffupose_ros.training.regressor import RegressorFile, load_weights, save_regressor
from diffupose_ros.training.report import TrainingReport, say
from diffupose_ros.training.state import NEWEST, load_state, save_state, write_whole

_MAY_CHANGE = ("data", "compile", "workers", "validate_every", "save_every")
"""What a run that goes on may be told otherwise; of the data the content must be the same."""
_LOG_EVERY = 100
_WORTH_COMPILING = 2_000  # steps on a CPU


class Stopped(Exception):
    """The run was asked to stop (Ctrl-C, SIGTERM), and its state is saved."""


class Trainer:
    """One training run in a folder: goes on from the state there if there is one.

    Args:
        config: what the run is made of.
        source: of training pairs.
        validation: pairs to measure on.
        folder: of the run.
        processes: that train together.

    Raises:
        FileNotFoundError: the checkpoint to start from is not there.
        ValueError: it does not fit; or the folder holds another run, or one that cannot be read.
    """

    def __init__(
        self,
        config: TrainConfig,
        source: PairSource,
        validation: Pairs,
        folder: Path,
        processes: Processes | None = None,
    ) -> None:
        self.config, self.source, self.validation, self.folder = config, source, validation, folder
        self.processes = processes or Processes.join()
        self.device = self.processes.device
        torch.manual_seed(config.seed)
        self.model = build(network_config(config)).to(self.device)
        if config.init is not None:
            warm_start(self.model, config.diffusion, config.init)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer = make_optimiser(config.optimiser, self.model)
        self.batches = Batches(source, config, self.processes.rank, self.processes.world)
        self.step, self.saved_step, self.best = 0, -1, float("inf")
        if self.processes.main:
            make_folder(folder)
        self._resume()
        self._loss = loss_of(config, self._propose, self._teacher())

    def run(self) -> float:
        """Train to the end; return the least ``validation_error``. Can be stopped and run again.

        Raises:
            Stopped: by Ctrl-C or SIGTERM; the state is saved.
            FloatingPointError: the loss became infinite or NaN; the last good state is named.
            OSError: the state cannot be written; the one before it is named.
        """
        if self.step >= self.config.steps:
            return self.best
        config, main = self.config, self.processes.main
        if main:
            save_config(config, self.folder / "config.yaml")
        batches = self.batches.iterate(self.step, self.device)
        forward = self._forward()
        look_every = 10 if self.device.type == "cuda" else 1  # to look is to wait for the GPU
        losses: list[Tensor] = []
        report = TrainingReport(self.folder, config.steps, self.step, config.batch, silent=not main)
        with report, _stop_requests() as requested:
            for batch in batches:
                losses.append(self._step(forward, batch))
                self.step += 1
                last = self.step == config.steps
                validates, saves = (last or self.step % n == 0 for n in (config.validate_every, config.save_every))
                if not (validates or saves or self.step % look_every == 0 or self.step % _LOG_EVERY == 0):
                    continue
                stops = self._look(losses, bool(requested), report) and not last
                losses.clear()
                if validates:
                    self._check_weights()
                    self._validate(report)
                elif self.step % _LOG_EVERY == 0:
                    report.log(self.step, self._rate())
                if saves or stops:
                    self._save()
                if stops:
                    raise Stopped(
                        f"stopped at step {self.step} of {config.steps}; the state is saved in {self.folder}: "
                        "run the same command again to go on"
                    )
        self.best = self.processes.of_main(self.best)
        return self.best

    def validation_error(self, hypotheses: int = 10) -> float:
        """Return the averaged model's error in mm, the mean distance of its joints, DDIM with its usual steps.

        Of the mean of the hypotheses, from the truth (MPJPE); where a network is distilled, of each, from the pose
        that it shall be.
        """
        predictor: Predictor = predictor_of(self.ema, self.config.diffusion, str(self.device))
        features, taught = self.validation.features, self.config.distilled_steps
        drawn = draw_in_batches(predictor, features, hypotheses)
        if taught:
            error = np.linalg.norm(drawn - draw_in_batches(predictor, features, hypotheses, taught), axis=-1)
        else:
            error = np.linalg.norm(drawn.mean(1) - self.validation.poses, axis=-1)
        return 1000 * float((error if predictor.joints == 17 else error[..., NO_NECK]).mean())

    def _forward(self) -> Forward:
        """The network's forward pass as the configuration wants it: parallel, compiled, in mixed precision."""
        config, kind = self.config, self.device.type
        if kind == "cuda" and config.precision != "float32":
            torch.set_float32_matmul_precision("high")  # TF32
        network: Forward = self.processes.parallel(self.model)
        if config.compile == "on" or (config.compile == "auto" and _worth_compiling(kind, config.steps)):
            network = torch.compile(network)

        def forward(*inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
            with self._autocast():
                output = network(*inputs)
            return output.float() if isinstance(output, Tensor) else tuple(part.float() for part in output)

        return forward

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _propose(self, features: Tensor) -> Tensor:
        """What the averaged proposal network expects, described: what the denoiser will correct once trained."""
        assert isinstance(self.ema, ProposedDenoiser)
        with self._autocast():
            pose, covariance = self.ema.proposal.estimate(features)
        return describe(pose.float(), covariance.float())

    def _teacher(self) -> Teacher | None:
        """What a distilled network learns from."""
        if not isinstance(self.model, DistilledDenoiser):
            return None
        products = torch.bfloat16 if self.config.precision == "bfloat16" else torch.float32
        return Teacher(self.model, self.config.diffusion, self.config.distilled_steps, products)

    def _rate(self) -> float:
        epoch = max(1.0, self.source.size / self.config.batch)
        return learning_rate(self.config.optimiser, self.step, self.config.steps, epoch)

    def _step(self, forward: Forward, batch: Batch) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._loss(forward, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.optimiser.gradient_clip is not None:
            for part in parts(self.model):
                nn.utils.clip_grad_norm_(part.parameters(), self.config.optimiser.gradient_clip)
        self.optimizer.step()
        average(self.ema, self.model, self.config.ema, self.step, self.config.init is not None)
        return loss.detach()

    def _look(self, losses: list[Tensor], requested: bool, report: TrainingReport) -> bool:
        """Check the losses since the last look; return whether any process was asked to stop."""
        asked = torch.tensor(float(requested), device=self.device)
        *values, stops = self.processes.mean(torch.stack([*losses, asked])).tolist()
        for step, value in enumerate(values, self.step - len(values)):
            if not np.isfinite(value):
                raise FloatingPointError(self._lost(f"the loss is {value} at step {step}"))
        report.losses(self.step, values)
        return bool(stops > 0)

    def _check_weights(self) -> None:
        if not all(bool(value.isfinite().all()) for value in self.model.state_dict().values()):
            raise FloatingPointError(self._lost(f"weights became NaN or infinite before step {self.step}"))

    def _lost(self, what: str) -> str:
        saved = (
            f"{self.folder / NEWEST}, of step {self.saved_step}" if self.saved_step >= 0 else "none: nothing was saved"
        )
        return (
            f"{what}; the last good state is {saved}. Train anew with a smaller optimiser.learning_rate or with "
            f"precision: float32, perhaps from init: {self.folder / 'best.pt'}"
        )

    def _validate(self, report: TrainingReport) -> None:
        """Measure, log, and keep the model if it is the best so far; in the first process."""
        if not self.processes.main:
            return
        error = self.validation_error()
        if error < self.best:
            self.best = error
            self._write(lambda: write_whole(self._trained().state(), self.folder / "best.pt"))
        report.validated(self.step, error, self.best)
        report.log(self.step, self._rate(), error)

    def _trained(self) -> Trained:
        """The averaged model, and how it came about, without paths of this machine."""
        config = self.config
        training = asdict(config) | {
            "data": self.source.description,
            "keypoints": config.data.keypoints if config.data.dataset != "cmu" else "synthetic",
            "init": config.init and Path(config.init).name,
            "best_step": self.step,
        }
        weights = {name: value.cpu() for name, value in self.ema.state_dict().items()}
        network, card = network_config(config), {"training": training, "credit": self.source.credit}
        return Trained(config.model.kind, network, config.diffusion, weights, card)

    def _save(self) -> None:
        self._check_weights()
        if self.processes.main:
            state = {
                "step": self.step,
                "best": self.best,
                "model": self.model.state_dict(),
                "ema": self.ema.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "config": asdict(self.config),
                "data": self.source.description,
            }
            self._write(lambda: save_state(state, self.folder))
        self.saved_step = self.step

    def _write(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            saved = (
                f"step {self.saved_step} is safe in {self.folder / NEWEST}"
                if self.saved_step >= 0
                else "nothing is saved yet"
            )
            raise OSError(f"{error.strerror or error}; {saved}: make room and run the same command again") from None

    def _resume(self) -> None:
        state = self.processes.of_main(load_state(self.folder, say) if self.processes.main else None)
        if state is None:
            return
        ours = _flat(asdict(self.config))
        for name, theirs in _flat(state["config"]).items():
            if name.split(".")[0] not in _MAY_CHANGE and ours.get(name) != theirs:
                raise ValueError(
                    f"{self.folder} holds a run with {name} {theirs}, this one has {ours.get(name)}: train in another "
                    "folder, or delete that one"
                )
        if state["data"] != self.source.description:
            raise ValueError(f"{self.folder} holds a run on {state['data']}, this one has {self.source.description}")
        self.step = self.saved_step = state["step"]
        self.best = state["best"]
        load_weights(self.model, state["model"])
        load_weights(self.ema, state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested dictionaries by dotted name."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return leaves


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that Ctrl-C and SIGTERM add to, so that a step is never cut in two; a second Ctrl-C ends at once."""
    requested: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return

    def handler(number: int, _: object) -> None:
        if number == signal.SIGINT and number in requested:
            raise KeyboardInterrupt
        requested.append(number)

    previous = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


def _worth_compiling(device: str, steps: int) -> bool:
    """Whether torch.compile, which takes a minute or two, pays off; on a CPU it needs a C++ compiler."""
    if device == "cuda":
        return True
    return steps > _WORTH_COMPILING and shutil.which(os.environ.get("CXX", "g++")) is not None


def train(config: TrainConfig, folder: Path) -> float:
    """Run a training, or go on with it; return the least error on the validation data, in mm.

    Leaves best.pt in the folder, and of a regressor also regressor.safetensors. Started by `torchrun`, it
    trains with the other processes.

    Raises:
        FileNotFoundError, ValueError: the data cannot be read, or the folder holds another run.
        Stopped, FloatingPointError, OSError: see ``Trainer.run``.
    """
    source, validation = load_sources(config.data, config.model.variant, config.model.joints)
    trainer = Trainer(config, source, validation, folder)
    try:
        best = trainer.run()
    except Stopped:
        trainer.processes.leave()
        raise
    if trainer.processes.main and isinstance(trainer.ema, Proposal):
        _ship_regressor(folder)
    trainer.processes.leave()
    return best


def _ship_regressor(folder: Path) -> None:
    best = read_trained(folder / "best.pt")
    network = best.build()
    assert isinstance(network, Proposal)
    save_regressor(RegressorFile(network, best.diffusion.pose_scale, best.card), folder / "regressor.safetensors")
