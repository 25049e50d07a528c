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

It is a ``Proposal`` network of the usual size, 4.3 million parameters, trained alone, by squared error, on the same
pairs by the same loop.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.lifting.networks.proposal import Proposal, ProposalConfig
from diffupose_ros.pytorch import check_finite, kept, save_tensors, select_device

FloatArray = npt.NDArray[np.float64]
_FORMAT = 1
_KEY = "diffupose_regressor"
_CHANNELS: dict[Variant, int] = {"robust": 5, "paper": 2}


def regressor_config(variant: Variant, width: int) -> ProposalConfig:
    """Return the configuration of a regressor that gets this view of the 2D skeleton."""
    return ProposalConfig(width, condition_channels=_CHANNELS[variant])


class Regressor:
    """A trained regressor that answers as a sampler does: its N hypotheses are N copies of its one answer.

    Args:
        network: its network.
        pose_scale: metres per unit of its output.
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ...

    Raises:
        ValueError: a device that is not there.
    """

    joints = 17

    def __init__(self, network: Proposal, pose_scale: float, device: str = "auto") -> None:
        self._device = select_device(device)
        self._network = network.to(self._device).eval()
        self._scale = pose_scale
        self.usual_steps = 1
        self.variant: Variant = "robust" if network.config.condition_channels == _CHANNELS["robust"] else "paper"

    @torch.inference_mode()
    def draw(self, features: npt.NDArray[np.float32], sampling: Sampling) -> FloatArray:
        """Return root-relative poses (P, N, 17, 3) in metres in the virtual cameras' frames.

        Args:
            features: (P, 17, C) of a ``Condition``.
            sampling: how many copies, and whether to average (``flip``) with the answer to the mirror image; there is
                one pass without noise, the rest is ignored.
        """
        seen = torch.from_numpy(features).to(self._device)
        poses, _ = self._network.estimate(seen) if sampling.flip else self._network(seen)
        metres = poses.double().cpu().numpy() * self._scale
        return np.repeat((metres - metres[:, :1])[:, None], sampling.hypotheses, 1)

    @torch.inference_mode()
    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray:
        """Return the covariances (P, 17, 3, 3) in m^2, in the virtual cameras' frames, of its errors."""
        covariance = self._network.estimate(torch.from_numpy(features).to(self._device))[1]
        return np.asarray(covariance.double().cpu().numpy() * self._scale**2)


@dataclass(frozen=True)
class RegressorFile:
    """What a regressor's .safetensors file holds.

    Attributes:
        network: with its weights.
        pose_scale: metres per unit of its output.
        card: training data, metrics, licence: anything JSON can hold.
    """

    network: Proposal
    pose_scale: float
    card: dict[str, Any]


def save_regressor(regressor: RegressorFile, path: Path) -> None:
    """Write a regressor, whole or not at all; matrices in float16, vectors in float32.

    Raises:
        OSError: the file cannot be written.
    """
    config = asdict(regressor.network.config)
    meta = {"format": _FORMAT, "config": config, "pose_scale": regressor.pose_scale, "card": regressor.card}
    save_tensors(kept(regressor.network.state_dict()), path, {_KEY: json.dumps(meta)})


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
        network = Proposal(ProposalConfig(**meta["config"]))
        load_weights(network, tensors)
        return RegressorFile(network.eval().requires_grad_(False), float(meta["pose_scale"]), meta["card"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a regressor's file, or a broken one: {error}") from None


def load_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put weights into a network; the counters of batch normalisation, which nothing uses, may lack.

    Raises:
        ValueError: they are another network's, or not finite.
    """
    check_finite(weights)
    counters = {n: v for n, v in network.state_dict().items() if n.endswith("num_batches_tracked")}
    try:
        network.load_state_dict(counters | weights)
    except RuntimeError as error:
        raise ValueError(f"the weights are another network's: {' '.join(str(error).split())[:300]}") from None
