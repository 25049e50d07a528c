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

"""What a model makes of people whose truth is known, and how good that is."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.observations import Observations
from diffupose_ros.defaults import HYPOTHESES
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.placing import place
from diffupose_ros.lifting.uncertainty import (
    Calibration,
    calibrated_covariance,
    containing_probability,
    mahalanobis2,
)
from diffupose_ros.skeleton import Status
from diffupose_ros.training.predictors import Predictor, draw_in_batches

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Hypotheses of P people whose truth is known, in the virtual cameras' frames, metres.

    Attributes:
        hypotheses: (P, N, 17, 3) root-relative.
        truth: (P, 17, 3) root-relative.
        status: (P, 17) values of ``Status``.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        expected: (P, 17, 3, 3) m^2, the covariances that the model's proposal network expects; None without one.
        novelty: (P,) see ``placement.Placement``.
        root: (P, 3) where the people were put.
        root_error: (P, 3) that, minus where they were.
        root_covariance: (P, 3, 3) m^2, before calibration.
        distance: (P,) of the people from their cameras.
    """

    hypotheses: FloatArray
    truth: FloatArray
    status: npt.NDArray[np.int8]
    deviations: FloatArray
    expected: FloatArray | None
    novelty: FloatArray
    root: FloatArray
    root_error: FloatArray
    root_covariance: FloatArray
    distance: FloatArray

    @property
    def error(self) -> FloatArray:
        """Mean of the hypotheses minus truth, (P, 17, 3)."""
        return np.asarray(self.hypotheses.mean(1) - self.truth)


def draw_samples(
    predictor: Predictor, observations: Observations, hypotheses: int = HYPOTHESES, steps: int | None = None
) -> Samples:
    """Lift people; those with too few joints are left out."""
    people = observations[observations.condition("robust").valid]
    condition = people.condition("robust")
    poses = draw_in_batches(predictor, condition.features, hypotheses, steps)
    deviations = np.where(condition.status == Status.MISSING, np.nan, people.deviations)
    placed = place(poses, condition, people.rays, deviations)
    root = np.einsum("pij,pj->pi", condition.rotation, people.joints[:, 0])
    return Samples(
        hypotheses=poses,
        truth=people.truth(condition),
        status=condition.status,
        deviations=deviations,
        expected=predictor.expected_covariance(condition.features),
        novelty=placed.novelty,
        root=placed.root,
        root_error=placed.root - root,
        root_covariance=placed.covariance,
        distance=np.linalg.norm(root, axis=-1),
    )


def join(samples: list[Samples]) -> Samples:
    """Return all samples as one."""

    def joined(name: str) -> Any:
        parts = [getattr(s, name) for s in samples]
        return None if parts[0] is None else np.concatenate(parts)

    return Samples(**{f.name: joined(f.name) for f in fields(Samples)})


def measure(samples: Samples, calibration: Calibration) -> dict[str, float]:
    """Return errors and coverages: of joints relative to the root, of the root, and of absolute joints."""
    covariance = calibrated_covariance(
        samples.hypotheses, samples.status, samples.deviations, calibration, samples.expected, samples.novelty
    )
    of_root = calibration.root_covariance(samples.root_covariance, samples.root, samples.deviations)
    freedom = calibration.freedom_of(samples.status, samples.deviations)
    level = containing_probability(mahalanobis2(samples.error, covariance), freedom)[:, 1:]
    absolute = samples.error + samples.root_error[:, None]
    measured = {
        "mpjpe_mm": 1000 * float(metrics.joint_errors(samples.error, np.zeros(3)).mean()),
        "best_of_n_mpjpe_mm": 1000 * float(metrics.best_of_n(samples.hypotheses, samples.truth).mean()),
        **{f"coverage_{percent}": metrics.coverage(level, percent / 100) for percent in (50, 90, 95)},
        "ece": metrics.calibration_error(level),
        "root_error_relative": float((np.linalg.norm(samples.root_error, axis=-1) / samples.distance).mean()),
    }
    root_level = containing_probability(mahalanobis2(samples.root_error, of_root))
    absolute_level = containing_probability(mahalanobis2(absolute, covariance + of_root[:, None]), freedom)[:, 1:]
    for percent in (50, 90):
        measured[f"root_coverage_{percent}"] = metrics.coverage(root_level, percent / 100)
        measured[f"absolute_coverage_{percent}"] = metrics.coverage(absolute_level, percent / 100)
    return {name: round(value, 4) for name, value in measured.items()}
