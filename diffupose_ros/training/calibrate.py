"""From a trained denoiser to a checkpoint that ships: fits its calibration and measures it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from diffupose_ros.clips import load_clips
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig, save_checkpoint
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.denoiser import DenoiserConfig
from diffupose_ros.lifting.uncertainty import (
    CHI2_3,
    Calibration,
    calibrated_covariance,
    fit_calibration,
    mahalanobis2,
)
from diffupose_ros.training.synthesis import CLEAN, NOISY, OCCLUDED, Conditions, make_pairs
from diffupose_ros.training.train import POSE_SCALE

FloatArray = npt.NDArray[np.float64]

CONDITIONS = {"clean": CLEAN, "noisy": NOISY, "occluded": OCCLUDED}
DATA_CREDIT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
_BATCH = 64


@dataclass(frozen=True)
class Samples:
    """Hypotheses of poses whose truth is known, in the virtual cameras' frames, root-relative, metres.

    Attributes:
        hypotheses: (P, N, 17, 3).
        truth: (P, 17, 3).
        status: (P, 17) values of ``Status``.
        scores: (P, 17) of the 2D joints.
    """

    hypotheses: FloatArray
    truth: FloatArray
    status: npt.NDArray[np.int8]
    scores: FloatArray

    @property
    def error(self) -> FloatArray:
        """Mean of the hypotheses minus truth, (P, 17, 3)."""
        return np.asarray(self.hypotheses.mean(1) - self.truth)


def draw_samples(
    lifter: Lifter, clips: list[FloatArray], conditions: Conditions, every: int, hypotheses: int = 10, steps: int = 5
) -> Samples:
    """Lift every ``every``-th frame of the clips, seen by random cameras; always the same ones."""
    poses = np.concatenate([clip[::every] for clip in clips])
    pairs = make_pairs(poses, np.random.default_rng(1), conditions)
    rotation = np.broadcast_to(np.eye(3), (len(pairs.poses), 3, 3))
    drawn = []
    for first in range(0, len(pairs.poses), _BATCH):
        part = slice(first, first + _BATCH)
        condition = Condition(
            pairs.features[part], pairs.status[part], rotation[part], np.ones(len(rotation[part]), bool)
        )
        drawn.append(lifter.sample(condition, hypotheses, steps, seed=first))
    scores = pairs.features[..., 2].astype(np.float64)
    return Samples(np.concatenate(drawn), pairs.poses.astype(np.float64), pairs.status, scores)


def join(samples: list[Samples]) -> Samples:
    """Return all samples as one."""
    fields = ("hypotheses", "truth", "status", "scores")
    return Samples(*(np.concatenate([getattr(s, f) for s in samples]) for f in fields))


def measure(samples: Samples, calibration: Calibration) -> dict[str, float]:
    """Return mpjpe_mm of the mean, best_of_n_mpjpe_mm, and coverage_50/90/95 of the ellipsoids (root left out)."""
    per_pose = np.linalg.norm(samples.hypotheses - samples.truth[:, None], axis=-1).mean(-1)
    covariance = calibrated_covariance(samples.hypotheses, samples.status, samples.scores, calibration)
    distance = mahalanobis2(samples.error, covariance)[:, 1:]
    metrics = {
        "mpjpe_mm": 1000 * float(np.linalg.norm(samples.error, axis=-1).mean()),
        "best_of_n_mpjpe_mm": 1000 * float(per_pose.min(1).mean()),
    }
    metrics |= {f"coverage_{100 * q:.0f}": float((distance <= r).mean()) for q, r in CHI2_3.items()}
    return {name: round(value, 4) for name, value in metrics.items()}


def export(trained: Path, validation_file: Path, out: Path, every: int = 5) -> Checkpoint:
    """Calibrate the denoiser in ``trained`` (best.pt of a run), measure it, and write it to ``out``.

    Coverage is measured crosswise: the validation subjects are split in two, and each half is measured
    with the calibration fitted on the other. What ships is fitted on both.
    """
    state = torch.load(trained, map_location="cpu", weights_only=True)
    config = DenoiserConfig(**state["config"])
    checkpoint = Checkpoint(config, DiffusionConfig(pose_scale=POSE_SCALE), state["model"])
    lifter = Lifter(checkpoint)
    halves = _halves(load_clips(validation_file))
    drawn = {name: [draw_samples(lifter, half, c, every) for half in halves] for name, c in CONDITIONS.items()}
    fits = [fit(join([drawn[name][half] for name in CONDITIONS])) for half in (1, 0)]
    metrics = {
        name: _mean([measure(samples, calibration) for samples, calibration in zip(parts, fits, strict=True)])
        for name, parts in drawn.items()
    }
    card = {
        "training_data": "CMU motion capture, 222 clips, random robot cameras, simulated detector noise",
        "credit": DATA_CREDIT,
        "validation": "subjects not trained on, DDIM 5 steps, 10 hypotheses with flips, raw protocol",
        "metrics": metrics,
    }
    everything = join([samples for parts in drawn.values() for samples in parts])
    finished = replace(checkpoint, calibration=fit(everything), card=card)
    save_checkpoint(finished, out)
    return finished


def fit(samples: Samples) -> Calibration:
    """Return the calibration of these samples."""
    return fit_calibration(samples.hypotheses, samples.error, samples.status, samples.scores)


def _halves(clips: dict[str, FloatArray]) -> list[list[FloatArray]]:
    subjects = sorted({name.split("/")[1] for name in clips})
    return [[clip for name, clip in clips.items() if subjects.index(name.split("/")[1]) % 2 == h] for h in (0, 1)]


def _mean(metrics: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([m[name] for m in metrics])), 4) for name in metrics[0]}
