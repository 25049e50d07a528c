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

"""What a model makes of poses whose truth is known, and how good that is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.synthesis import SEED, Conditions, make_pairs
from diffupose_ros.evaluation import metrics
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.uncertainty import (
    Calibration,
    calibrated_covariance,
    containing_probability,
    mahalanobis2,
)
from diffupose_ros.training.predictors import draw_in_batches

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Hypotheses of poses whose truth is known, in the virtual cameras' frames, root-relative, metres.

    Attributes:
        hypotheses: (P, N, 17, 3).
        truth: (P, 17, 3).
        status: (P, 17) values of ``Status``.
        scores: (P, 17) of the 2D joints.
        expected: (P, 17, 3, 3) m^2, the covariances that the model's proposal network expects; None without one.
    """

    hypotheses: FloatArray
    truth: FloatArray
    status: npt.NDArray[np.int8]
    scores: FloatArray
    expected: FloatArray | None

    @property
    def error(self) -> FloatArray:
        """Mean of the hypotheses minus truth, (P, 17, 3)."""
        return np.asarray(self.hypotheses.mean(1) - self.truth)


def draw_samples(
    lifter: Lifter, clips: list[FloatArray], conditions: Conditions, every: int, hypotheses: int = 10, steps: int = 5
) -> Samples:
    """Lift every ``every``-th frame of the clips, seen by random cameras; always the same ones."""
    poses = np.concatenate([clip[::every] for clip in clips])
    made = make_pairs(poses, np.random.default_rng(SEED), conditions)
    drawn = draw_in_batches(lifter.sampler, made.features, hypotheses, steps)
    scores = made.features[..., 2].astype(np.float64)
    expected = lifter.sampler.expected_covariance(made.features)
    return Samples(drawn, made.poses.astype(np.float64), made.status, scores, expected)


def join(samples: list[Samples]) -> Samples:
    """Return all samples as one."""
    fields = ("hypotheses", "truth", "status", "scores")
    expected = [s.expected for s in samples if s.expected is not None]
    joined = {f: np.concatenate([getattr(s, f) for s in samples]) for f in fields}
    return Samples(**joined, expected=np.concatenate(expected) if expected else None)


def measure(samples: Samples, calibration: Calibration) -> dict[str, float]:
    """Return some of ``evaluate.METRICS``: errors of mean and best, coverages and ECE (root left out)."""
    covariance = calibrated_covariance(
        samples.hypotheses, samples.status, samples.scores, calibration, samples.expected
    )
    freedom = calibration.freedom_of(samples.status, samples.scores)
    level = containing_probability(mahalanobis2(samples.error, covariance), freedom)[:, 1:]
    measured = {
        "mpjpe_mm": 1000 * float(metrics.joint_errors(samples.error, np.zeros(3)).mean()),
        "best_of_n_mpjpe_mm": 1000 * float(metrics.best_of_n(samples.hypotheses, samples.truth).mean()),
        **{f"coverage_{percent}": metrics.coverage(level, percent / 100) for percent in (50, 90, 95)},
        "ece": metrics.calibration_error(level),
    }
    return {name: round(value, 4) for name, value in measured.items()}
