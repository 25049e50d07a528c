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

"""From a trained denoiser to a checkpoint that ships: fits its calibration and measures it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.datasets import CREDITS
from diffupose_ros.data.postures import POSTURES
from diffupose_ros.data.synthesis import CONDITIONS, POSTURE_PEOPLE, cmu_observations, posture_observations
from diffupose_ros.evaluation.calibration import fit_calibration
from diffupose_ros.evaluation.samples import draw_samples, join, measure
from diffupose_ros.lifting.checkpoint import Checkpoint, save_checkpoint
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.training.networks import checkpoint_of, read_trained

FloatArray = npt.NDArray[np.float64]

_FITTED = ("bodies", "real")
"""The conditions that calibrations are fitted on: people and detectors as they are."""


def export(trained: Path, validation_file: Path, out: Path, every: int = 5, steps: int | None = None) -> Checkpoint:
    """Calibrate the denoiser in ``trained`` (best.pt of a run), measure it, and write it to ``out``.

    Coverage is measured crosswise: the validation subjects are split in two, and each half is measured
    with the calibration fitted on the other. What ships is fitted on both.

    Args:
        trained: of a ``diffupose train`` run.
        validation_file: clips of people who were not trained on.
        out: file to write.
        every: frames of the clips from one that is taken to the next.
        steps: DDIM steps of the draws that are calibrated; None: as many as suit the model.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: ``trained`` is not such a file, or the clips are not of two subjects at least.
    """
    checkpoint = _checkpoint(trained)
    sampler = Sampler.of(checkpoint)
    halves = _halves(load_clips(validation_file))
    drawn = {
        name: [draw_samples(sampler, cmu_observations(half, conditions, every), steps=steps) for half in halves]
        for name, conditions in CONDITIONS.items()
    }
    fits = [fit_calibration(join([drawn[name][half] for name in _FITTED])) for half in (1, 0)]
    metrics = {
        name: _mean([measure(samples, calibration) for samples, calibration in zip(parts, fits, strict=True)])
        for name, parts in drawn.items()
    }
    rare = {kind: draw_samples(sampler, posture_observations(kind, POSTURE_PEOPLE), steps=steps) for kind in POSTURES}
    metrics |= {kind: _mean([measure(samples, fitted) for fitted in fits]) for kind, samples in rare.items()}
    steps = steps or sampler.usual_steps
    card = checkpoint.card | {
        "validation": f"{validation_file.name}, DDIM, steps {steps}, 10 hypotheses, raw protocol",
        "metrics": metrics,
    }
    everything = join([samples for name in _FITTED for samples in drawn[name]])
    finished = replace(checkpoint, calibration=fit_calibration(everything), card=card)
    save_checkpoint(finished, out)
    return finished


def _checkpoint(path: Path) -> Checkpoint:
    trained = read_trained(path)
    if trained.kind != "denoiser":
        raise ValueError(f"{path}: a {trained.kind}, and only a denoiser's spread can be calibrated")
    return checkpoint_of(trained.build(), trained.diffusion, {"credit": CREDITS["cmu"]} | trained.card)


def _halves(clips: dict[str, FloatArray]) -> list[dict[str, FloatArray]]:
    if not all(name.count("/") >= 2 for name in clips):
        raise ValueError(f"clip names must be <set>/<subject>/<clip>, got {next(iter(clips))!r}")
    subjects = sorted({name.split("/")[1] for name in clips})
    if len(subjects) < 2:
        raise ValueError(f"calibration needs clips of two subjects at least, got {subjects}")
    half = {name: subjects.index(name.split("/")[1]) % 2 for name in clips}
    return [{name: clip for name, clip in clips.items() if half[name] == h} for h in (0, 1)]


def _mean(metrics: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([m[name] for m in metrics])), 4) for name in metrics[0]}
