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

"""Measures a model on observations whose truth is known: errors, and whether its uncertainty is true."""

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

import diffupose_ros
from diffupose_ros.data.observations import Observations
from diffupose_ros.data.synthesis import SEED
from diffupose_ros.defaults import HYPOTHESES
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.placing import place
from diffupose_ros.evaluation.protocols import PROTOCOLS, Protocol, overwritten
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.engine.sampling import NO_NECK, Method, Sampling
from diffupose_ros.lifting.uncertainty import (
    Calibration,
    calibrated_covariance,
    containing_probability,
    mahalanobis2,
    radius2,
)
from diffupose_ros.skeleton import BONES, H36M17, PELVIS, Status
from diffupose_ros.training.predictors import BATCH, Predictor

FloatArray = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]

METRICS = {
    "mpjpe_mm": "mean joint error of the mean of the hypotheses",
    "p_mpjpe_mm": "the same after the best similarity transform of each pose",
    "n_mpjpe_mm": "the same after the best single scale of each pose",
    "best_of_n_mpjpe_mm": "MPJPE of the hypothesis nearest to the truth",
    "single_mpjpe_mm": "mean MPJPE of single hypotheses: what N = 1 gives",
    "pck_150": "share of joints nearer than 150 mm",
    "coverage_50": "share of joints in their 50 % ellipsoids",
    "coverage_90": "share of joints in their 90 % ellipsoids",
    "coverage_95": "share of joints in their 95 % ellipsoids",
    "ece": "mean |coverage - nominal| over quantiles 0.05 ... 0.95",
    "sharpness_50_mm": "mean radius of the ball as large as the 50 % ellipsoid",
    "sharpness_90_mm": "mean radius of the ball as large as the 90 % ellipsoid",
    "energy_score_mm": "energy score of each joint's hypotheses, mean",
    "spearman": "rank correlation of predicted deviation and error over joints",
    "bone_std_mm": "deviation of a bone's length over the hypotheses, mean of bones",
    "bone_asymmetry_mm": "difference of left and right bones in the mean pose",
    "root_error_mm": "distance of the solved root from the true one (gt_free)",
    "root_error_relative": "the same over the person's true distance (gt_free)",
    "root_coverage_50": "share of roots in their 50 % ellipsoids (gt_free)",
    "root_coverage_90": "share of roots in their 90 % ellipsoids (gt_free)",
    "absolute_mpjpe_mm": "mean joint error in the camera's frame (gt_free)",
    "absolute_coverage_50": "share of joints in their 50 % ellipsoids in the camera's frame (gt_free)",
    "absolute_coverage_90": "share of joints in their 90 % ellipsoids in the camera's frame (gt_free)",
}
"""What a report says, and what that is. Definitions and sources: ``evaluation.metrics``."""


