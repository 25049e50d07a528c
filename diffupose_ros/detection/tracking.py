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

"""Who is who: ids of people that last from frame to frame, and where everyone will be in the next frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from diffupose_ros.detection.boxes import box_around, grown
from diffupose_ros.detection.detector import Detections, FloatArray
from diffupose_ros.skeleton import layout_joints

BoolArray = npt.NDArray[np.bool_]

_COCO_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
_OTHER_SIGMA = 0.08  # hands, feet, spine: the middle of COCO's
_SIZE = 0.4
"""COCO's size of a person, the root of the area, as a part of the diagonal of the joints' box."""
MIN_JOINTS = 3
"""Confident joints that make a person, and that two skeletons must share to be compared: what the lifter needs."""
MIN_OKS = 0.1
"""Below which a skeleton is not the tracked person's."""
DUPLICATE_OKS = 0.7
"""From which on two skeletons of one image are the same person's."""
_SPEED_NEW = 4.0
"""Standard deviation of the speed of people, in sizes per second: 3 m/s for an adult."""
_SPEED_KNOWN = 1.5
"""The same of what is not known of a person's velocity after some frames: 1 m/s."""
_SMOOTHING = 0.2
"""s over which velocities are averaged."""
MARGIN = 0.15
"""Added on each side of the box of a person's joints, as a part of its diagonal: head, hands, feet, and motion."""


def oks_sigmas(layout: str) -> FloatArray:
    """Return COCO's standard deviations (J,) of the joints, as a part of the person's size; a typical one elsewhere.

    Source: cocodataset.org/#keypoints-eval.

    Raises:
        ValueError: unknown layout.
    """
    names = layout_joints(layout)
    return np.array([next((s for part, s in _COCO_SIGMAS.items() if part in name), _OTHER_SIGMA) for name in names])


@dataclass(frozen=True)
class Skeletons:
    """2D skeletons of P people, as they are compared.

    Attributes:
        keypoints: (P, J, 2) pixels.
        used: (P, J) the joints that are confident.
    """

    keypoints: FloatArray
    used: BoolArray

    @property
    def size(self) -> FloatArray:
        """(P,) pixels."""
        boxes = box_around(self.keypoints, self.used)
        return _SIZE * np.maximum(np.hypot(boxes[:, 2], boxes[:, 3]), 1)


def oks(a: Skeletons, b: Skeletons, sigmas: FloatArray, spread: FloatArray | None = None) -> FloatArray:
    """Return the object keypoint similarities (P, Q), from 0 to 1, over the joints that both of a pair have.

    Args:
        a: P people.
        b: Q people.
        sigmas: (J,), see ``oks_sigmas``.
        spread: (P, J) further standard deviation of ``a``'s joints, as a part of the size.
    """
    size = np.maximum(a.size[:, None], b.size[None])  # the one of whom more is seen
    variance = (2 * sigmas) ** 2 + (0 if spread is None else spread[:, None] ** 2)
    common = a.used[:, None] & b.used[None]
    squared = ((a.keypoints[:, None] - b.keypoints[None]) ** 2).sum(-1) / size[..., None] ** 2
    similar = np.where(common, np.exp(-squared / (2 * variance)), 0).sum(-1)
    number = common.sum(-1)
    return np.where(number >= MIN_JOINTS, similar / np.maximum(number, 1), 0)


def distinct(found: Skeletons, confidence: FloatArray, layout: str) -> list[int]:
    """Return the rows of the people among skeletons of one image, most confident first, each of them once.

    Args:
        found: P skeletons; those with hardly a confident joint are of nobody.
        confidence: (P,) the higher the surer.
        layout: of the joints.
    """
    rows = [int(row) for row in np.argsort(-confidence, kind="stable") if found.used[row].sum() >= MIN_JOINTS]
    if not rows:
        return []
    candidates = Skeletons(found.keypoints[rows], found.used[rows])
    same = oks(candidates, candidates, oks_sigmas(layout)) >= DUPLICATE_OKS
    kept: list[int] = []
    for index in range(len(rows)):
        if not same[index, kept].any():
            kept.append(index)
    return [rows[index] for index in kept]


@dataclass(frozen=True)
class _Person:
    id: str
    keypoints: FloatArray  # (J, 2) when the person was last seen; joints hidden then have moved with the body
    seen: FloatArray  # (J,) s, when each joint was; -inf for never
    velocity: FloatArray  # (2,) px/s, of the whole body
    since: float  # s

    @property
    def speed_spread(self) -> float:
        return float(_SPEED_KNOWN + _SPEED_NEW * np.exp(-(self.last - self.since) / _SMOOTHING))

    @property
    def last(self) -> float:
        return float(self.seen.max())


