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

"""The models that the paper's tables need, and how each is trained and measured.

Each is trained once, into a folder of the cache named after all that decides it, and measured once for
each number of hypotheses and steps. A run that was stopped goes on; tables share what they have in common.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.datasets import HUMANEVA_JOINTS, load_observations
from diffupose_ros.data.observations import Observations, Pairs
from diffupose_ros.data.sources import MocapSource, PairSource, load_sources, validation_pairs
from diffupose_ros.data.synthesis import CLEAN, NOISY, cmu_observations
from diffupose_ros.evaluation.evaluate import evaluate
from diffupose_ros.evaluation.protocols import Protocol
from diffupose_ros.files import write_text
from diffupose_ros.lifting.engine.sampling import Method, Sampling
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.resources import resource_path
from diffupose_ros.training.config import TrainConfig, load_config
from diffupose_ros.training.networks import build, network_config
from diffupose_ros.training.predictors import Predictor, load_predictor
from diffupose_ros.training.train import Trainer

FloatArray = npt.NDArray[np.float64]
Dataset = Literal["h36m", "humaneva", "cmu"]
Keypoints = Literal["gt", "detected"]
Say = Callable[[str], None]

PROTOCOLS: tuple[Protocol, ...] = ("raw", "paper")
_CONFIGS = {"h36m": "paper-h36m-256", "humaneva": "paper-humaneva", "cmu": "paper-cmu"}
_DETECTORS = {"h36m": "hr", "humaneva": "detectron"}


@dataclass(frozen=True)
class Model:
    """A network to train.

    Attributes:
        kind: ``denoiser``, the graph network, or ``unet``.
        channels: the paper's d; 0 for a U-Net.
        schedule: of the noise.
        keypoints: exact 2D joints, or a detector's: on mocap, exact ones with a detector's noise.
    """

    kind: Literal["denoiser", "unet"] = "denoiser"
    channels: int = 256
    schedule: Literal["cosine", "linear"] = "cosine"
    keypoints: Keypoints = "gt"

    @property
    def name(self) -> str:
        """Return a name for people and folders."""
        network = "unet" if self.kind == "unet" else f"gcn{self.channels}"
        return f"{network}-{self.schedule}-{self.keypoints}"


@dataclass(frozen=True)
class Setup:
    """What a comparison is run on, and at which scale.

    Attributes:
        dataset: ``h36m`` or ``humaneva``, the paper's, or ``cmu``.
        train: of cmu: .npz of clips; else the folder of the data set's files.
        data: the same, of the people to measure on.
        samples: to train each model with; None for as many as the paper.
        every: of the test data every so many frames are used.
        cache: folder of what is trained and measured.
        seed: of everything random in training.
        training: what the training configuration shall have otherwise, by dotted name.
    """

    dataset: Dataset
    train: Path
    data: Path
    samples: int | None
    every: int
    cache: Path
    seed: int = 0
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int | None:
        """Return the DDIM steps of tables that do not vary them; None for DDPM, as the paper: 20 times the time."""
        return 5 if self.dataset == "cmu" else None

    def config(self, model: Model) -> TrainConfig:
        """Return how a model is trained: all of a table in the same way."""
        keypoints = "gt" if model.keypoints == "gt" else _DETECTORS.get(self.dataset, "gt")
        overrides: dict[str, Any] = {
            "data.train": str(self.train),
            "data.validation": str(self.data),
            "data.keypoints": keypoints,
            "model.kind": model.kind,
            "model.channels": model.channels or None,
            # Without neck where the authors have none: with HRNet's joints.
            "model.joints": 16 if self.dataset == "h36m" and model.keypoints == "detected" else 17,
            "diffusion.schedule": model.schedule,
            "seed": self.seed,
            **self.training,
        }
        config = load_config(resource_path(f"config/training/{_CONFIGS[self.dataset]}.yaml"), overrides)
        steps = config.steps if self.samples is None else max(1, round(self.samples / config.batch))
        # Measured once, at the end: no model is chosen by its error on the test data.
        return replace(config, steps=steps, validate_every=steps)


class Models:
    """The trained models of a set-up.

    Args:
        setup: what they are trained and measured on.
        say: is told what is going on.
    """

    def __init__(self, setup: Setup, say: Say = lambda _: None) -> None:
        self.setup, self._say = setup, say
        self._observations: dict[Keypoints, Observations] = {}

    def folder(self, model: Model) -> Path:
        """Return the folder of a model."""
        config = asdict(self.setup.config(model))
        config["data"] |= {name: _fingerprint(Path(config["data"][name])) for name in ("train", "validation")}
        for irrelevant in ("compile", "workers", "save_every"):
            config.pop(irrelevant)
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:10]
        return self.setup.cache / f"{self.setup.dataset}-{model.name}-{digest}"

    def parameters(self, model: Model) -> int:
        """Return a model's number of parameters."""
        network = build(network_config(self.setup.config(model)))
        return sum(p.numel() for p in network.parameters())

    def trained(self, model: Model) -> Predictor:
        """Return a model, trained now if it is not yet.

        Raises:
            FileNotFoundError, ValueError: the data cannot be read.
            Stopped, FloatingPointError, OSError: see ``Trainer.run``.
        """
        config, folder = self.setup.config(model), self.folder(model)
        if not (folder / "finished").exists():
            self._say(f"training {model.name} in {folder}: {config.steps} steps of {config.batch} samples")
            start = time.monotonic()
            Trainer(config, *self._sources(config, model), folder).run()
            (folder / "finished").write_text(f"{time.monotonic() - start:.0f} s since it was last started\n")
        return load_predictor(folder / "best.pt")[0]

    def measured(self, model: Model, hypotheses: int, steps: int | None) -> dict[str, Any]:
        """Return what a model is worth: a report of ``evaluate`` by protocol, and ``people_per_second``.

        Args:
            model: is trained if it is not yet.
            hypotheses: N.
            steps: DDIM steps; None for DDPM.
        """
        setup = self.setup
        sampler = "ddpm" if steps is None else f"ddim{steps}"
        path = self.folder(model) / f"measured-n{hypotheses}-{sampler}-every{setup.every}.json"
        if not path.exists():
            predictor = Kept(self.trained(model))
            self._say(f"measuring {model.name} with N = {hypotheses}, {sampler}")
            people = self.people(model.keypoints)
            joints = HUMANEVA_JOINTS if setup.dataset == "humaneva" else None
            method: Method = "ddpm" if steps is None else "ddim"
            reports: dict[str, Any] = {
                protocol: evaluate(
                    predictor, people, Calibration.none(), hypotheses, steps or 1, method, protocol, joints, True
                )
                for protocol in PROTOCOLS
            }
            reports["people_per_second"] = round(len(people) / predictor.seconds, 2)
            write_text(json.dumps(reports), path)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def people(self, keypoints: Keypoints) -> Observations:
        """Return those to measure on; read once.

        Raises:
            FileNotFoundError, ValueError: the data cannot be read.
        """
        setup = self.setup
        if keypoints not in self._observations:
            if setup.dataset == "cmu":
                conditions = CLEAN if keypoints == "gt" else NOISY
                people = cmu_observations(load_clips(setup.data), conditions, setup.every)
            else:
                config = self.setup.config(Model(keypoints=keypoints))
                people = load_observations(
                    setup.dataset, setup.data, "test", config.data.keypoints, setup.every, config.model.joints
                )
            self._observations[keypoints] = people
        return self._observations[keypoints]

    def _sources(self, config: TrainConfig, model: Model) -> tuple[PairSource, Pairs]:
        if config.data.dataset != "cmu":
            return load_sources(config.data, config.model.variant, config.model.joints)
        # As the paper's: trained with the 2D that it is measured with.
        conditions = CLEAN if model.keypoints == "gt" else NOISY
        source = MocapSource(load_clips(config.data.train), conditions, "paper")
        return source, validation_pairs(load_clips(config.data.validation), config.data.every, "paper")


