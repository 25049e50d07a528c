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

"""Checkpoints: our safetensors files with all that is needed to use them, and the official ones.

A file holds the denoiser's weights (``denoiser.*``), those of a proposal network if it has one
(``proposal.*``) and of one that draws in one evaluation (``one_step.*``), its calibration (``calibration.*``)
and, in the metadata key ``diffupose``, JSON: the denoiser's configuration, the diffusion process, and a free
``card`` that says how the model was trained and what it measured.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from diffupose_ros.defaults import STEPS
from diffupose_ros.files import one_line
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig, check_whole
from diffupose_ros.lifting.networks.diffusion import Diffusion, Prediction, Schedule
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.lifting.weights import weights_path
from diffupose_ros.pytorch import (
    check_finite,
    is_safetensors,
    kept,
    load_pickled,
    load_tensors,
    save_tensors,
    state_dict_of,
)
from diffupose_ros.skeleton import PARENTS

_FORMAT = 2
CALIBRATED = tuple(f.name for f in fields(Calibration))
_LATER = ("root", "widening")  # parts of a calibration that the first files lack
_MOST_STEPS = 100_000  # of a process: the paper has 100, others a thousand
_Module = TypeVar("_Module", bound=nn.Module)
PARENTS_16 = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14)
"""H36M without neck/nose, as the authors use with HRNet input; the head then hangs on the thorax."""


@dataclass(frozen=True)
class DiffusionConfig:
    """The diffusion process that a denoiser was trained for; see ``Diffusion``.

    Attributes:
        pose_scale: metres per unit of x0: poses then have about the deviation of the noise.

    Raises:
        ValueError: numbers that no process has.
    """

    steps: int = 100
    schedule: Schedule = "cosine"
    prediction: Prediction = "velocity"
    clamp: float | None = None
    pose_scale: float = 0.3

    def __post_init__(self) -> None:
        check_whole("steps", self.steps, _MOST_STEPS)
        for name, value in (("pose_scale", self.pose_scale), ("clamp", 1 if self.clamp is None else self.clamp)):
            if not isinstance(value, (int, float)) or not 0 < value < np.inf:
                raise ValueError(f"{name}: expected a number above 0, got {value!r}")

    def process(self) -> Diffusion:
        """Return the process."""
        return Diffusion(self.steps, self.schedule, self.prediction, self.clamp)

    @classmethod
    def paper(cls) -> "DiffusionConfig":
        """Return the released code's process."""
        return cls(prediction="epsilon", clamp=1.0, pose_scale=1.0)


@dataclass(frozen=True)
class Checkpoint:
    """A denoiser's weights and what they mean.

    Attributes:
        denoiser: its configuration.
        diffusion: the process it was trained for.
        weights: its state dict, float32.
        calibration: of its covariances.
        card: training data, metrics, licence: anything JSON can hold.
        proposal: configuration of the network whose estimate the denoiser corrects; None for none.
        proposal_weights: its state dict.
        one_step_weights: state dict of a denoiser of the same architecture that was distilled to draw in one evaluation
            what several steps of this one draw (``training.distillation``); empty for none.
    """

    denoiser: DenoiserConfig
    diffusion: DiffusionConfig
    weights: dict[str, Tensor]
    calibration: Calibration = field(default_factory=Calibration.none)
    card: dict[str, Any] = field(default_factory=dict)
    proposal: ProposalConfig | None = None
    proposal_weights: dict[str, Tensor] = field(default_factory=dict)
    one_step_weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.diffusion.prediction == "correction") != (self.proposal is not None):
            what = "a proposal" if self.proposal else "no proposal"
            raise ValueError(f"prediction {self.diffusion.prediction} with {what}: a model of an older version")

    def build(self) -> Denoiser:
        """Return the denoiser with these weights, in evaluation mode.

        Raises:
            ValueError: the weights are of another architecture than the configuration, or not finite.
        """
        return self._denoiser(self.weights)

    @property
    def usual_steps(self) -> int:
        """DDIM steps that suit the model: 1 if it has a network for that."""
        return 1 if self.one_step_weights else STEPS

    def build_one_step(self) -> Denoiser | None:
        """Return the denoiser that draws in one evaluation, in evaluation mode; None for a model without.

        Raises:
            ValueError: as ``build``.
        """
        return self._denoiser(self.one_step_weights) if self.one_step_weights else None

    def _denoiser(self, weights: dict[str, Tensor]) -> Denoiser:
        config = self.denoiser
        kind = f"{config.variant} denoiser with {config.joints} joints and d = {config.channels}"
        last = f"blocks.{config.blocks - 1}.gconv1.gconv.W"
        _check_shapes(weights, {last: (2, config.channels, config.channels)}, kind)
        return _filled(Denoiser(config), weights, kind)

    def build_proposal(self) -> Proposal | None:
        """Return the proposal network with its weights, in evaluation mode; None for a model without.

        Raises:
            ValueError: as ``build``.
        """
        if self.proposal is None:
            return None
        kind = f"proposal network of {self.proposal.blocks} blocks, {self.proposal.width} wide"
        config = self.proposal
        last = f"trunk.{config.blocks + 2}.layers.0.weight"
        _check_shapes(self.proposal_weights, {last: (config.width, config.width)}, kind)
        return _filled(Proposal(config), self.proposal_weights, kind)


def _check_shapes(weights: dict[str, Tensor], expected: dict[str, tuple[int, ...]], kind: str) -> None:
    """Refuse the weights of a smaller network before a large one is built, which a damaged file may ask for."""
    for name, shape in expected.items():
        found = tuple(weights[name].shape) if name in weights else "none"
        if found != shape:
            raise ValueError(f"the weights do not fit a {kind}: {name}: expected shape {shape}, got {found}")


