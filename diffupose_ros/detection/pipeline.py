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

"""From an image to the 2D skeletons of people with ids: where they are, their joints, who they are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image, clipped, overlap
from diffupose_ros.detection.detector import Detections, Detector, FloatArray, Image
from diffupose_ros.detection.names import DETECTORS, FINDERS
from diffupose_ros.detection.people import PersonFinder, WholeImage
from diffupose_ros.detection.tracking import Tracker
from diffupose_ros.detection.weights import is_here

_SAME = 0.35
"""Intersection over union from which on a found box is that of a person who is tracked already: a body's box and
the same with the tracker's margin have about 0.4. What is missed here the tracker finds to be a duplicate."""


@dataclass(frozen=True)
class TrackedPeople:
    """P people in one image.

    Attributes:
        ids: of the P people, each different; see ``Tracker``.
        detections: their 2D skeletons.
        boxes: (P, 4) x, y, width, height in pixels, around their confident joints with a margin.
    """

    ids: tuple[str, ...]
    detections: Detections
    boxes: FloatArray


class Pipeline:
    """Finds people, their joints, and who is who.

    The detector looks at the boxes that are given; without any, at where the tracker expects people, and at what the
    finder finds. The finder, often slower than the detector, is asked when nobody is in sight, and every now and
    then for people who have come in.

    Args:
        detector: of joints in boxes.
        finder: of boxes in an image.
        tracker: of people over time.
        find_every: s after which the finder is asked although somebody is in sight; 0 = for each image.
        max_people: boxes that the detector is given at most: those of people in sight first.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        detector: Detector,
        finder: PersonFinder,
        tracker: Tracker,
        find_every: float = 1.0,
        max_people: int = 10,
    ) -> None:
        if not (find_every >= 0 and max_people >= 1):
            raise ValueError(
                f"expected find_every of 0 s or more and max_people of 1 or more, got {find_every} and {max_people}"
            )
        self.detector, self.finder, self.tracker = detector, finder, tracker
        self.find_every, self.max_people = find_every, max_people
        self._found_at = -np.inf

    def process(self, image: Image, time: float, boxes: npt.ArrayLike | None = None) -> TrackedPeople:
        """Return the people in an image.

        Args:
            image: (H, W, 3) uint8 BGR.
            time: s, stamp of the image; see ``Tracker`` for stamps that do not go forward.
            boxes: (P, 4) x, y, width, height in pixels of where people are, from elsewhere; P may be 0: nobody.
                None = not known.

        Raises:
            ValueError: an image, boxes or a time that do not fit; says what was expected.
            Exception: what the detector raises. The next image is not affected.
        """
        checked_image(image)
        if not np.isfinite(time):
            raise ValueError(f"time: expected seconds, got {time}")
        where = self._look(image, time) if boxes is None else checked_boxes(boxes)
        reaching = clipped(where, image.shape[1], image.shape[0])[:, 2:].min(-1) >= 1
        detections = self.detector.detect(image, where[reaching][: self.max_people])
        return TrackedPeople(*self.tracker.update(time, detections))

    def _look(self, image: Image, time: float) -> FloatArray:
        expected = self.tracker.predict(time)
        due = not 0 <= time - self._found_at < self.find_every  # also after a step back in time
        if self.tracker.in_sight and not due:
            return expected
        found = self.finder.find(image)
        self._found_at = time
        new = (overlap(found, expected) < _SAME).all(-1)
        return np.concatenate([expected, found[new]])


def load_pipeline(
    detector: str = "auto",
    weights: str = "",
    device: str = "auto",
    finder: str = "auto",
    find_every: float = 1.0,
    max_people: int = 10,
    forget_after: float = 1.0,
) -> Pipeline:
    """Return a pipeline of parts given by name.

    Args:
        detector: one of ``DETECTORS``; ``auto``: HRNet where weights are given or w32 was fetched, else BlazePose.
        weights: a name or a file of HRNet's weights (empty: w32), the file of an ONNX network, or what
            ``load_rtmlib`` takes; the others have their own, and take none.
        device: ``auto``, ``cpu``, ``cuda``, ...; BlazePose runs on the CPU.
        finder: ``auto``: the detector itself where it can find people, else BlazePose; ``whole_image``: one person
            who fills it.
        find_every: s, see ``Pipeline``.
        max_people: see ``Pipeline``.
        forget_after: s, see ``Tracker``.

    Raises:
        ValueError: an unknown name, a number out of range, weights that do not fit, a device that is not there.
        FileNotFoundError: no such weights.
        ConnectionError: the detector's own networks are not here and cannot be fetched.
        ImportError: an optional dependency is missing. All say what to do.
    """
    if finder not in FINDERS:
        raise ValueError(f"unknown finder {finder!r}: expected one of {', '.join(FINDERS)}")
    tracker = Tracker(forget_after)
    joints = _load_detector(detector, weights, device)
    where = WholeImage() if finder == "whole_image" else _finder_for(joints)
    return Pipeline(joints, where, tracker, find_every, max_people)


def _finder_for(detector: Detector) -> PersonFinder:
    if isinstance(detector, PersonFinder):
        return detector
    from diffupose_ros.detection.blazepose import BlazePose

    try:
        return BlazePose()
    except ImportError as error:
        raise ImportError(
            f"this detector is told by another where people are: {error}, or take the finder whole_image, for one "
            "person who fills the image"
        ) from None


def _load_detector(name: str, weights: str, device: str) -> Detector:
    # Imported here: each needs much that the others do not.
    if name == "auto":
        name = "hrnet" if weights or is_here("w32") else "blazepose"
    if weights and name in ("blazepose", "movenet"):
        raise ValueError(f"weights {weights!r}: the detector {name} has its own, leave these empty")
    if name == "blazepose":
        from diffupose_ros.detection.blazepose import BlazePose

        return BlazePose()
    if name == "hrnet":
        from diffupose_ros.detection.top_down import HRNetDetector

        return HRNetDetector(weights or "w32", device)
    if name == "movenet":
        from diffupose_ros.detection.movenet import MoveNet

        return MoveNet(device)
    if name == "onnx":
        from diffupose_ros.detection.onnx import load_onnx

        return load_onnx(weights, device)
    if name == "rtmlib":
        from diffupose_ros.detection.rtmlib import load_rtmlib

        return load_rtmlib(weights, device)
    raise ValueError(f"unknown detector {name!r}: expected one of {', '.join(DETECTORS)}")
