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

"""What a training run is made of, and its YAML file.

A file holds the fields of ``TrainConfig`` by name, nested as the classes are; what it leaves out has
the default. ``config/training/`` has one for each model that we train.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from diffupose_ros.data.sources import DataConfig
from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.networks.denoiser import Variant

T = TypeVar("T")


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        kind: ``denoiser`` (ours), ``regressor``, the one-pass baseline, or ``unet``, the paper's other denoiser.
        variant: which view of the 2D skeleton it gets, and for a denoiser which network it is.
        channels: the paper's d; a regressor's width; a U-Net's is fixed.
        joints: 17, or 16, all but the neck, which the authors use with HRNet.
        proposal: whether a denoiser corrects the estimate of a ``Proposal`` network, trained with it.
        proposal_width: of that network's hidden layers.
        proposal_blocks: number of its residual blocks.
    """

    kind: Literal["denoiser", "regressor", "unet"] = "denoiser"
    variant: Variant = "robust"
    channels: int = 128
    joints: Literal[16, 17] = 17
    proposal: bool = False
    proposal_width: int = 1024
    proposal_blocks: int = 2

    def __post_init__(self) -> None:
        for name in ("channels", "proposal_width"):
            width = getattr(self, name)
            if width < 32 or width % 16:
                raise ValueError(f"{name}: expected a multiple of 16 from 32 on, got {width}")
        _at_least(self.proposal_blocks, 1, "proposal_blocks")
        if self.kind == "regressor" and self.joints != 17:
            raise ValueError(f"joints: expected 17 for a regressor, got {self.joints}")
        if self.kind == "unet" and self.variant != "paper":
            raise ValueError(f"variant: expected paper for a unet, got {self.variant}")
        if self.proposal and (self.kind, self.variant, self.joints) != ("denoiser", "robust", 17):
            raise ValueError(
                f"proposal: expected false for a {self.variant} {self.kind} with {self.joints} joints: a proposal is "
                "of 17 joints, and only a robust denoiser can correct it"
            )


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights follow the gradient.

    Attributes:
        name: ``adamw`` or ``adam`` (no weight decay).
        learning_rate: its peak.
        schedule: ``cosine`` down to 0, ``constant``, or ``exponential``: times ``decay`` after each epoch.
        decay: of the exponential schedule.
        warm_up: share of the steps over which the learning rate rises from 0.
        weight_decay: of ``adamw``.
        gradient_clip: bound on the gradient's norm; null for none.
    """

    name: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant", "exponential"] = "cosine"
    decay: float = 0.995
    warm_up: float = 0.01
    weight_decay: float = 1e-4
    gradient_clip: float | None = 1.0

    def __post_init__(self) -> None:
        _above_zero(self.learning_rate, "learning_rate")
        _within(self.decay, 0, 1, "decay")
        _within(self.warm_up, 0, 1, "warm_up")
        _within(self.weight_decay, 0, 1, "weight_decay")
        if self.gradient_clip is not None:
            _above_zero(self.gradient_clip, "gradient_clip")


@dataclass(frozen=True)
class EmaConfig:
    """The exponential moving average of the weights, which is what ships.

    Attributes:
        decay: of an update; lower in the first steps, unless the run starts from a checkpoint.
        every: steps between updates.
    """

    decay: float = 0.9995
    every: int = 1

    def __post_init__(self) -> None:
        _within(self.decay, 0, 0.9999999, "decay")
        _at_least(self.every, 1, "every")


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is made of.

    Attributes:
        data: where poses come from.
        model: the network.
        diffusion: the process that it is trained for; a regressor uses its ``pose_scale`` alone.
        loss: ``squared`` error; ``distance`` of each joint, which is what MPJPE measures; or ``paper``: L1 on the
            noise and on the reconstructed 2D condition.
        taken_steps: half of the time steps are those that DDIM takes with so many; 0: all are equally frequent.
        distilled_steps: instead of all that, leave the networks of ``init`` as they are and train another, which draws
            in one evaluation what this many steps of DDIM draw, two at least (``distillation``); 0: do not.
        optimiser: how the weights follow the gradient.
        ema: moving average of the weights.
        steps: optimiser steps of the whole run.
        batch: pairs a step, over all processes.
        precision: of the network's products: ``float32``, ``tf32`` (on CUDA; elsewhere float32) or
            ``bfloat16`` where that is safe (autocast).
        compile: with torch.compile: ``on``, ``off``, or ``auto``, where the minutes that it takes are
            worth it: on CUDA, and in runs of more than 2,000 steps.
        workers: processes that make pairs; ``auto`` as many as there are cores for. Never changes the result.
        seed: of everything random.
        validate_every: steps between validations; the best model so far is kept.
        save_every: steps between saves of the state that a stopped run goes on from.
        init: checkpoint to start from: best.pt of a run, .safetensors, or the authors' .pt or .pth.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    loss: Literal["squared", "distance", "paper"] = "squared"
    taken_steps: int = 0
    distilled_steps: int = 0
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    steps: int = 22_000
    batch: int = 512
    precision: Literal["float32", "tf32", "bfloat16"] = "bfloat16"
    compile: Literal["auto", "on", "off"] = "auto"
    workers: Literal["auto"] | int = "auto"
    seed: int = 0
    validate_every: int = 1_000
    save_every: int = 1_000
    init: str | None = None

    def __post_init__(self) -> None:
        _at_least(self.diffusion.steps, 2, "diffusion.steps")
        _above_zero(self.diffusion.pose_scale, "diffusion.pose_scale")
        if self.diffusion.clamp is not None:
            _above_zero(self.diffusion.clamp, "diffusion.clamp")
        _at_least(self.batch, 2, "batch")  # batch normalisation
        for name in ("steps", "validate_every", "save_every"):
            _at_least(getattr(self, name), 1, name)
        for name in ("workers", "seed"):
            if getattr(self, name) != "auto":
                _at_least(getattr(self, name), 0, name)
        if not 0 <= self.taken_steps <= self.diffusion.steps:
            raise ValueError(f"taken_steps: expected 0 to {self.diffusion.steps}, got {self.taken_steps}")
        if self.distilled_steps == 1 or not 0 <= self.distilled_steps <= self.diffusion.steps:
            raise ValueError(f"distilled_steps: expected 0, or 2 to {self.diffusion.steps}, got {self.distilled_steps}")
        if self.distilled_steps and not (self.model.proposal and self.init):
            raise ValueError(
                "distilled_steps: expected model.proposal true and init, the checkpoint that is learnt from; or 0"
            )
        if self.model.proposal != (self.diffusion.prediction == "correction"):
            expected = "correction" if self.model.proposal else "velocity or epsilon"
            raise ValueError(
                f"diffusion.prediction: expected {expected} with model.proposal {str(self.model.proposal).lower()}: a "
                "denoiser with a proposal corrects its estimate"
            )
        if self.loss == "distance" and not (self.model.proposal or self.model.kind == "regressor"):
            raise ValueError("loss: expected squared or paper of a network that does not return a pose, got distance")
        if self.loss == "squared" and self.model.proposal:
            raise ValueError("loss: expected distance with model.proposal true, got squared")
        expected = "distance" if self.model.proposal else "squared"
        if self.loss == "paper" and (self.model.kind == "regressor" or self.model.variant != "paper"):
            raise ValueError(
                f"loss: expected {expected} for a {self.model.variant} {self.model.kind}: only a paper denoiser "
                "or U-Net reconstructs its 2D condition"
            )


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a YAML file.

    Args:
        path: of the file.
        overrides: values that win over the file's, by dotted name (``data.train``); None changes nothing.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not YAML, a key that there is not, or a value that cannot be; names file and key.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no training configuration at {path}: expected a YAML file as in config/training/")
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        content = _mapping({} if content is None else content, "")
        for name, value in (overrides or {}).items():
            if value is not None:
                *parts, last = name.split(".")
                target = content
                for part in parts:
                    target[part] = target = _mapping(target.get(part) or {}, part)
                target[last] = value
        return _build(TrainConfig, content, "")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_config(config: TrainConfig, path: Path) -> None:
    """Write a configuration as a file that ``load_config`` reads back to the same."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(asdict(config), file)


