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

"""What the tests of the training share: a run small enough for a test, alone or as a process of its own."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.sources import MocapSource, validation_pairs
from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.resources import resource_path
from diffupose_ros.training.config import ModelConfig, OptimiserConfig, TrainConfig
from diffupose_ros.training.train import Trainer

CLIPS = resource_path("resource/clips/people.npz")
TINY = TrainConfig(
    model=ModelConfig(channels=32),
    optimiser=OptimiserConfig(learning_rate=3e-3),
    steps=12,
    batch=16,
    precision="float32",
    compile="off",
    workers=0,
    validate_every=4,
    save_every=4,
)
PROPOSED = replace(
    TINY,
    model=ModelConfig(channels=32, proposal=True, proposal_width=64),
    diffusion=DiffusionConfig(prediction="correction"),
    loss="distance",
    taken_steps=5,
)
LONG = replace(TINY, steps=30, validate_every=10, save_every=3)
"""A run that can be killed in its middle."""


def trainer(config: TrainConfig, folder: Path) -> Trainer:
    """Return a run on the shipped clips."""
    clips = load_clips(CLIPS)
    pairs = validation_pairs({"5_walk": clips["5_walk"]}, every=30)
    return Trainer(config, MocapSource(clips), pairs, folder)


def states(folder: Path) -> dict[str, torch.Tensor]:
    """Return all weights of a run, and what its optimiser knows of them."""
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    found = {f"{part}.{name}": v for part in ("model", "ema") for name, v in state[part].items()}
    for index, moments in state["optimizer"]["state"].items():
        found |= {f"optimizer.{index}.{name}": v for name, v in moments.items()}
    return found


def assert_same(run: Path, other: Path) -> None:
    """Hold two runs against each other, bit for bit."""
    ours, theirs = states(run), states(other)
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def _hang_in_write(number: int) -> None:
    """Say so and wait, in the middle of the ``number``-th write of this process."""
    original, count = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.ftruncate(descriptor, 5_000)
            print("writing", flush=True)
            time.sleep(600)
        original(descriptor)

    os.fsync = fsync


def _parallel(folder: Path) -> None:
    """One of the processes that train together; each leaves what it ended with."""
    rank = os.environ["RANK"]
    run = trainer(replace(PROPOSED, steps=3), folder / f"run{rank}")
    run.run()
    torch.save({"model": dict(run.model.named_parameters()), "batch": run.batches[0]._asdict()}, folder / f"{rank}.pt")
    run.processes.leave()


def _main(job: str, folder: str) -> None:
    torch.set_num_threads(1)
    if job == "parallel":
        _parallel(Path(folder))
        return
    if job == "hang":
        _hang_in_write(5)
    trainer(LONG, Path(folder)).run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
