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

"""What is said of people who are followed: errors, smoothness, delay, and whether the uncertainty is true."""

from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.recordings import JOINTS
from diffupose_ros.estimation.people import FREEDOM
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.recordings.tracks import jitter_ratio
from diffupose_ros.evaluation.sequences.bodies import PROBABILITIES
from diffupose_ros.evaluation.sequences.tracks import HORIZONS, Belief, Single, Track, ahead_by
from diffupose_ros.lifting.uncertainty import containing_probability, mahalanobis2

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FAST = (1.0, 2.0)
"""m/s, of the wrists whose speed's error is told."""

_PREDICTED = {
    name: text
    for h in HORIZONS
    for name, text in {
        f"predicted_{h}_in_90": f"% of joints in the 90 % ellipsoids that were predicted {h} s before",
        f"predicted_{h}_mm": f"error of where joints were predicted to move within {h} s, mean",
        f"unmoved_{h}_mm": "the same if they had been predicted to stay",
    }.items()
}
_HELD = {
    name: text
    for p in PROBABILITIES
    for name, text in {
        f"body_in_{100 * p:g}": f"% of the true body's surface in the capsules that hold {100 * p:g} % ellipsoids",
        f"body_beyond_{100 * p:g}_m": "how far outside of the true body these capsules' surface is, mean",
    }.items()
}
FIGURES = {
    "frames": "that count",
    "distance_m": "median of the pelvis' true distance from the cameras",
    "single_mpjpe_mm": "mean joint error relative to the pelvis, single frames",
    "mpjpe_mm": "the same of the estimate",
    "mpjpe_ratio": "of the two",
    "single_absolute_mm": "mean joint error in the world, single frames",
    "absolute_mm": "the same of the estimate",
    "single_root_percent": "distance of the root from the true pelvis, % of the distance, single frames",
    "root_percent": "the same of the estimate",
    "single_jitter": "second difference of joints at 30 Hz, relative to the pelvis, over the truth's, single frames",
    "jitter": "the same of the estimate",
    "single_root_jitter": "the same of the root, single frames",
    "root_jitter": "the same of the estimate",
    "lag_ms": "by how much the joints' velocities, relative to the pelvis, are late",
    "root_lag_ms": "the same of the root's",
    "single_absolute_in_50": "% of joints in their 50 % ellipsoids in the world, single frames",
    "single_absolute_in_90": "% in their 90 % ellipsoids, single frames",
    "absolute_in_50": "% of joints in their 50 % ellipsoids in the world",
    "absolute_in_90": "% in their 90 % ellipsoids",
    "root_in_50": "% of roots in their 50 % ellipsoids",
    "root_in_90": "% in their 90 % ellipsoids",
    "unseen_in_90": "% of joints that no detector gave in their 90 % ellipsoids",
    "velocity_in_50": "% of joints' velocities in their 50 % ellipsoids",
    "velocity_in_90": "% in their 90 % ellipsoids",
    "root_velocity_in_90": "% of roots' velocities in their 90 % ellipsoids",
    "wrist_speed_error": f"m/s, mean |error| of the speed of wrists at {FAST[0]:g} to {FAST[1]:g} m/s",
    "wrist_speed_bias": "m/s, the same with its sign",
    **_PREDICTED,
    **_HELD,
    "hidden_in_90": "% of joints in their 90 % ellipsoids while nobody sees the person",
    "hidden_mm": "mean joint error in the world meanwhile",
    "kept_percent": "% of people who are the same afterwards, and nobody else",
    "single_person_percent": "% of frames with one person: not none, not two",
    "sides_uncertain_percent": "% of frames that say so",
    "novel_percent": "% of frames that say so",
}
"""What is said of one person, and what that is."""

LEVELS = ("absolute", "root", "velocity", *(f"predicted_{h}" for h in HORIZONS))
"""Of what there are reliability curves."""

_WRISTS = [1 + JOINTS.index(f"{side}_wrist") for side in ("left", "right")]  # the pelvis comes first
_LAGS = (-0.1, 0.4)  # s, between which the delay is looked for
_MOVES = 0.1  # m/s, RMS, of what is too still to say how late it is
_FEWEST = 10  # samples that say anything