def _mapping(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key or 'the file'}: expected names and values, got {value!r}")
    return dict(value)


def _build(kind: type[T], content: dict[str, Any], prefix: str) -> T:
    """Make a dataclass of a mapping; ``prefix`` is where in the file that is."""
    types = get_type_hints(kind)
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in content:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, 1)
            hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(names)}"
            raise ValueError(f"{prefix}{key}: there is no such key: {hint}")
    values = {key: _value(types[key], value, prefix + key) for key, value in content.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from None


def _value(kind: Any, value: Any, key: str) -> Any:
    """Return the value as what the field holds: a dataclass, a number, a text, one of a few, or null."""
    if is_dataclass(kind):
        return _build(kind, _mapping(value, key), key + ".")  # type: ignore[arg-type]
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    for option in options:
        if _fits(option, value):
            return float(value) if option is float else value
    raise ValueError(f"{key}: expected {' or '.join(map(_said, options))}, got {value!r}")


def _fits(option: Any, value: Any) -> bool:
    if get_origin(option) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(option))
    if option is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is option


def _said(option: Any) -> str:
    if get_origin(option) is Literal:
        return " or ".join(map(str, get_args(option)))
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    return names[option]


def _at_least(value: float, least: float, name: str) -> None:
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")


def _above_zero(value: float, name: str) -> None:
    if not value > 0:
        raise ValueError(f"{name}: expected a number above 0, got {value}")


def _within(value: float, low: float, high: float, name: str) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {value}")
