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

"""Whatever lifts 2D to 3D, behind one call: what is evaluated side by side."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.lifting.networks.proposal import Proposal
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.training.networks import checkpoint_of, read_any
from diffupose_ros.training.regressor import Regressor
from diffupose_ros.training.unet import AtStep, UNet

FloatArray = npt.NDArray[np.float64]

BATCH = 64
"""People who are drawn at once."""


class Predictor(Protocol):
    """Lifts 2D conditions.

    Attributes:
        joints: 17, or 16, all but the neck; poses have 17 all the same.
        variant: which view of the 2D skeleton it takes.
        usual_steps: DDIM steps that suit it; 1 of a regressor, which has no choice.
    """

    @property
    def joints(self) -> int: ...  # noqa: D102

    @property
    def variant(self) -> Variant: ...  # noqa: D102

    @property
    def usual_steps(self) -> int: ...  # noqa: D102

    def draw(self, features: npt.NDArray[np.float32], sampling: Sampling) -> FloatArray:
        """Return root-relative poses (P, N, 17, 3) in metres in the virtual cameras' frames.

        Args:
            features: (P, 17, C) of a ``Condition`` of this variant.
            sampling: how; what there is no choice of is ignored.
        """
        ...

    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray | None:
        """Return the covariances (P, 17, 3, 3) in m^2 that it expects of its errors; None where it expects none."""
        ...


def draw_in_batches(
    predictor: Predictor, features: npt.NDArray[np.float32], hypotheses: int, steps: int | None = None
) -> FloatArray:
    """Return poses (P, N, 17, 3) of any number of people, by DDIM, from the noise that a node uses: that of seed 0."""
    sampling = Sampling(hypotheses, steps, seed=0)
    batches = (features[first : first + BATCH] for first in range(0, len(features), BATCH))
    return np.concatenate([predictor.draw(batch, sampling) for batch in batches])


def predictor_of(network: nn.Module, diffusion: DiffusionConfig, device: str = "auto") -> Predictor:
    """Return the predictor that a network is, in its present state.

    Raises:
        ValueError: a device that is not there, or weights that are not finite.
    """
    if isinstance(network, Proposal):
        return Regressor(network, diffusion.pose_scale, device)
    if isinstance(network, UNet):
        return Sampler(AtStep(network), diffusion, network.config.joints, device, variant="paper")
    return Sampler.of(checkpoint_of(network, diffusion), device)


def load_predictor(name_or_path: str | Path, device: str = "auto") -> tuple[Predictor, Calibration, dict[str, Any]]:
    """Load a predictor, the calibration of its covariances, and its card.

    Args:
        name_or_path: a shipped checkpoint's name, or a file: .safetensors of a denoiser or a regressor,
            best.pt of a run (not calibrated), the authors' .pt or .pth.
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ...

    Raises:
        FileNotFoundError: no such file; says which names there are.
        ValueError: not such a file, or a device that is not there.
    """
    found = read_any(name_or_path)
    if isinstance(found, Checkpoint):
        return Sampler.of(found, device), found.calibration, found.card
    return predictor_of(found.build(), found.diffusion, device), Calibration.none(), found.card
