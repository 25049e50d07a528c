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

"""Writes a model as one ONNX file, which needs no PyTorch to run."""

import hashlib
import os
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from diffupose_ros.lifting.checkpoint import Checkpoint, load_checkpoint
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.onnx.exported import Exported
from diffupose_ros.lifting.engine.onnx.graph import Graph
from diffupose_ros.lifting.engine.onnx.model import FOUND, INPUTS, OnnxModel
from diffupose_ros.lifting.engine.onnx.outcome_graph import add_outcome
from diffupose_ros.lifting.engine.onnx.sampler_graph import SamplerGraph
from diffupose_ros.lifting.engine.outcome.outcome import Tables, outcome
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling, Stored
from diffupose_ros.lifting.rows import SEEN, found
from diffupose_ros.lifting.weights import weights_path

_MOST = {"float32": 1e-3, "float16": 5e-3}
"""Metres that a joint may differ by from what the engine torch draws: models that predict the noise (``epsilon``)
multiply rounding by a hundred in their first step; the shipped model differs by 1e-6."""
_MOST_RELATIVE = {"float32": 1e-3, "float16": 0.05}
"""The same of what is found of these poses, relative to its size: of the expected covariances above all."""
_PEOPLE = 6


def export(weights: str | Path, out: Path, steps: int | None = None, precision: Stored = "float32") -> Exported:
    """Write a model as an ONNX file, whole or not at all, and only if it draws what the engine torch draws.

    Args:
        weights: name of a shipped model, or a file: ours or official.
        out: the file to write.
        steps: DDIM steps that it shall take, 1 to T; None: as many as suit the model.
        precision: of the weights in the file: float32, or float16 for one of half the size.

    Returns:
        What the file says of itself.

    Raises:
        FileNotFoundError: no such model.
        OSError: the file cannot be written.
        RuntimeError: what was written draws other poses; it is not kept.
        ValueError: a broken model; numbers of steps that it does not have; weights beyond half precision.
    """
    if precision not in get_args(Stored):
        raise ValueError(f"precision {precision!r}: an export has {' or '.join(get_args(Stored))}")
    path = weights_path(weights)
    checkpoint, source = load_checkpoint(path), hashlib.sha256(path.read_bytes()).hexdigest()
    config = checkpoint.denoiser
    steps = steps or checkpoint.usual_steps
    checkpoint.diffusion.process().timesteps(steps)  # raises
    features = (checkpoint.proposal or config).condition_channels
    model = Exported(
        variant=config.variant,
        joints=config.joints,
        channels=config.channels,
        condition_channels=features,
        steps=steps,
        usual_steps=checkpoint.usual_steps,
        precision=precision,
        source=source,
        card=checkpoint.card,
    )
    content = _content(checkpoint, model)
    partial = out.with_name(f"{out.name}.{os.getpid()}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(content)
        _check(partial, checkpoint, model)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return model


@torch.no_grad()
def _content(checkpoint: Checkpoint, model: Exported) -> bytes:
    graph = Graph(np.dtype(model.precision))
    process, proposal = checkpoint.diffusion.process(), checkpoint.build_proposal()
    network = checkpoint.build_one_step() if model.steps == 1 else None
    denoiser = FoldedDenoiser(network or checkpoint.build(), process.steps, compiled=False)
    sampler = SamplerGraph(graph, denoiser, process, proposal, checkpoint.diffusion.pose_scale)
    features, seen, noise, images = INPUTS
    poses, expected = sampler.add(features, noise, images, model.steps)
    tables = Tables.of(checkpoint.calibration)
    graph.name(add_outcome(graph, poses, seen, expected, model.joints, tables), FOUND)
    inputs = (
        (features, np.float32, ["P", model.joints, model.condition_channels]),
        (seen, np.float64, ["P", SEEN.width]),
        (noise, np.float32, ["N", model.joints, 3]),
        (images, np.int64, ["N"]),
    )
    return graph.model(inputs, [(FOUND, np.float64, ["P", None])], model.metadata())


@torch.no_grad()
def _check(path: Path, checkpoint: Checkpoint, model: Exported) -> None:
    """Refuse a file that draws other poses than the engine torch, or finds something else of these."""
    random = np.random.default_rng(0)
    features = random.normal(size=(_PEOPLE, 17, model.condition_channels)).astype(np.float32)
    file, sampler = OnnxModel(path, "cpu"), Sampler.of(checkpoint, "cpu", "float32")
    tables = Tables.of(checkpoint.calibration)
    seen, classes = np.empty((_PEOPLE, SEEN.width)), random.integers(len(tables.classes), size=(_PEOPLE, 17))
    somewhere = {"xy": random.normal(0, 0.1, (_PEOPLE, 2, 17)), "weights": np.ones(17), "rotation": np.eye(3)}
    SEEN.fill(seen, {**somewhere, "shared": np.array(0.01), "explained": np.array(0.03), "classes": classes})
    expected = sampler.prepare(features).covariance
    for sampling in (Sampling(4, model.steps, seed=0), Sampling(1, model.steps, flip=False, seed=1)):
        rows = found(sampling.hypotheses)
        ours = rows.split(file.run(features, seen, sampling))
        poses = ours["hypotheses"] - ours["hypotheses"][:, :, :1]
        apart = np.abs(poses - sampler.draw(features, sampling)).max()
        _refuse(apart, _MOST[model.precision], "joints differ by {:.2g} m")
        theirs = rows.split(outcome(torch.from_numpy(poses), expected, torch.from_numpy(seen), tables).numpy())
        for name, of in theirs.items():
            across = tuple(range(1, of.ndim))
            apart = (np.abs(ours[name] - of).max(across) / np.abs(of).max(across)).max()
            _refuse(apart, _MOST_RELATIVE[model.precision], f"{name.replace('_', ' ')} differs by {{:.2g}} of its size")


def _refuse(found: float, most: float, how: str) -> None:
    if not found <= most:  # NaN too
        raise RuntimeError(
            f"not written: against the engine torch {how.format(found)}, expected {most:g} at most: "
            "weights of this size may need float32"
        )
