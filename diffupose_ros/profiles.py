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

"""What a 2D detector's score means.

A score is not a precision: 0.99 of one detector is 0.7 of another. A ``Profile`` reads a detector's scores as
*deviations*: the error of a joint along each image axis, in units of the person's apparent size (RMS distance of the
2D joints from their middle), as the standard deviation of a normal distribution.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.files import user_path, write_text
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS, Skeletons2D, apparent_size, layout_joints, seen_joints, to_h36m

FloatArray = npt.NDArray[np.float64]

PROFILES = ("generic", "hrnet", "mediapipe", "openpose", "rtmpose", "yolo-pose", "simulated", "exact")
"""Names of the profiles that ship. ``generic`` is for detectors that nobody measured, ``simulated`` for replay_node's,
``exact`` for 2D without errors."""

_MOST = 10.0  # of a deviation: a joint that is not known to ten times the person's size tells nothing
_JOINT_NAMES = frozenset(name for names in LAYOUTS.values() for name in names)


@dataclass(frozen=True)
class Profile:
    """How precise a detector's joints are, by their scores.

    Attributes:
        name: of the detector.
        layout: joint order that it was measured in, a key of ``LAYOUTS``; empty: any.
        scores: (K,) in [0, 1], increasing; K is 1 or more.
        deviations: (K,) at those scores, above 0, never increasing. Between them the logarithm is linear in the
            score; outside of them it is constant.
        joints: factors on the deviation by joint name; 1 where not given.
        source: where the numbers come from.

    Raises:
        ValueError: numbers or names other than these; says what was expected.
    """

    name: str
    layout: str
    scores: tuple[float, ...]
    deviations: tuple[float, ...]
    joints: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        """Check all fields; numbers become floats."""
        for key in ("name", "layout", "source"):
            if not isinstance(getattr(self, key), str):
                raise ValueError(f"{key}: expected text, got {getattr(self, key)!r}")
        if not self.name:
            raise ValueError("name: expected the detector's name, got none")
        known = set(layout_joints(self.layout)) if self.layout else _JOINT_NAMES
        scores, deviations = _numbers("scores", self.scores), _numbers("deviations", self.deviations)
        if not 1 <= len(scores) == len(deviations):
            raise ValueError(
                f"expected as many deviations as scores, and one at least, got {len(deviations)} and {len(scores)}"
            )
        if min(scores) < 0 or max(scores) > 1 or (np.diff(scores) <= 0).any():
            raise ValueError(f"scores: expected increasing numbers in [0, 1], got {list(scores)}")
        if min(deviations) <= 0 or (np.diff(deviations) > 0).any():
            raise ValueError(f"deviations: expected numbers above 0 that never increase, got {list(deviations)}")
        if not isinstance(self.joints, Mapping):
            raise ValueError(f"joints: expected a factor for each joint name, got {self.joints!r}")
        unknown = [str(name) for name in self.joints if name not in known]
        if unknown:
            where = f"of layout {self.layout}" if self.layout else "of any layout"
            raise ValueError(f"joints: no joint {where} is called {', '.join(unknown)}")
        factors = _numbers("joints", list(self.joints.values()))
        if factors and min(factors) <= 0:
            raise ValueError(f"joints: expected factors above 0, got {dict(self.joints)}")
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "deviations", deviations)
        object.__setattr__(self, "joints", dict(zip(self.joints, factors, strict=True)))

    def deviation(self, scores: npt.ArrayLike, names: Sequence[str]) -> FloatArray:
        """Return the joints' deviations (..., J) in units of the person's apparent size.

        Args:
            scores: (..., J) as the detector gave them; above 1 counts as 1. NaN where one is 0, below, or no number.
            names: of the J joints.

        Raises:
            ValueError: the number of names is not J.
        """
        scores = np.asarray(scores, np.float64)
        if scores.ndim < 1 or scores.shape[-1] != len(names):
            raise ValueError(f"scores: expected shape (..., {len(names)}), got {scores.shape}")
        factors = np.array([self.joints.get(name, 1.0) for name in names])
        seen = np.isfinite(scores) & (scores > 0)
        log = np.interp(np.where(seen, scores, 1), self.scores, np.log(self.deviations))
        return np.asarray(np.where(seen, np.exp(log) * factors, np.nan))

    def skeletons(
        self,
        keypoints: npt.ArrayLike,
        scores: npt.ArrayLike,
        layout: str,
        min_score: float = 0.0,
        variance: npt.ArrayLike | None = None,
    ) -> Skeletons2D:
        """Return the H36M-17 skeletons of a detector's joints, with their deviations; see ``to_h36m``.

        Args:
            keypoints: (P, J, 2) pixels.
            scores: (P, J) as the detector gave them.
            layout: joint order, a key of ``LAYOUTS``.
            min_score: below which a joint counts as not seen.
            variance: (P, J) px^2 along each axis, where the detector knows more than a score; 0: it does not.

        Raises:
            ValueError: unknown layout, or shapes that do not fit it.
        """
        names = layout_joints(layout)
        keypoints, scores = np.asarray(keypoints, np.float64), np.asarray(scores, np.float64)
        if scores.ndim != 2 or scores.shape[1] != len(names):
            raise ValueError(f"scores of layout {layout}: expected shape (P, {len(names)}), got {scores.shape}")
        deviations = self.deviation(scores, names)
        if variance is not None and np.shape(keypoints) == (*scores.shape, 2):
            size = apparent_size(np.where(seen_joints(keypoints, scores)[..., None], keypoints, np.nan))
            told = np.sqrt(variance) / np.maximum(size, 1e-9)
            deviations = np.where(np.asarray(variance) > 0, told, deviations)
        return to_h36m(keypoints, scores, layout, min_score, np.minimum(deviations, _MOST))

    def save(self, path: str | Path) -> None:
        """Write a JSON file that ``load_profile`` reads.

        Raises:
            OSError: it cannot be written.
        """
        write_text(json.dumps(asdict(self), indent=1) + "\n", Path(path))


def load_profile(name: str | Path, layout: str = "") -> Profile:
    """Return a profile by its name, one of ``PROFILES``, or from a JSON file of one's own.

    Args:
        name: of a profile that ships, or the path of a file.
        layout: joint order of the skeletons that it will be used for; empty: not known.

    Raises:
        ValueError: no such profile or file, a broken one, or one of another layout. Says what was expected.
    """
    profile = _shipped(str(name)) if str(name) in PROFILES else _read(user_path(name))
    if layout and profile.layout not in ("", layout):
        raise ValueError(f"{name}: the profile is of layout {profile.layout}, the skeletons are of {layout}")
    return profile


@cache
def _shipped(name: str) -> Profile:
    """Those that ship never change: asked for with every image, they are read once."""
    return _read(resource_path(f"resource/profiles/{name}.json"))


def _read(path: Path) -> Profile:
    if not path.is_file():
        raise ValueError(f"no detector profile {str(path)!r}: expected one of {', '.join(PROFILES)}, or a JSON file")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # of JSON and of UTF-8 too
        raise ValueError(f"{path}: expected a detector profile in JSON: {error}") from None
    try:
        return _profile(content)
    except ValueError as error:
        raise ValueError(f"{path}: not a detector profile: {error}") from None


def _profile(content: Any) -> Profile:
    keys = {f.name for f in fields(Profile)}
    needed = {"name", "scores", "deviations"}
    if not isinstance(content, dict) or not needed <= set(content) <= keys:
        got = " ".join(", ".join(content).split())[:300] if isinstance(content, dict) else type(content).__name__
        optional = ", ".join(sorted(keys - needed))
        raise ValueError(f"expected an object of name, scores and deviations, optionally {optional}; got {got}")
    return Profile(**{"layout": "", **content})


def _numbers(what: str, values: Any) -> tuple[float, ...]:
    numbers = isinstance(values, (list, tuple)) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
    )
    try:
        floats = tuple(map(float, values)) if numbers else (np.nan,)
    except OverflowError:  # whole numbers of JSON have no bounds
        floats = (np.nan,)
    if not np.isfinite(floats).all():
        raise ValueError(f"{what}: expected finite numbers, got {str(values)[:200]}")
    return floats