def _filled(model: _Module, weights: dict[str, Tensor], kind: str) -> _Module:
    check_finite(weights)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit a {kind}: {one_line(error)}") from None
    return model.eval().requires_grad_(False)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all; matrices of variant ``robust`` in float16, all else in float32.

    Raises:
        OSError: the file cannot be written.
    """
    matrices = torch.float16 if checkpoint.denoiser.variant == "robust" else torch.float32
    tensors = {
        f"{network}.{name}": value
        for network, weights in (
            ("denoiser", checkpoint.weights),
            ("proposal", checkpoint.proposal_weights),
            ("one_step", checkpoint.one_step_weights),
        )
        for name, value in kept(weights, matrices).items()
    }
    for name, array in asdict(checkpoint.calibration).items():
        tensors[f"calibration.{name}"] = torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)
    meta = {
        "format": _FORMAT,
        "denoiser": asdict(checkpoint.denoiser),
        "diffusion": asdict(checkpoint.diffusion),
        "proposal": asdict(checkpoint.proposal) if checkpoint.proposal else None,
        "card": checkpoint.card,
    }
    save_tensors(tensors, path, {"diffupose": json.dumps(meta)})


def load_checkpoint(name_or_path: str | Path) -> Checkpoint:
    """Load one of our checkpoints, or import an official one (``.pt``, ``.pth``, ``.ckpt``).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint, truncated, or of another format.
    """
    path = weights_path(name_or_path)
    if not is_safetensors(path):
        return import_official(path)
    tensors, metadata = load_tensors(path)
    tensors = {name: value.float() for name, value in tensors.items()}
    try:
        meta = json.loads(metadata.get("diffupose", "null"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata is no JSON: {error}") from None
    if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
        raise ValueError(
            f"{path}: not a diffupose checkpoint of format {_FORMAT}; make one with `diffupose train` "
            "or `diffupose import-checkpoint`"
        )
    try:
        return _from_file(meta, tensors)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a broken checkpoint, or one of another version: {one_line(error)}") from None


def _from_file(meta: dict[str, Any], tensors: dict[str, Tensor]) -> Checkpoint:
    config = meta["denoiser"] | {"parents": tuple(meta["denoiser"]["parents"])}
    proposal = meta.get("proposal")
    none = asdict(Calibration.none())
    calibration = {n: tensors[f"calibration.{n}"].numpy().astype(np.float64) for n in CALIBRATED if n not in _LATER}
    for name in _LATER:
        calibration[name] = tensors.get(f"calibration.{name}", torch.from_numpy(none[name])).numpy().astype(np.float64)
    for name, expected in none.items():
        if calibration[name].shape != expected.shape:
            raise ValueError(f"calibration.{name}: expected shape {expected.shape}, got {calibration[name].shape}")
        if not np.isfinite(calibration[name]).all():
            raise ValueError(f"calibration.{name}: expected finite numbers")
    if not isinstance(meta["card"], dict):
        raise ValueError(f"card: expected an object, got {meta['card']!r}")
    diffusion = DiffusionConfig(**meta["diffusion"])
    diffusion.process()  # raises
    return Checkpoint(
        DenoiserConfig(**config),
        diffusion,
        _network_weights(tensors, "denoiser."),
        Calibration(**calibration),
        meta["card"],
        ProposalConfig(**proposal) if proposal else None,
        _network_weights(tensors, "proposal."),
        _network_weights(tensors, "one_step."),
    )


def _network_weights(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The state dict of one network of a file, with the counters of batch normalisation that files leave out."""
    weights = {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}
    means = [name for name in weights if name.endswith("running_mean")]
    return weights | {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means}


_OFFICIAL_NAMES = {
    "gconv_input.0.": "input.",
    "gconv_layers.": "blocks.",
    "gconv_output.": "output.",
    "time_mlp.1.": "time_embedding.mlp.0.",
    "time_mlp.3.": "time_embedding.mlp.2.",
    "block1.": "time1.",
    "block2.": "time2.",
    "non_local.": "non_local.",
}
_OFFICIAL_ANCHOR = "gconv_input.0.gconv.W"


def import_official(path: Path) -> Checkpoint:
    """Import a checkpoint of the authors' released code; of its two copies the averaged (EMA) one.

    Also takes the bare state dict of the network, and what other training scripts make of it (``state_dict_of``).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    state = state_dict_of(load_pickled(path))
    anchors = [name for name in state if name.endswith(_OFFICIAL_ANCHOR)]
    # An EMA wrapper holds the online model too; its own copy is the one evaluated.
    anchors.sort(key=lambda name: not name.startswith("ema_model"))
    if not anchors:
        raise ValueError(f"{path}: not a DiffuPose checkpoint: no parameter named ...{_OFFICIAL_ANCHOR}")
    prefix = anchors[0].removesuffix(_OFFICIAL_ANCHOR)
    official = {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    weights = {}
    for name, value in official.items():
        for old, new in _OFFICIAL_NAMES.items():
            if name.startswith(old):  # block3 is never called, the schedule's buffers are computed
                weights[new + name.removeprefix(old)] = value[..., 0, 0] if value.ndim == 4 else value
    if "input.gconv.M" not in weights:
        raise ValueError(f"{path}: incomplete: no parameter gconv_input.0.gconv.M")
    joints, channels = weights["input.gconv.M"].shape
    if joints not in (16, 17):
        raise ValueError(f"{path}: a network for {joints} joints; only Human3.6M's 16 or 17 are supported")
    config = DenoiserConfig.paper(channels, PARENTS if joints == 17 else PARENTS_16)
    card = {"source": "official DiffuPose checkpoint"}
    checkpoint = Checkpoint(config, DiffusionConfig.paper(), weights, card=card)
    checkpoint.build()
    return checkpoint
