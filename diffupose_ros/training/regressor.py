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

"""The baseline: a one-pass regressor from 2D to 3D, the kind that most people use.

A residual multilayer perceptron after Martinez et al., ICCV 2017, trained on the same pairs by the same
loop as the denoiser. Without dropout: pairs made on the fly never repeat. It gives one answer and no
uncertainty.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from diffupose_ros.lifting.denoiser import Variant
from diffupose_ros.lifting.sampler import Method
from diffupose_ros.skeleton import MIRROR

FloatArray = npt.NDArray[np.float64]
_FORMAT = 1
_KEY = "diffupose_regressor"


@dataclass(frozen=True)
class RegressorConfig:
    """What a regressor is built from.

    Attributes:
        variant: which view of the 2D skeleton it gets.
        channels: width of the hidden layers.
        blocks: residual blocks of two layers each.
    """

    variant: Variant = "robust"
    channels: int = 1024
    blocks: int = 2

    @property
    def condition_channels(self) -> int:
        """Channels of the 2D condition of each joint."""
        return 5 if self.variant == "robust" else 2


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layer(channels, channels), *_layer(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


class ResidualMLP(nn.Module):
    """2D condition (B, 17, C) -> pose (B, 17, 3) in units of the pose scale."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        d = config.channels
        self.input = nn.Sequential(*_layer(17 * config.condition_channels, d))
        self.blocks = nn.Sequential(*(_Block(d) for _ in range(config.blocks)))
        self.output = nn.Linear(d, 17 * 3)

    def forward(self, condition: Tensor) -> Tensor:
        """Run the network."""
        y: Tensor = self.output(self.blocks(self.input(condition.flatten(1))))
        return y.view(-1, 17, 3)


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()


class Regressor:
    """A trained regressor that answers as a sampler does: its N hypotheses are N copies of its one answer.

    Args:
        network: its network.
        pose_scale: metres per unit of its output.
        device: to run on.
    """

    joints = 17

    def __init__(self, network: ResidualMLP, pose_scale: float, device: torch.device) -> None:
        self._network = network.to(device).eval()
        self._scale, self._device = pose_scale, device
        self._mirror = torch.from_numpy(MIRROR).to(device)
        self.variant: Variant = network.config.variant

    @torch.inference_mode()
    def draw(
        self,
        features: npt.NDArray[np.float32],
        hypotheses: int,
        steps: int,
        flip: bool = True,
        seed: int | None = None,
        *,
        method: Method = "ddim",
    ) -> FloatArray:
        """Return root-relative poses (P, N, 17, 3) in metres in the virtual cameras' frames.

        Args:
            features: (P, 17, C) of a ``Condition``.
            hypotheses: N.
            steps: ignored, as are ``seed`` and ``method``: there is one pass and no noise.
            flip: average with the answer to the mirror image.
        """
        if not len(features):
            return np.zeros((0, hypotheses, 17, 3))
        seen = torch.from_numpy(features).to(self._device)
        poses = self._network(seen)
        if flip:
            poses = (poses + self._mirrored(self._network(self._mirrored(seen)))) / 2
        metres = poses.double().cpu().numpy() * self._scale
        return np.repeat((metres - metres[:, :1])[:, None], hypotheses, 1)

    def _mirrored(self, x: Tensor) -> Tensor:
        mirrored = x[:, self._mirror]
        mirrored[..., 0].neg_()
        return mirrored


@dataclass(frozen=True)
class RegressorFile:
    """What a regressor's .safetensors file holds.

    Attributes:
        network: with its weights.
        pose_scale: metres per unit of its output.
        card: training data, metrics, licence: anything JSON can hold.
    """

    network: ResidualMLP
    pose_scale: float
    card: dict[str, Any]


def save_regressor(regressor: RegressorFile, path: Path) -> None:
    """Write a regressor, whole or not at all; matrices in float16, vectors in float32.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {
        name: value.to("cpu", torch.float16 if value.ndim > 1 else torch.float32).contiguous()
        for name, value in regressor.network.state_dict().items()
        if value.is_floating_point()
    }
    config = asdict(regressor.network.config)
    meta = {"format": _FORMAT, "config": config, "pose_scale": regressor.pose_scale, "card": regressor.card}
    partial = path.with_suffix(".partial")
    try:
        save_file(tensors, partial, metadata={_KEY: json.dumps(meta)})
    except SafetensorError as error:
        raise OSError(f"cannot write {path}: {error}") from None
    partial.chmod(0o644)  # safetensors makes it the owner's alone
    os.replace(partial, path)


def is_regressor(path: Path) -> bool:
    """Return whether a file is one that ``save_regressor`` wrote."""
    try:
        with safe_open(path, framework="pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_regressor(path: Path) -> RegressorFile:
    """Load a regressor, in evaluation mode.

    Raises:
        ValueError: not a regressor's file, truncated, or of another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if meta["format"] != _FORMAT:
            raise ValueError(f"format {meta['format']}, expected {_FORMAT}")
        network = ResidualMLP(RegressorConfig(**meta["config"]))
        load_weights(network, tensors)
        return RegressorFile(network.eval().requires_grad_(False), float(meta["pose_scale"]), meta["card"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a regressor's file, or a broken one: {error}") from None


def load_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put weights into a network; the counters of batch normalisation, which nothing uses, may lack.

    Raises:
        ValueError: they are another network's, or not finite.
    """
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f"the weights hold NaN or infinite numbers: {', '.join(broken[:3])}")
    counters = {n: v for n, v in network.state_dict().items() if n.endswith("num_batches_tracked")}
    try:
        network.load_state_dict(counters | weights)
    except RuntimeError as error:
        raise ValueError(f"the weights are another network's: {' '.join(str(error).split())[:300]}") from None
