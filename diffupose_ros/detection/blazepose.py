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


"""2D skeletons by BlazePose: 33 joints, on a CPU, and a detector of people of its own.

V. Bazarevsky et al.: BlazePose: On-device Real-time Body Pose tracking, CVPR Workshops 2020. The networks are
MediaPipe's (Google, Apache-2.0); what is around them does as MediaPipe 0.10.21 does, for any number of people.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from diffupose_ros.detection.blazepose_files import NETWORKS
from diffupose_ros.detection.blazepose_landmarks import JOINTS, Pose, PoseNetwork
from diffupose_ros.detection.blazepose_people import PersonNetwork
from diffupose_ros.detection.blazepose_regions import Region, around_box, around_person, box_of
from diffupose_ros.detection.boxes import box_around, checked_boxes, checked_image, grown, overlap
from diffupose_ros.detection.detector import Detections, FloatArray, Image
from diffupose_ros.detection.litert import runtime
from diffupose_ros.detection.tracking import MARGIN, MIN_JOINTS, Skeletons, distinct

_PRESENT = 0.5  # from which on there is a person in a region
_FOUND = 0.7  # the same of somebody new: between two people, one made of both is seen now and then
_VISIBLE = 0.3  # from which on a joint counts for the box around a person
_SAME = 0.3  # intersection over union from which on a box is of somebody whose region is known
_AROUND = 0.2  # of a box's diagonal: what is shown of its surroundings to the detector of people


class BlazePose:
    """Finds people, and their joints in boxes: a ``PersonFinder`` and a ``Detector``.

    A box tells where a person is, but not how they lie, which BlazePose wants to know. It is known of those that
    ``find`` has found in this image, and of those that ``detect`` saw in the last one. For other boxes, and for
    people who were lost from one image to the next, the detector of people looks there again.

    The score of a joint is its visibility; the scores of a box without a person are 0.

    Args:
        threads: of the CPU; None: one for each core, four at most.

    Raises:
        ImportError: ai-edge-litert is not installed.
        OSError, ValueError: the networks are not here and cannot be fetched; see ``blazepose_files``.
    """

    layout = "mediapipe33"

    def __init__(self, threads: int | None = None) -> None:
        runtime()  # before anything is fetched in vain
        people, pose = NETWORKS.fetch_aloud()
        self._people, self._pose = PersonNetwork(people, threads), PoseNetwork(pose, threads)
        self._known: list[tuple[FloatArray, Region]] = []  # box and region of people in this image or the last

    def find(self, image: Image) -> FloatArray:
        """Return boxes (P, 4) as the tracker draws them, around the joints with a margin, the surest person first.

        Those of people whose height is a sixth of the image's longer side or more; see ``PersonNetwork``.
        """
        regions = [around_person(alignment) for alignment in self._people.find_all(checked_image(image)).alignments]
        poses = [self._pose.look(image, region) for region in regions]
        keypoints = np.reshape([pose.keypoints for pose in poses], (-1, JOINTS, 2))
        seen = np.reshape([_seen(pose) for pose in poses], (-1, JOINTS))
        kept = distinct(Skeletons(keypoints, seen), np.array([pose.presence for pose in poses]), self.layout)
        kept = [row for row in kept if poses[row].presence >= _FOUND]
        self._known += [(_box(poses[row]), regions[row]) for row in kept]
        return np.reshape([_box(poses[row]) for row in kept], (-1, 4))

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        poses = [self._look(image, box, region) for box, region in zip(boxes, self._regions(boxes), strict=True)]
        self._known = [
            (_box(pose), around_person(pose.alignment))
            for pose in poses
            if pose is not None and _seen(pose).sum() >= MIN_JOINTS
        ]
        keypoints, scores = np.zeros((len(boxes), JOINTS, 2)), np.zeros((len(boxes), JOINTS))
        for person, pose in enumerate(poses):
            if pose is not None:
                keypoints[person], scores[person] = pose.keypoints, pose.visibility
        return Detections(keypoints, scores, self.layout, profile="mediapipe")

    def _regions(self, boxes: FloatArray) -> list[Region | None]:
        """Of each box the region that is known, each of them once."""
        regions: list[Region | None] = [None] * len(boxes)
        if not self._known:
            return regions
        same = overlap(boxes, np.array([box for box, _ in self._known]))
        for row, column in zip(*linear_sum_assignment(same, maximize=True), strict=True):
            if same[row, column] >= _SAME:
                regions[row] = self._known[column][1]
        return regions

    def _look(self, image: Image, box: FloatArray, region: Region | None) -> Pose | None:
        if region is not None and (pose := self._pose.look(image, region)).presence >= _PRESENT:
            return pose
        found = self._people.find(image, around_box(grown(box, _AROUND))).alignments
        if not len(found):
            return None
        best = overlap(box[None], np.array([box_of(alignment) for alignment in found])).argmax()
        pose = self._pose.look(image, around_person(found[best]))
        return pose if pose.presence >= _PRESENT else None


def _seen(pose: Pose) -> npt.NDArray[np.bool_]:
    return pose.visibility >= _VISIBLE


def _box(pose: Pose) -> FloatArray:
    """The box that the tracker puts around a person."""
    return grown(box_around(pose.keypoints, _seen(pose)), MARGIN)