def levels(track: Track) -> dict[str, FloatArray]:
    """Return the probabilities (n,) of the ellipsoids that the truths just lie in, of what counts: of ``LEVELS``."""
    joints, frames = track.counted, track.frames
    found = {
        "absolute": _levels(track.now, track.truth, _joints(joints)),
        "root": _levels(track.now, track.truth, _pelvis(frames)),
        "velocity": _levels(track.velocity, track.true_velocity, _joints(joints)),
    }
    for horizon, belief in track.ahead.items():
        steps = ahead_by(horizon, track.rate)
        then = Belief(belief.mean[:-steps], belief.covariance[:-steps])
        found[f"predicted_{horizon}"] = _levels(then, track.truth[steps:], _joints(joints[:-steps] & joints[steps:]))
    return found


def figures(track: Track) -> dict[str, float]:
    """Return ``FIGURES``; NaN where there is no answer."""
    joints, frames, truth = track.counted, track.frames, track.truth
    pelvis, relative = truth[:, :1], truth[:, 1:] - truth[:, :1]
    estimated, root = track.now.mean[:, 1:] - track.now.mean[:, :1], track.now.mean[:, :1]
    level = levels(track) | {
        "unseen": _levels(track.now, truth, _joints(track.unseen)),
        "hidden": _levels(track.now, truth, _joints(track.awaited)),
        "root_velocity": _levels(track.velocity, track.true_velocity, _pelvis(frames)),
    }
    off = metrics.joint_errors(track.now.mean, truth)
    values = {
        "frames": frames.sum(),
        "distance_m": _median(track.distance[frames]),
        "mpjpe_mm": 1000 * _mean(metrics.joint_errors(estimated, relative)[joints]),
        "absolute_mm": 1000 * _mean(off[:, 1:][joints]),
        "root_percent": 100 * _mean((off[:, 0] / track.distance)[frames]),
        "jitter": jitter_ratio(estimated, relative, joints, track.rate),
        "root_jitter": jitter_ratio(root, pelvis, frames[:, None], track.rate),
        "lag_ms": 1000 * _lag(estimated, relative, joints, track.rate),
        "root_lag_ms": 1000 * _lag(root, pelvis, frames[:, None], track.rate),
        "hidden_mm": 1000 * _mean(off[:, 1:][track.awaited]),
        "kept_percent": _kept(track),
        "single_person_percent": 100 * _mean(np.array([len(ids) == 1 for ids in track.ids])[frames]),
        **{f"{name}_percent": 100 * _mean(track.flags[name][frames]) for name in ("sides_uncertain", "novel")},
        **_single(track),
        **_wrists(track),
        **_predicted(track),
        **_held(track),
    }
    values["mpjpe_ratio"] = values["mpjpe_mm"] / values["single_mpjpe_mm"]
    for name, of in level.items():
        values |= {f"{name}_in_{p}": 100 * metrics.coverage(of, p / 100) for p in (50, 90) if len(of) >= _FEWEST}
    return {name: float(values.get(name, np.nan)) for name in FIGURES}


def _single(track: Track) -> dict[str, float]:
    """What single frames say, mean of the cameras."""
    of_cameras = [_of_camera(track, single) for single in track.single]
    return {f"single_{name}": _mean(np.array([of[name] for of in of_cameras])) for name in of_cameras[0]}


def _of_camera(track: Track, single: Single) -> dict[str, float]:
    joints = track.counted & single.measured
    frames, truth, said = np.asarray(joints.any(1)), track.truth, single.positions
    relative, estimated = truth[:, 1:] - truth[:, :1], said[:, 1:] - said[:, :1]
    off = metrics.joint_errors(said, truth)
    level = _levels(Belief(said, single.covariance), truth, _joints(joints), single.freedom)
    return {
        "mpjpe_mm": 1000 * _mean(metrics.joint_errors(estimated, relative)[joints]),
        "absolute_mm": 1000 * _mean(off[:, 1:][joints]),
        "root_percent": 100 * _mean((off[:, 0] / track.distance)[frames]),
        "jitter": jitter_ratio(estimated, relative, joints, track.rate),
        "root_jitter": jitter_ratio(said[:, :1], truth[:, :1], frames[:, None], track.rate),
        **{f"absolute_in_{p}": 100 * metrics.coverage(level, p / 100) if len(level) else np.nan for p in (50, 90)},
    }