class Kept:
    """A predictor whose draws are kept, so that protocols measure the same ones, and timed.

    Attributes:
        seconds: that it took to draw.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor, self.seconds = predictor, 0.0
        self._draws: dict[Any, FloatArray] = {}

    @property
    def joints(self) -> int:
        """Number of joints of the network."""
        return self._predictor.joints

    @property
    def variant(self) -> Variant:
        """Which view of the 2D skeleton it takes."""
        return self._predictor.variant

    @property
    def usual_steps(self) -> int:
        """DDIM steps that suit it."""
        return self._predictor.usual_steps

    def draw(self, features: npt.NDArray[np.float32], sampling: Sampling) -> FloatArray:
        """Draw poses (P, N, 17, 3), or return those drawn before from the same."""
        key = (features.tobytes(), sampling)
        if key not in self._draws:
            start = time.perf_counter()
            self._draws[key] = self._predictor.draw(features, sampling)
            self.seconds += time.perf_counter() - start
        return self._draws[key]

    def expected_covariance(self, features: npt.NDArray[np.float32]) -> FloatArray | None:
        """Return what the predictor expects of its errors."""
        return self._predictor.expected_covariance(features)


def _fingerprint(path: Path) -> str:
    """Return what tells a file from another of its name, wherever it is."""
    return f"{path.name}, {path.stat().st_size if path.is_file() else 'folder'}"
