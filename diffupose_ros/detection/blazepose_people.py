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


"""BlazePose's person detector: a single-shot detector (SSD) of faces that also tells how the body lies below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.blazepose_regions import Region, beside, parts, whole_image
from diffupose_ros.detection.boxes import overlap
from diffupose_ros.detection.detector import FloatArray, Image
from diffupose_ros.detection.litert import Network, Tensor

SIZE = 224
"""px, of the network's input."""
_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells along a side, anchors in each
_POINTS = 4  # middle of the hips, size and turn of the body, middle of the shoulders, the same of the upper body
_MIN_SCORE = 0.5
_SAME = 0.3  # intersection over union from which on two boxes are of one face
_MAX_LOGIT = 100.0
# Radius of a body, as a part of the side of the square it is seen in, between which it is judged well: it is too small
# to be told from others, or it reaches out of the square.
_SMALLEST, _LARGEST = 0.15, 0.5
_CLOSE = 0.35
"""Distance of the faces, as a part of the radius, below which two people are one: arm in arm they have 0.7."""


@dataclass(frozen=True)
class Found:
    """F people, the surest first.

    Attributes:
        scores: (F,) in [0, 1].
        boxes: (F, 4) x, y, width, height around the face; their size says nothing.
        points: (F, 4, 2) the middle of the hips, a point of the circle around the body, above the head, the middle of
            the shoulders, and a point of the circle around the upper body.
    """

    scores: FloatArray
    boxes: FloatArray
    points: FloatArray

    @property
    def radius(self) -> FloatArray:
        """(F,) of the circle around the body."""
        return np.asarray(np.linalg.norm(self.points[:, 1] - self.points[:, 0], axis=-1))

    def chosen(self, rows: npt.NDArray[Any]) -> "Found":
        """Return those of some rows, by number or mask."""
        return Found(self.scores[rows], self.boxes[rows], self.points[rows])

    @property
    def alignments(self) -> FloatArray:
        """(F, 2, 2), see ``around_person``."""
        return self.points[:, :2]


class PersonNetwork:
    """The network.

    Args:
        path: pose_detection.tflite.
        threads: see ``Network``.

    Raises:
        ImportError, ValueError: see ``Network``.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._network = Network(path, threads)
        self._anchors = anchors()

    def find_all(self, image: Image) -> Found:
        """Return the people in an image, in pixels.

        It is looked at whole, as MediaPipe does, then, for people who are too small there, in overlapping parts, and
        at last around everyone, at their own size, as long as somebody else is found there: who stands beside others
        is often seen only so.
        """
        whole = self.find(image, whole_image(image))
        large = whole.radius >= _SMALLEST * max(image.shape[:2])
        others = [self._fitting(image, region) for region in parts(image)]
        found = distinct([whole.chosen(large)], others, [whole.chosen(~large)])
        looked = 0
        while looked < len(found.scores):
            regions = [region for alignment in found.alignments[looked:] for region in beside(alignment)]
            others = [self._fitting(image, region) for region in regions]
            looked = len(found.scores)
            found = distinct([found], others)
        return found

    def _fitting(self, image: Image, region: Region) -> Found:
        found = self.find(image, region)
        return found.chosen(found.radius <= _LARGEST * region.side)

    def find(self, image: Image, region: Region) -> Found:
        """Return the people in a region of an image, in pixels."""
        crop = region.crop(image, SIZE, cv2.BORDER_CONSTANT)
        boxes, scores = self._network(crop[None].astype(np.float32) / np.float32(127.5) - np.float32(1))
        found = merged(decoded(boxes[0], scores[0, :, 0], self._anchors))
        sides = region.side * found.boxes[:, 2:]
        middles = region.points(found.boxes[:, :2] + found.boxes[:, 2:] / 2)
        return Found(found.scores, np.concatenate([middles - sides / 2, sides], 1), region.points(found.points))


def anchors() -> FloatArray:
    """Return the middles (2254, 2) of the network's boxes, x and y as parts of the input's side."""
    rows = []
    for cells, each in _GRIDS:
        y, x = np.mgrid[:cells, :cells].reshape(2, -1) + 0.5
        rows.append(np.repeat(np.stack([x, y], -1) / cells, each, 0))
    return np.concatenate(rows)


def decoded(raw: Tensor, logits: Tensor, middles: FloatArray) -> Found:
    """Return whom the network sees, each of them many times; positions are parts of the input's side.

    Args:
        raw: (A, 12) px of the input: x, y, width, height of the box, then x and y of the points; positions
            relative to the anchor.
        logits: (A,).
        middles: (A, 2), see ``anchors``.
    """
    scores = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-_MAX_LOGIT, _MAX_LOGIT)))
    kept = np.flatnonzero(scores >= _MIN_SCORE)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    values = raw[kept].astype(np.float64) / SIZE
    points = values[:, 4:].reshape(-1, _POINTS, 2) + middles[kept, None]
    sides = values[:, 2:4]
    return Found(scores[kept], np.concatenate([values[:, :2] + middles[kept] - sides / 2, sides], 1), points)


def merged(found: Found) -> Found:
    """Return each person once: of boxes that overlap the surest one's, the mean weighted by score (BlazeFace)."""
    same = overlap(found.boxes, found.boxes) > _SAME
    left = np.ones(len(found.scores), bool)
    first, boxes, points = [], [], []
    for index in range(len(left)):
        if not left[index]:
            continue
        group = left & same[index]
        group[index] = True
        left &= ~group
        weights = found.scores[group] / found.scores[group].sum()
        first.append(index)
        boxes.append(weights @ found.boxes[group])
        points.append(np.tensordot(weights, found.points[group], 1))
    return Found(found.scores[first], np.reshape(boxes, (-1, 4)), np.reshape(points, (-1, _POINTS, 2)))


def distinct(*groups: Sequence[Found]) -> Found:
    """Return each of the people once: those of the first group, then those with other faces of the next, and so on.

    Of a group's finds with the same face the surest is taken.
    """
    found = joined([group.chosen(np.argsort(-group.scores, kind="stable")) for group in map(joined, groups)])
    faces = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    apart = np.linalg.norm(faces[:, None] - faces, axis=-1)
    same = apart < _CLOSE * np.minimum(found.radius[:, None], found.radius)
    kept: list[int] = []
    for index in range(len(faces)):
        if not same[index, kept].any():
            kept.append(index)
    return found.chosen(np.array(kept, int))


def joined(finds: Sequence[Found]) -> Found:
    """Return the people of some finds, one after the other."""
    return Found(
        np.concatenate([found.scores for found in finds]),
        np.concatenate([found.boxes for found in finds]),
        np.concatenate([found.points for found in finds]),
    )