def _wrists(track: Track) -> dict[str, float]:
    wrists = track.counted[:, np.array(_WRISTS) - 1]
    true, said = _speed(track.true_velocity[:, _WRISTS]), _speed(track.velocity.mean[:, _WRISTS])
    fast = wrists & (true >= FAST[0]) & (true <= FAST[1])
    error = (said - true)[fast] if fast.sum() >= _FEWEST else np.zeros(0)
    return {"wrist_speed_error": _mean(np.abs(error)), "wrist_speed_bias": _mean(error)}


def _speed(velocity: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(velocity, axis=-1))


def _predicted(track: Track) -> dict[str, float]:
    values = {}
    for horizon, belief in track.ahead.items():
        steps = ahead_by(horizon, track.rate)
        joints = (track.counted[:-steps] & track.counted[steps:]).nonzero()
        moved = (track.truth[steps:] - track.truth[:-steps])[:, 1:][joints]
        moving = (belief.mean - track.now.mean)[:-steps, 1:][joints]
        values[f"predicted_{horizon}_mm"] = 1000 * _mean(metrics.joint_errors(moving, moved))
        values[f"unmoved_{horizon}_mm"] = 1000 * _mean(np.linalg.norm(moved, axis=-1))
    return values


def _held(track: Track) -> dict[str, float]:
    frames = track.frames[track.held.frame]
    values = {}
    for p, share, beyond in zip(PROBABILITIES, track.held.share.T, track.held.beyond.T, strict=True):
        values[f"body_in_{100 * p:g}"] = 100 * _mean(share[frames])
        values[f"body_beyond_{100 * p:g}_m"] = _mean(beyond[frames])
    return values


def _kept(track: Track) -> float:
    """100 if whoever was there before and after nobody saw him is one and the same."""
    hidden = np.flatnonzero(track.hidden)
    if not len(hidden) or not hidden[0]:
        return np.nan
    after = track.ids[min(hidden[-1] + round(0.5 * track.rate), len(track.ids) - 1)]
    return 100.0 * (len(after) == 1 and after == track.ids[hidden[0] - 1])


def _lag(points: FloatArray, truth: FloatArray, counted: BoolArray, rate: float) -> float:
    """Seconds by which the velocities of points (T, J, 3) follow the true ones: where they correlate best."""
    said, true = (np.diff(np.where(counted[..., None], of, np.nan), axis=0) * rate for of in (points, truth))
    if not np.isfinite(true).any() or np.sqrt(np.nanmean((true**2).sum(-1))) < _MOVES:
        return np.nan
    shifts = np.arange(round(_LAGS[0] * rate), round(_LAGS[1] * rate) + 1)
    if len(true) <= 2 * shifts[-1]:
        return np.nan
    likeness = np.array([_likeness(*_shifted(said, true, int(shift))) for shift in shifts])
    if not np.isfinite(likeness).all():
        return np.nan
    best = int(np.argmax(likeness))
    if best in (0, len(shifts) - 1):
        return float(shifts[best] / rate)
    before, at, after = likeness[best - 1 : best + 2]
    return float((shifts[best] + 0.5 * (before - after) / (before - 2 * at + after)) / rate)


def _shifted(said: FloatArray, true: FloatArray, shift: int) -> tuple[FloatArray, FloatArray]:
    """What is said ``shift`` frames later, beside what was true."""
    return (said[shift:], true[: len(true) - shift]) if shift >= 0 else (said[:shift], true[-shift:])


def _likeness(a: FloatArray, b: FloatArray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())) if a.any() and b.any() else np.nan


def _levels(belief: Belief, truth: FloatArray, where: BoolArray, freedom: FloatArray | None = None) -> FloatArray:
    """Probabilities (n,) of the ellipsoids that the truth just lies in ``where`` (T, 13) there is one."""
    where = where & np.isfinite(truth).all(-1) & np.isfinite(belief.mean).all(-1)
    distance2 = mahalanobis2((belief.mean - truth)[where], belief.covariance[where])
    return containing_probability(distance2, np.full(where.sum(), FREEDOM) if freedom is None else freedom[where])


def _joints(mask: BoolArray) -> BoolArray:
    """A mask (T, 12) of the joints as one of (T, 13)."""
    return np.concatenate([np.zeros((len(mask), 1), bool), mask], 1)


def _pelvis(frames: BoolArray) -> BoolArray:
    mask = np.zeros((len(frames), 1 + len(JOINTS)), bool)
    mask[:, 0] = frames
    return mask


def _mean(values: npt.NDArray[Any]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else np.nan