def evaluate(
    predictor: Predictor,
    observations: Observations,
    calibration: Calibration,
    hypotheses: int = HYPOTHESES,
    steps: int | None = None,
    method: Method = "ddim",
    protocol: Protocol = "raw",
    joints: Sequence[int] | None = None,
    progress: bool = False,
    flip: bool = True,
) -> dict[str, Any]:
    """Return a report on a model; the same for the same arguments.

    The report holds ``METRICS`` (None where there is no answer), ``reliability`` (``nominal`` and
    ``empirical`` coverages), ``per_activity`` (metrics of each), ``per_joint`` and ``per_status``
    (errors and coverages), ``people``, ``left_out`` (people with too few joints to be lifted), and
    ``settings``. Errors count the root, whose own is 0 but in the camera's frame. What is said of
    uncertainty leaves it out, and is always taken on the network's own pose, whatever the protocol.

    Args:
        predictor: the model.
        observations: people whose truth is known.
        calibration: of the model's covariances.
        hypotheses: N.
        steps: DDIM steps; None: as many as suit the model.
        method: ``ddim`` or ``ddpm``.
        protocol: see ``evaluation.protocols``.
        joints: H36M-17 indices of those that count, with the root; None for all that the model knows.
        progress: show a progress bar on stderr.
        flip: draw every second hypothesis for the mirror image; a regressor averages with its answer to that.

    Raises:
        ValueError: nobody to evaluate, or numbers that do not fit; says what was expected.
    """
    if hypotheses < 1:
        raise ValueError(f"hypotheses: expected 1 or more, got {hypotheses}")
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    counted = _counted(joints, predictor.joints)
    valid = observations.condition(predictor.variant).valid
    people = observations[valid]
    if not len(people):
        raise ValueError(f"nobody to evaluate: none of {len(observations)} people has joints enough to be lifted")
    sampling = Sampling(hypotheses, steps or predictor.usual_steps, flip, seed=0, method=method)
    measured = []
    rows = range(0, len(people), BATCH)
    console = Console(stderr=True)
    for first in track(
        rows, "lifting", console=console, transient=True, disable=not (progress and console.is_terminal)
    ):
        batch = people[first : first + BATCH]
        condition = batch.condition(predictor.variant)
        poses = predictor.draw(condition.features, sampling)
        expected = predictor.expected_covariance(condition.features)
        measured.append(_measure(poses, batch, condition, calibration, expected, protocol, counted))
    arrays = {name: np.concatenate([m[name] for m in measured]) for name in measured[0]}
    return {
        "people": len(people),
        "left_out": len(observations) - len(people),
        **_summary(arrays),
        "reliability": _reliability(arrays["level"]),
        "per_activity": _per_activity(arrays, people.activity),
        "per_joint": _per_joint(arrays, counted),
        "per_status": _per_status(arrays),
        "settings": {
            "protocol": protocol,
            "hypotheses": hypotheses,
            "sampler": method,
            "steps": sampling.steps if method == "ddim" else None,
            "flip": flip,
            "seed": SEED,
            "joints": [H36M17[j] for j in counted],
            "versions": versions(),
        },
    }


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    return {
        "diffupose_ros": diffupose_ros.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _counted(joints: Sequence[int] | None, known: int) -> list[int]:
    everything = list(range(17)) if known == 17 else NO_NECK
    counted = everything if joints is None else sorted({int(j) for j in joints} & set(everything))
    unknown = set(joints or ()) - set(range(17))
    if unknown or len(counted) < 3 or PELVIS not in counted:
        raise ValueError(f"joints: expected H36M-17 indices with the root, 0, and at least two others, got {joints}")
    return counted


def _measure(
    poses: FloatArray,
    people: Observations,
    condition: Condition,
    calibration: Calibration,
    expected: FloatArray | None,
    protocol: Protocol,
    counted: list[int],
) -> Arrays:
    """Return what there is to say of each person (P,), or of each of the joints (P, J or J - 1)."""
    truth = people.truth(condition)
    deviations = np.where(condition.status == Status.MISSING, np.nan, people.deviations)
    placed = place(poses, condition, people.rays, deviations)
    covariance = calibrated_covariance(poses, condition.status, deviations, calibration, expected, placed.novelty)
    mean = poses.mean(1)  # what the lifter publishes
    own = mean - truth
    limbs = counted[1:]  # without the root
    freedom = calibration.freedom_of(condition.status, deviations)[:, limbs]
    bones = [i for i, bone in enumerate(BONES) if set(bone) <= set(counted)]
    arrays = {
        "level": containing_probability(mahalanobis2(own[:, limbs], covariance[:, limbs]), freedom),
        "sigma": np.sqrt(np.trace(covariance[:, limbs], axis1=-2, axis2=-1)),
        "own_error": np.linalg.norm(own[:, limbs], axis=-1),
        "radius_50": metrics.ellipsoid_radius(covariance[:, limbs], radius2(0.5, freedom)),
        "radius_90": metrics.ellipsoid_radius(covariance[:, limbs], radius2(0.9, freedom)),
        "energy": metrics.energy_score(poses[:, :, limbs], truth[:, limbs]),
        "status": condition.status[:, limbs],
        "bone_std": metrics.bone_deviation(poses)[:, bones],
        "asymmetry": metrics.bone_asymmetry(mean),
    }
    if protocol == "gt_free":
        true_root = np.einsum("pij,pj->pi", condition.rotation, people.joints[:, 0])
        root = placed.root - true_root
        of_root = calibration.root_covariance(placed.covariance, placed.root, deviations)
        absolute = own + root[:, None]
        arrays["root"] = np.linalg.norm(root, axis=-1)
        arrays["root_relative"] = arrays["root"] / np.linalg.norm(true_root, axis=-1)
        arrays["root_level"] = containing_probability(mahalanobis2(root, of_root))
        arrays["absolute"] = np.linalg.norm(absolute, axis=-1)[:, counted]
        of_joints = covariance[:, limbs] + of_root[:, None]
        arrays["absolute_level"] = containing_probability(mahalanobis2(absolute[:, limbs], of_joints), freedom)
    if protocol == "paper":
        poses, mean = (overwritten(p, people, condition) for p in (poses, mean[:, None]))
        mean = mean[:, 0]
    poses, mean, truth = poses[:, :, counted], mean[:, counted], truth[:, counted]
    return arrays | {
        "error": metrics.joint_errors(mean, truth),
        "p": metrics.p_mpjpe(mean, truth),
        "n": metrics.n_mpjpe(mean, truth),
        "best": metrics.best_of_n(poses, truth),
        "single": metrics.joint_errors(poses, truth[:, None]).mean((1, 2)),
    }


def _summary(arrays: Arrays) -> dict[str, float | None]:
    mm = {
        "mpjpe_mm": "error",
        "p_mpjpe_mm": "p",
        "n_mpjpe_mm": "n",
        "best_of_n_mpjpe_mm": "best",
        "single_mpjpe_mm": "single",
        "sharpness_50_mm": "radius_50",
        "sharpness_90_mm": "radius_90",
        "energy_score_mm": "energy",
        "bone_std_mm": "bone_std",
        "bone_asymmetry_mm": "asymmetry",
        "root_error_mm": "root",
        "absolute_mpjpe_mm": "absolute",
    }
    values = {name: 1000 * arrays[array].mean() for name, array in mm.items() if array in arrays}
    values |= {
        "pck_150": metrics.pck(arrays["error"]),
        "ece": metrics.calibration_error(arrays["level"]),
        "spearman": metrics.rank_correlation(arrays["sigma"], arrays["own_error"]),
        **_coverages(arrays["level"]),
    }
    if "root_relative" in arrays:
        values["root_error_relative"] = arrays["root_relative"].mean()
        for name in ("root", "absolute"):
            for percent in (50, 90):
                values[f"{name}_coverage_{percent}"] = metrics.coverage(arrays[f"{name}_level"], percent / 100)
    return {name: _number(values[name]) for name in METRICS if name in values}


def _coverages(level: FloatArray) -> dict[str, float | None]:
    return {f"coverage_{p}": _number(metrics.coverage(level, p / 100)) for p in (50, 90, 95)}


def _reliability(level: FloatArray) -> dict[str, list[float]]:
    return {
        "nominal": metrics.QUANTILES.tolist(),
        "empirical": metrics.reliability(level).round(4).tolist(),
    }


def _per_activity(arrays: Arrays, activity: npt.NDArray[np.str_]) -> dict[str, dict[str, float | None]]:
    groups = {str(name): activity == name for name in np.unique(activity)}
    return {
        name: {"people": int(here.sum()), **_summary({n: a[here] for n, a in arrays.items()})}
        for name, here in groups.items()
    }


def _per_joint(arrays: Arrays, counted: list[int]) -> dict[str, dict[str, float | None]]:
    report = {}
    for column, joint in enumerate(counted):
        error = arrays["error"][:, column]
        values = {"mpjpe_mm": _number(1000 * error.mean()), "pck_150": _number(metrics.pck(error))}
        if joint != PELVIS:
            values |= _said(arrays, np.s_[:, column - 1])
        report[H36M17[joint]] = values
    return report


def _per_status(arrays: Arrays) -> dict[str, dict[str, float | None]]:
    """By where the 2D joint comes from; the network's own error, whatever the protocol."""
    report = {}
    for status in Status:
        here = arrays["status"] == status
        if here.any():
            error = _number(1000 * arrays["own_error"][here].mean())
            report[status.name.lower()] = {"joints": int(here.sum()), "mpjpe_mm": error, **_said(arrays, here)}
    return report


def _said(arrays: Arrays, where: Any) -> dict[str, float | None]:
    """What is said of the uncertainty of some joints, and whether it is true."""
    level = arrays["level"][where]
    return {
        **_coverages(level),
        "ece": _number(metrics.calibration_error(level)),
        "sharpness_90_mm": _number(1000 * arrays["radius_90"][where].mean()),
    }


def _number(value: float) -> float | None:
    """Round to what can be read; None for NaN, which JSON has no word for."""
    return round(float(value), 4) if np.isfinite(value) else None
