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

"""Fits a detector's profile: what its scores mean, from recordings with 3D truth, or from ordinary footage.

With truth, a joint errs by its distance from the projected truth. Without, two substitutes stand for that. The first
is its distance from a body that we lifted from the same 2D, made to move smoothly and to keep the lengths of its bones;
our own errors come on top, so it tends to be too large. The second is what changes from frame to frame beyond smooth
motion, corrected for the errors' correlation in time; what errs for longer than some frames escapes it, so it tends to
be too small. The deviation without truth is the geometric mean of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.signal import savgol_filter

from diffupose_ros.camera import Camera
from diffupose_ros.data.recordings import Recording
from diffupose_ros.lifting import Lifter
from diffupose_ros.profiles import Profile, load_profile
from diffupose_ros.skeleton import BONES, H36M17, Status, layout_joints, to_h36m, unit

FloatArray = npt.NDArray[np.float64]

MIN_FRAMES = 15
"""Frames in a row that footage needs for its noise to be told from motion."""
MIN_ERRORS = 50
"""Joints of about the same score, or of the same name, from which on a deviation is fitted for them."""
_EDGES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, np.inf)  # of the classes of scores
_GROSS = 0.2  # of the apparent size: an error beyond is an exchange or a guess, and no measure of correlation
_SMOOTHING = 0.5  # s, in which a body's motion is about a parabola
_BATCH = 128


@dataclass(frozen=True)
class Footage:
    """What one camera saw of one person, frame after frame.

    Attributes:
        keypoints: (T, J, 2) px.
        scores: (T, J); 0 or NaN where not seen.
        layout: joint order, a key of ``LAYOUTS``.
        rate: frames per second.
        camera: that took it.
        truth_names: of G joints whose true places are known.
        truth: (T, G, 3) metres in the camera's optical frame, NaN where unknown; None: there is no truth.
    """

    keypoints: FloatArray
    scores: FloatArray
    layout: str
    rate: float
    camera: Camera
    truth_names: tuple[str, ...] = ()
    truth: FloatArray | None = None


@dataclass(frozen=True)
class _Errors:
    """N joints: their scores (N,), names (N,), and S measures of their errors (N, S, 2) by apparent size."""

    scores: FloatArray
    names: npt.NDArray[np.str_]
    errors: FloatArray


def footage_of(recording: Recording) -> list[Footage]:
    """Return the footage of each camera in a recording, with its truth.

    The truth is ``loo_camera``, of the other cameras only, or ``gt_camera`` where that is not known.
    """
    others = recording.loo_camera
    truth = recording.gt_camera if others is None or not np.isfinite(others).any() else others
    return [
        Footage(
            recording.keypoints[camera],
            recording.scores[camera],
            recording.layout,
            recording.rate,
            recording.camera(camera),
            recording.gt_names,
            truth[camera],
        )
        for camera in range(recording.cameras)
    ]


def fit_with_truth(name: str, footage: Sequence[Footage]) -> Profile:
    """Return the profile of the detector that made the 2D, from its distance to the projected truth.

    Each joint's median error in a camera, which may be another idea of where the joint is, is left out.

    Raises:
        ValueError: too few joints that have both a score and a truth.
    """
    return _fit(name, [_true_errors(part) for part in footage if part.truth is not None], "from the projected truth")


def fit_without_truth(name: str, footage: Sequence[Footage], lifter: Lifter) -> Profile:
    """Return the profile of the detector that made the 2D, from that alone.

    Raises:
        ValueError: too few joints; fewer than ``MIN_FRAMES`` frames in a row count for nothing.
    """
    parts = [_own_errors(part, lifter) for part in footage if len(part.keypoints) >= MIN_FRAMES]
    return _fit(name, parts, "from a lifted body that moves smoothly, and of the noise between frames; no truth")


def monotone(values: npt.ArrayLike, weights: npt.ArrayLike) -> FloatArray:
    """Return the never increasing numbers (K,) nearest to ``values`` by weighted squares (isotonic regression)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(np.asarray(values, float).tolist(), np.asarray(weights, float).tolist(), strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] <= mean:  # pool adjacent violators
            before, heavy, long = blocks.pop()
            mean = (mean * total + before * heavy) / (total + heavy)
            total, length = total + heavy, length + long
        blocks.append((mean, total, length))
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])