class Tracker:
    """Gives each person an id that stays, also through a short occlusion, and is never used for somebody else.

    Ids are p1, p2, ...: topics and frames are named by them (REP-155), and names begin with a letter.

    Skeletons are the person's whose predicted skeleton they resemble most (object keypoint similarity, assigned
    to all people at once). Everyone is predicted to move on with the velocity of their body; the longer ago
    they were seen, the less is made of the place.

    Times are the stamps of the images in seconds. A repeated stamp, or one a little back, counts as no time
    between frames; a step back by more than ``forget_after`` (a bag from its beginning) forgets everyone. Ids go on
    counting.

    Args:
        forget_after: s without being seen, after which a person who comes back is a new one. It must be above
            the time between two frames.
        min_score: of a joint that counts.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(self, forget_after: float = 1.0, min_score: float = 0.3) -> None:
        if not (forget_after > 0 and 0 < min_score < 1):
            raise ValueError(
                f"expected forget_after above 0 s and min_score between 0 and 1, got {forget_after} and {min_score}"
            )
        self.forget_after, self.min_score = forget_after, min_score
        self._people: list[_Person] = []
        self._time = -np.inf
        self._layout = ""
        self._numbers = count(1)

    @property
    def in_sight(self) -> bool:
        """Whether anybody was seen in the last frame."""
        return any(person.last == self._time for person in self._people)

    def predict(self, time: float) -> FloatArray:
        """Return boxes (P, 4) where everyone who is not forgotten would be at ``time`` s, last seen first."""
        people = sorted(self._remembered(time), key=lambda person: -person.last)
        if not people:
            return np.zeros((0, 4))
        return grown(box_around(*self._predicted(people, time)), MARGIN)

    def update(self, time: float, detections: Detections) -> tuple[tuple[str, ...], Detections, FloatArray]:
        """Return ids, skeletons and boxes of the people in an image.

        Skeletons with hardly a confident joint are left out, and of several that are the same person's the one
        with the most.

        Args:
            time: s, stamp of the image.
            detections: what a detector found there.

        Returns:
            Ids of P people, their skeletons, and boxes (P, 4) around their confident joints with a margin.
        """
        if detections.layout != self._layout:  # skeletons of different joints cannot be compared
            self._people, self._layout = [], detections.layout
        self._people = self._remembered(time)
        self._time = time if not self._people else max(time, self._time)
        finite = np.isfinite(detections.keypoints).all(-1) & np.isfinite(detections.scores)
        used = finite & (detections.scores >= self.min_score)
        keypoints = np.where(used[..., None], detections.keypoints, 0)
        kept = distinct(Skeletons(keypoints, used), np.where(used, detections.scores, 0).sum(-1), self._layout)
        found = Skeletons(keypoints[kept], used[kept])
        matched = self._assign(found)
        present = [
            self._seen_again(self._people[matched[row]], found, row) if row in matched else self._new(found, row)
            for row in range(len(kept))
        ]
        ids = tuple(person.id for person in present)
        self._people = present + [person for person in self._people if person.id not in ids]
        boxes = grown(box_around(found.keypoints, found.used), MARGIN)
        return ids, _chosen(detections, kept), boxes

    def _remembered(self, time: float) -> list[_Person]:
        if time < self._time - self.forget_after:
            return []
        return [person for person in self._people if time - person.last <= self.forget_after]

    def _predicted(self, people: Sequence[_Person], time: float) -> tuple[FloatArray, BoolArray]:
        moved = [person.keypoints + person.velocity * max(time - person.last, 0.0) for person in people]
        return np.array(moved), np.array([person.seen >= person.last - self.forget_after for person in people])

    def _assign(self, found: Skeletons) -> dict[int, int]:
        """Which tracked person each skeleton is of, where there is one: row of the skeleton -> index of the person."""
        if not self._people or not len(found.keypoints):
            return {}
        known = Skeletons(*self._predicted(self._people, self._time))
        sigmas = oks_sigmas(self._layout)
        unseen = self._time - np.array([person.seen for person in self._people])
        speed = np.array([person.speed_spread for person in self._people])
        similar = oks(known, found, sigmas, speed[:, None] * np.minimum(unseen, 2 * self.forget_after))
        # A vague prediction fits much, and so its fit says little: less by the ratio of the deviations.
        evidence = similar / np.hypot(1, speed * unseen.min(-1) / (2 * sigmas.mean()))[:, None]
        evidence[similar < MIN_OKS] = 0
        people, rows = linear_sum_assignment(evidence, maximize=True)
        return {int(r): int(p) for p, r in zip(people, rows, strict=True) if evidence[p, r] > 0}

    def _seen_again(self, person: _Person, found: Skeletons, row: int) -> _Person:
        used, both = found.used[row], found.used[row] & np.isfinite(person.seen)
        # The median: arms and legs swing, and joints are mistaken for others.
        moved = np.median(found.keypoints[row, both] - person.keypoints[both], axis=0)
        keypoints = np.where(used[:, None], found.keypoints[row], person.keypoints + moved)
        velocity, elapsed = person.velocity, self._time - person.last
        if elapsed > 0:
            velocity = velocity + (1 - np.exp(-elapsed / _SMOOTHING)) * (moved / elapsed - velocity)
        return replace(person, keypoints=keypoints, seen=np.where(used, self._time, person.seen), velocity=velocity)

    def _new(self, found: Skeletons, row: int) -> _Person:
        seen = np.where(found.used[row], self._time, -np.inf)
        return _Person(f"p{next(self._numbers)}", found.keypoints[row], seen, np.zeros(2), self._time)


def _chosen(detections: Detections, rows: list[int]) -> Detections:
    covariance = None if detections.covariance is None else detections.covariance[rows]
    keypoints, scores = detections.keypoints[rows], detections.scores[rows]
    return Detections(keypoints, scores, detections.layout, covariance, detections.profile)
