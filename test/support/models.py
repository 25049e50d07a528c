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

"""Tiny models of every kind, none of whose parts is the identity."""

from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from diffupose_ros.lifting.checkpoint import PARENTS_16, Checkpoint, DiffusionConfig, save_checkpoint
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.lifting.rows import SEEN
from diffupose_ros.lifting.uncertainty import classes_of

Network = TypeVar("Network", bound=torch.nn.Module)
TINY = {
    "with a proposal": (DenoiserConfig("robust", 32, condition_channels=11), DiffusionConfig(prediction="correction")),
    "distilled": (DenoiserConfig("robust", 32, condition_channels=11), DiffusionConfig(prediction="correction")),
    "robust": (DenoiserConfig("robust", 32), DiffusionConfig()),
    "paper, clamped": (DenoiserConfig.paper(32), DiffusionConfig.paper()),
    "paper, 16 joints": (DenoiserConfig.paper(32, PARENTS_16), DiffusionConfig.paper()),
}


def tiny_checkpoint(kind: str = "with a proposal") -> Checkpoint:
    """Return a model of a kind, a key of ``TINY``."""
    torch.manual_seed(0)
    config, diffusion = TINY[kind]
    denoiser = _shaken(Denoiser(config))
    if diffusion.prediction != "correction":
        return Checkpoint(config, diffusion, denoiser.state_dict())
    proposal = _shaken(Proposal(ProposalConfig(width=64)))
    return Checkpoint(
        config,
        diffusion,
        denoiser.state_dict(),
        proposal=proposal.config,
        proposal_weights=proposal.state_dict(),
        one_step_weights=_shaken(Denoiser(config)).state_dict() if kind == "distilled" else {},
        card={"licence": "of nobody"},
    )


def tiny_file(folder: Path, kind: str = "with a proposal", name: str = "tiny") -> Path:
    """Write such a model; return its file."""
    path = folder / f"{name}.safetensors"
    save_checkpoint(tiny_checkpoint(kind), path)
    return path


def some_people(people: int, channels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return features (P, 17, C) and rows (P, width) of ``SEEN``, of people of any kind."""
    random = np.random.default_rng(3)
    rows = np.empty((people, SEEN.width))
    fields = {"xy": random.normal(0, 0.1, (people, 2, 17)), "weights": np.ones(17), "shared": np.full(1, 0.01)}
    classes = np.zeros((people, 17), np.int8), np.full((people, 17), 0.03)
    fields |= {"explained": np.full(1, 0.03), "rotation": np.eye(3), "classes": classes_of(*classes)}
    SEEN.fill(rows, fields)
    return random.normal(size=(people, 17, channels)).astype(np.float32), rows


def _shaken(model: Network) -> Network:
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("mlp.1.bias"):  # of time blocks: factors of either sign
            value.normal_(0, 1)
        elif name.endswith(("bn.weight", "W.1.weight")):
            value.uniform_(0.5, 1.0)
        elif name.endswith(("bn.bias", "W.1.bias", "adj2")):
            value.normal_(0, 0.1)
    return model