def robust_deviation(errors: FloatArray) -> float:
    """Return the deviation of the normal distribution that has 90 % of its values where ``errors`` have theirs.

    Nearer to what an ellipsoid must hold than a median; exchanged sides do not move it as they move an RMS.
    """
    return float(max(np.quantile(np.abs(errors), 0.9) / 1.645, 1e-4))


def _fit(name: str, parts: list[_Errors], what: str) -> Profile:
    scores = np.concatenate([np.zeros(0), *(part.scores for part in parts)]).clip(0, 1)
    if len(scores) < MIN_ERRORS:
        raise ValueError(f"expected {MIN_ERRORS} joints whose error can be told, got {len(scores)}")
    names = np.concatenate([part.names for part in parts])
    errors = np.concatenate([part.errors for part in parts])
    classes = _classes(scores)
    knots = [float(np.median(scores[members])) for members in classes]
    logs = [np.log(_deviation(errors[members])) for members in classes]
    deviations = np.exp(monotone(logs, [len(members) for members in classes]))
    curve = Profile(name, "", tuple(knots), tuple(deviations.tolist()))
    relative = errors / curve.deviation(scores[:, None], [""])[:, :, None]
    joints = _joint_factors(relative, names)
    low = load_profile("generic")
    careful = [(s, max(d, deviations[0])) for s, d in zip(low.scores, low.deviations, strict=True) if s < scores.min()]
    return Profile(
        name,
        "",
        (*(s for s, _ in careful), *knots),
        tuple(round(float(d), 4) for d in (*(d for _, d in careful), *deviations)),
        joints,
        f"{len(scores)} joints: distance {what}; below a score of {scores.min():.2f}, where none were, as generic",
    )


def _classes(scores: FloatArray) -> list[npt.NDArray[np.intp]]:
    """Indices of the joints of each class of scores, lowest first; small classes are joined with the next."""
    classes: list[npt.NDArray[np.intp]] = []
    waiting = np.zeros(0, np.intp)
    for low, high in pairwise(_EDGES):
        waiting = np.concatenate([waiting, np.flatnonzero((scores >= low) & (scores < high))])
        if len(waiting) >= MIN_ERRORS:
            classes.append(waiting)
            waiting = np.zeros(0, np.intp)
    if len(waiting):
        classes[-1] = np.concatenate([classes[-1], waiting])
    return classes


def _deviation(errors: FloatArray) -> float:
    """Geometric mean over the measures (N, S, 2)."""
    return float(np.exp(np.mean([np.log(robust_deviation(errors[:, s])) for s in range(errors.shape[1])])))


def _joint_factors(relative: FloatArray, names: npt.NDArray[np.str_]) -> dict[str, float]:
    """Each joint's deviation relative to what its scores say, the same left and right."""
    parts = np.array([name.removeprefix("left_").removeprefix("right_") for name in names])
    factors: dict[str, float] = {}
    for part in sorted(set(parts.tolist())):
        members = parts == part
        if members.sum() >= MIN_ERRORS:
            factor = round(min(max(_deviation(relative[members]), 0.5), 2.0), 2)
            factors |= {name: factor for name in sorted(set(names[members].tolist()))}
    return factors


def _true_errors(footage: Footage) -> _Errors:
    assert footage.truth is not None
    layout = layout_joints(footage.layout)
    names = [name for name in footage.truth_names if name in layout]
    truth = footage.truth[:, [footage.truth_names.index(name) for name in names]]
    columns = [layout.index(name) for name in names]
    pixels, size = _seen(footage)
    error = (pixels[:, columns] - footage.camera.project(truth)) / size
    return _listed(footage.scores[:, columns], names, [_without_median(error)])


def _own_errors(footage: Footage, lifter: Lifter) -> _Errors:
    layout = layout_joints(footage.layout)
    names = [name for name in layout if name in H36M17]
    columns = [layout.index(name) for name in names]
    pixels, size = _seen(footage)
    scores, joints = footage.scores[:, columns], [H36M17.index(name) for name in names]
    body = _smooth_body(footage, lifter)
    if body is None:
        return _listed(scores, names, [np.full_like(pixels[:, columns], np.nan)] * 2)
    error = _without_median((pixels[:, columns] - footage.camera.project(body)[:, joints]) / size)
    shown = np.clip(error, -_GROSS, _GROSS)
    known = np.isfinite(shown[1:] * shown[:-1])
    rho = (shown[1:] * shown[:-1])[known].mean() / (shown[1:] ** 2)[known].mean() if known.any() else 0.0
    rho = min(max(float(rho), 0.0), 0.95)
    noise = np.full_like(error, np.nan)
    noise[1:-1] = pixels[2:, columns] - 2 * pixels[1:-1, columns] + pixels[:-2, columns]
    noise[1:-1] /= size[1:-1] * np.sqrt(6 - 8 * rho + 2 * rho**2)  # of a first-order autoregression
    return _listed(scores, names, [error, noise])


def _seen(footage: Footage) -> tuple[FloatArray, FloatArray]:
    """Pixels (T, J, 2), NaN where not seen, and the apparent size (T, 1, 1) in pixels, of H36M's joints."""
    seen = np.isfinite(footage.keypoints).all(-1) & (np.nan_to_num(footage.scores) > 0)
    skeletons = to_h36m(footage.keypoints, footage.scores, footage.layout)
    known = (skeletons.status != Status.MISSING)[..., None]
    count = np.maximum(known.sum(1, keepdims=True), 1)
    centred = skeletons.keypoints - np.where(known, skeletons.keypoints, 0).sum(1, keepdims=True) / count
    size = np.sqrt((np.where(known, centred**2, 0).sum(1, keepdims=True) / count).sum(-1, keepdims=True))
    enough = (known.sum(1, keepdims=True) >= 3) & (size > 1)
    return np.where(seen[..., None], footage.keypoints, np.nan), np.where(enough, size, np.nan)


def _smooth_body(footage: Footage, lifter: Lifter) -> FloatArray | None:
    """The lifted joints (T, 17, 3), smoothed over time, with the median lengths of their bones; None: too few.

    Lifted with the generic profile: what the detector's scores mean is what is sought.
    """
    scores = np.nan_to_num(footage.scores)
    parts = [
        lifter.lift(
            footage.keypoints[start : start + _BATCH],
            scores[start : start + _BATCH],
            footage.camera,
            footage.layout,
            seed=0,
        )
        for start in range(0, len(scores), _BATCH)
    ]
    poses, valid = (np.concatenate([getattr(part, key) for part in parts]) for key in ("mean", "valid"))
    if valid.sum() < MIN_FRAMES:
        return None
    frames = np.arange(len(poses))
    columns = [np.interp(frames, frames[valid], column) for column in poses[valid].reshape(valid.sum(), -1).T]
    poses = np.stack(columns, -1).reshape(poses.shape)
    window = min(max(int(footage.rate * _SMOOTHING), 5), len(poses) - 1) | 1
    window -= 2 * (window > len(poses))
    bones = poses[:, [child for _, child in BONES]] - poses[:, [parent for parent, _ in BONES]]
    lengths = np.median(np.linalg.norm(bones, axis=-1), 0)
    directions, body = unit(_smoothed(bones, window)), np.empty_like(poses)
    body[:, 0] = _smoothed(poses[:, 0], window)
    for bone, (parent, child) in enumerate(BONES):
        body[:, child] = body[:, parent] + directions[:, bone] * lengths[bone]
    body[~valid] = np.nan
    return body


def _smoothed(values: FloatArray, window: int) -> FloatArray:
    """Values (T, ...) without what lasts less than half of a window, a parabola through each window."""
    size = ((window // 2) | 1, *(1 for _ in values.shape[1:]))
    return np.asarray(savgol_filter(median_filter(values, size, mode="nearest"), window, 2, axis=0))


def _without_median(error: FloatArray) -> FloatArray:
    """Errors (T, J, 2) without each joint's median, where there is any."""
    counted = np.where(np.isfinite(error).any(0), error, 0)
    return np.asarray(error - np.nanmedian(counted, 0))


def _listed(scores: FloatArray, names: Sequence[str], errors: list[FloatArray]) -> _Errors:
    """The joints (T, J) all of whose errors (T, J, 2) are known."""
    stacked = np.stack(errors, 2)
    known = np.isfinite(stacked).all((-1, -2))
    labels = np.broadcast_to(np.array(names), known.shape)
    return _Errors(np.asarray(scores[known], np.float64), labels[known], stacked[known])
